import Activations
import Checkpoints
import Corpora
import Kernels
import Models
import Synchronization
import Tensors

/// A dense model and what was made of it, taken through the same text in lock step: layer by layer,
/// so that one layer of each is in memory, and a panel of logits of each at the end.
public final class PairedComparison {
  private let dense: LayerSweep
  private let converted: LayerSweep
  private let denseReadout: Readout
  private let convertedReadout: Readout
  private let corpus: TokenizedCorpus
  private let cuts: [Range<Int>]

  /// Tokens that batches are filled up to: three hook points of one layer are kept for as many.
  static let batchTokenCount = 4096

  /// - Parameters:
  ///   - execution: of the converted model.
  ///   - intervention: in the converted model.
  /// - Throws: `EvaluationError` when the two models' sizes differ, or one has no output projection.
  public init(
    dense: Checkpoint, converted: Checkpoint, corpus: TokenizedCorpus, pool: WorkerPool,
    execution: MoHDExecution = .automatic, intervention: Intervention = Intervention()
  ) throws(EvaluationError) {
    let (one, other) = (dense.configuration, converted.configuration)
    for (field, size, otherSize) in [
      ("vocab_size", one.vocabularySize, other.vocabularySize),
      ("num_hidden_layers", one.layerCount, other.layerCount),
      ("hidden_size", one.hiddenSize, other.hiddenSize),
    ] where size != otherSize {
      throw .differentModels(field: field, dense: size, converted: otherSize)
    }
    guard let denseReadout = Readout(checkpoint: dense, pool: pool),
      let convertedReadout = Readout(checkpoint: converted, pool: pool)
    else { throw .noOutputProjection }
    (self.denseReadout, self.convertedReadout) = (denseReadout, convertedReadout)
    self.dense = LayerSweep(checkpoint: dense, pool: pool)
    self.converted = LayerSweep(
      checkpoint: converted, pool: pool, execution: execution, intervention: intervention)
    self.corpus = corpus
    cuts = Self.cuts(corpus)
    guard corpus.sequences.contains(where: { $0.rows.count > 1 }) else { throw .nothingToScore }
  }

  /// Tokens times layers that go through a model, for progress.
  public var stepCount: Int { corpus.tokenCount * dense.configuration.layerCount }

  /// Memory beyond the mapped files, in bytes.
  public static func memoryByteCount(
    dense: ModelConfiguration, converted: ModelConfiguration, corpus: TokenizedCorpus,
    pool: WorkerPool
  ) -> Int {
    let largest = cuts(corpus).map { tokenCount(of: corpus.sequences[$0]) }.max() ?? 0
    let longest = corpus.sequences.map(\.rows.count).max() ?? 0
    let recorded = reconstructedHookPoints.count * largest * dense.hiddenSize
    return [dense, converted].reduce(4 * recorded + 4 * corpus.tokenCount) { sum, model in
      sum + Readout.memoryByteCount(model, pool: pool)
        + LayerSweep.memoryByteCount(
          model, tokenCount: largest, longestSequence: longest, pool: pool)
    }
  }

  /// - Parameter progress: called with steps that are done; what it throws ends the work.
  /// - Throws: `EvaluationError.notFinite`, and what `progress` throws.
  public func run(progress: (_ steps: Int) throws -> Void = { _ in }) throws -> PairedResult {
    let layerCount = dense.configuration.layerCount
    let hiddenSize = dense.configuration.hiddenSize
    let largest = cuts.map { Self.tokenCount(of: corpus.sequences[$0]) }.max() ?? 0
    let recorder = LayerRecorder(tokenCount: largest, hiddenSize: hiddenSize)
    var sums = [[ReconstructionSums]](
      repeating: reconstructedHookPoints.map { _ in ReconstructionSums(width: hiddenSize) },
      count: layerCount)
    var sequences: [PairedSequence] = []
    let routers = converted.configuration.mohd.map { RouterSink($0) }
    var done = 0
    for cut in cuts {
      let batch = corpus.batch(cut)
      routers?.begin(batch) { corpus.domain(of: $0) }
      let stream = dense.embed(batch)
      let otherStream = converted.embed(batch)
      let sink = ReconstructionSink(batch, recorder: recorder, hiddenSize: hiddenSize)
      for layer in 0..<layerCount {
        dense.load(layer: layer)
        dense.pass(batch, through: layer, residual: stream.view, sink: recorder)
        converted.load(layer: layer)
        converted.pass(
          batch, through: layer, residual: otherStream.view,
          sink: Tee([sink] + (routers.map { [$0] } ?? [])))
        routers?.finish(layer: layer)
        for (index, hookPoint) in reconstructedHookPoints.enumerated() {
          sums[layer][index].add(sink.take(hookPoint))
        }
        done += batch.tokenCount
        try progress(done)
      }
      sequences += try read(batch, stream.view, otherStream.view)
    }
    return PairedResult(
      corpus: corpus, sequences: sequences, reconstruction: sums,
      routers: routers?.results(domains: corpus.domains.map(\.name)) ?? [])
  }

  // MARK: - Private

  private static func tokenCount(of sequences: ArraySlice<TokenBatch.Sequence>) -> Int {
    sequences.reduce(0) { $0 + $1.rows.count }
  }

  /// How sequences are put together: whole ones, in order, until a batch is full.
  static func cuts(_ corpus: TokenizedCorpus) -> [Range<Int>] {
    var cuts: [Range<Int>] = []
    var (start, count) = (0, 0)
    for (index, sequence) in corpus.sequences.enumerated() {
      if count > 0 && count + sequence.rows.count > batchTokenCount {
        cuts.append(start..<index)
        (start, count) = (index, 0)
      }
      count += sequence.rows.count
    }
    if start < corpus.sequences.count { cuts.append(start..<corpus.sequences.count) }
    return cuts
  }

  /// What the logits of one position say.
  private struct Position: Sendable {
    var divergence = 0.0
    var agrees = false
    var loss = 0.0
    var otherLoss = 0.0
  }

  private func read(
    _ batch: TokenBatch, _ stream: MatrixView, _ otherStream: MatrixView
  ) throws(EvaluationError) -> [PairedSequence] {
    // The next token of each row; its own where the sequence ends, which nobody scores.
    var next = batch.tokenIDs
    for sequence in batch.sequences {
      for row in sequence.rows.dropLast() { next[row] = batch.tokenIDs[row + 1] }
    }
    let targets = next
    let positions = Mutex([Position](repeating: Position(), count: batch.tokenCount))
    denseReadout.forEachPanel(stream, beside: convertedReadout, otherStream) {
      rows, logits, otherLogits in
      let kernels = Elementwise.fastest
      let values = rows.map { row in
        let index = row - rows.lowerBound
        let (one, other) = (logits.rows(index..<index + 1), otherLogits.rows(index..<index + 1))
        let target = Int(targets[row])
        let compared = kernels.divergence(one, other)
        return Position(
          divergence: compared.divergence,
          agrees: kernels.indexOfLargest(one) == kernels.indexOfLargest(other),
          loss: compared.logSumExp - Double(one[0, target]),
          otherLoss: compared.otherLogSumExp - Double(other[0, target]))
      }
      positions.withLock { $0.replaceSubrange(rows, with: values) }
    }
    let all = positions.withLock { $0 }
    var result: [PairedSequence] = []
    for sequence in batch.sequences {
      var sums = PairedSequence(
        domain: corpus.documents[sequence.document].domain, document: sequence.document,
        positionCount: sequence.rows.count)
      for row in sequence.rows {
        sums.divergence += all[row].divergence
        sums.agreeing += all[row].agrees ? 1 : 0
        guard row + 1 < sequence.rows.upperBound else { continue }
        sums.loss += all[row].loss
        sums.otherLoss += all[row].otherLoss
      }
      for (name, value) in [
        ("the dense model", sums.loss), ("the converted model", sums.otherLoss),
        ("one of the models", sums.divergence),
      ] where !value.isFinite {
        throw .notFinite(model: name, document: sequence.document)
      }
      result.append(sums)
    }
    return result
  }
}
