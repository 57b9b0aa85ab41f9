import Activations
import Checkpoints
import Kernels
import Models
import Tensors

/// How much what the dense model says depends on each output of its input projections: the diagonal
/// of the Fisher information,
///
///     F_i = E[(∂ log q(y) / ∂o_i)²]        y drawn from q, what the model says about the next token
///
/// To second order an error δ of the outputs costs KL = ½ Σ F_i E[δ_i²] nats, if those of different
/// outputs are independent: this makes errors of queries, gates and values of all layers comparable.
///
/// One forward and one backward pass through the dense model, a layer in memory at a time.
public struct OutputFisher: Sendable {
  /// Of each layer, F of the joined projections, [m].
  private let values: [[MoHDComponent: [Double]]]

  subscript(layer: Int, component: MoHDComponent) -> [Double] {
    values[layer][component] ?? []
  }

  /// Tokens that it is measured on. Four times as many took a static, budgeted SmolLM2 from 1.138 to
  /// 1.135 times the dense perplexity at 75 %, and from 2.11 to 2.06 at 50 %.
  static let tokenCount = 4096
  /// Tokens that go there and back together.
  private static let batchTokenCount = 1024
  /// Sequences are cut to this length: backward through attention needs its square.
  private static let longestSequence = 512
  private static let seed: UInt64 = 0

  /// - Parameters:
  ///   - batch: the calibration text; some of it is enough.
  ///   - progress: called as often as there are layers, in even parts of the work; what it throws
  ///     ends the work.
  /// - Throws: `ConversionError.noHead`, `.nonFinite`, `.nonFiniteStream`.
  init(
    of checkpoint: Checkpoint, on batch: TokenBatch, pool: WorkerPool,
    progress: (_ layer: Int) throws -> Void
  ) throws {
    guard let readout = Readout(checkpoint: checkpoint, pool: pool) else {
      throw ConversionError.noHead(path: checkpoint.folder)
    }
    let configuration = checkpoint.configuration
    let pieces = Self.pieces(of: batch)
    let sweep = LayerSweep(checkpoint: checkpoint, pool: pool)
    let gradient = BlockGradient(
      configuration, tokenCount: pieces.map(\.tokenCount).max() ?? 0,
      longestSequence: Self.longestSequence, pool: pool)
    var sums = (0..<configuration.layerCount).map { _ in
      Dictionary(
        uniqueKeysWithValues: MoHDComponent.allCases.map {
          ($0, [Double](repeating: 0, count: configuration.projectionWidth($0)))
        })
    }
    var rowCount = 0
    let stepCount = max(1, 2 * pieces.count * configuration.layerCount)
    var done = 0
    func step() throws {
      let before = done * configuration.layerCount / stepCount
      done += 1
      for part in before..<done * configuration.layerCount / stepCount { try progress(part) }
    }
    for (index, piece) in pieces.enumerated() {
      let residual = sweep.embed(piece)
      for layer in 0..<configuration.layerCount {
        gradient.goThrough(
          piece, layer: layer, of: sweep, sweep.loadedLayer(layer), residual: residual.view)
        // Backward, a NaN reaches every layer: only here it is seen where it arises.
        guard residual.view.withSpan({ Elementwise.fastest.countNonFinite($0) }) == 0 else {
          throw ConversionError.nonFiniteStream(layer: layer)
        }
        try step()
      }
      let d = Matrix(rowCount: piece.tokenCount, columnCount: configuration.hiddenSize)
      readout.scoreGradient(residual.view, seed: Self.seed &+ UInt64(index), into: d.view)
      for layer in (0..<configuration.layerCount).reversed() {
        gradient.goBack(
          piece, layer: layer, of: sweep, sweep.loadedLayer(layer), d: d.view, into: nil
        ) { component, derivative in
          // The first positions too: what all tokens attend to is where errors cost most. Without
          // them a static three quarters of SmolLM2 stand at 1.29 times the dense perplexity, not
          // at 1.13.
          for (output, square) in columnSquares(derivative).enumerated() {
            sums[layer][component]?[output] += Double(square)
          }
        }
        try step()
      }
      rowCount += piece.tokenCount
    }
    for layer in sums.indices {
      for component in MoHDComponent.allCases
      where sums[layer][component]?.contains(where: { !$0.isFinite }) ?? true {
        throw ConversionError.nonFinite(layer: layer, component: component)
      }
    }
    values = sums.map { $0.mapValues { $0.map { $0 / Double(max(rowCount, 1)) } } }
  }

  /// Memory that it takes beside the mapped model, in bytes: what is kept going forward, the
  /// derivatives of a batch, one layer and the head.
  ///
  /// - Parameter configuration: of the dense model.
  public static func memoryByteCount(
    _ configuration: ModelConfiguration, pool: WorkerPool
  ) -> Int {
    let read = MoHDComponent.allCases.reduce(0) { $0 + configuration.projectionWidth($1) }
    return BlockGradient.activationByteCount(configuration, tokenCount: batchTokenCount)
      + 4 * batchTokenCount * (read + 4 * configuration.hiddenSize)
      // Backward through attention: two squares for each worker.
      + 8 * pool.workerCount * longestSequence * longestSequence
      + LayerSweep.memoryByteCount(
        configuration, tokenCount: batchTokenCount, longestSequence: longestSequence, pool: pool)
      + Readout.memoryByteCount(configuration, pool: pool)
  }

  /// Tokens of this text that it is measured on.
  static func tokenCount(of batch: TokenBatch) -> Int {
    pieces(of: batch).reduce(0) { $0 + $1.tokenCount }
  }

  /// Sequences from all over the text, whole or their beginnings, in batches.
  private static func pieces(of batch: TokenBatch) -> [TokenBatch] {
    let whole = batch.sequences.filter { $0.rows.count > 1 }
    let count = whole.reduce(0) { $0 + min($1.rows.count, longestSequence) }
    // Every so many of them, so that all domains are among them.
    let step = max(1, count / tokenCount)
    var pieces: [TokenBatch] = []
    var (ids, sequences): ([Int32], [TokenBatch.Sequence]) = ([], [])
    func close() {
      if !ids.isEmpty { pieces.append(TokenBatch(tokenIDs: ids, sequences: sequences)) }
      (ids, sequences) = ([], [])
    }
    for sequence in stride(from: 0, to: whole.count, by: step).map({ whole[$0] }) {
      let rows = sequence.rows.prefix(longestSequence)
      if ids.count + rows.count > batchTokenCount { close() }
      let start = ids.count
      ids += batch.tokenIDs[rows]
      sequences.append(
        .init(
          rows: start..<ids.count, document: sequence.document, index: sequence.index))
    }
    close()
    return pieces
  }
}
