import Activations
import Capture
import Checkpoints
import Kernels
import Models
import Tensors

/// One layer's activations on the calibration text.
struct LayerInputs: Sendable {
  /// [tokens, d].
  let attentionInput: MatrixView
  /// [tokens, d].
  let ffnInput: MatrixView
  /// Share of the residual stream's energy that attention and FFN add to it, the median over
  /// tokens; nil when the residual stream is not known.
  let outputShares: [MoHDComponent: Double]?
}

/// Where calibration activations come from; layer after layer, one layer in memory at a time.
public enum CalibrationSource {
  /// A forward pass over text.
  case text(TokenBatch, LayerSweep)
  /// A capture of the same model; it has to hold all layers' attention_input and ffn_input.
  case capture(CapturedText)
  /// A forward pass that was made before.
  case stored(CalibrationStore)

  /// All calibration tokens.
  public var batch: TokenBatch {
    switch self {
    case .text(let batch, _): batch
    case .capture(let text): text.batch
    case .stored(let store): store.batch
    }
  }

  /// What errors of the dense model's projections cost; of stored activations it is found once.
  ///
  /// - Parameter progress: called as often as there are layers.
  func outputFisher(
    of checkpoint: Checkpoint, pool: WorkerPool, progress: (_ layer: Int) throws -> Void
  ) throws -> OutputFisher {
    if case .stored(let store) = self, let known = store.outputFisher {
      for layer in 0..<checkpoint.configuration.layerCount { try progress(layer) }
      return known
    }
    let found = try OutputFisher(of: checkpoint, on: batch, pool: pool, progress: progress)
    if case .stored(let store) = self { store.outputFisher = found }
    return found
  }

  /// Calls `body` with each layer's activations, in order.
  func forEachLayer(
    layerCount: Int, _ body: (_ layer: Int, _ inputs: LayerInputs) throws -> Void
  ) throws {
    switch self {
    case .text(let batch, let sweep):
      let rows = CalibrationSink(
        tokenCount: batch.tokenCount, hiddenSize: sweep.configuration.hiddenSize)
      _ = try sweep.run(batch, into: rows) { layer in try body(layer, rows.inputs(batch)) }
    case .stored(let store):
      for layer in 0..<layerCount { try body(layer, store.inputs(layer: layer)) }
    case .capture(let text):
      let batch = text.batch
      for layer in 0..<layerCount {
        func read(_ hookPoint: HookPoint) throws -> SharedMatrix? {
          let site = ActivationSite(layer: layer, hookPoint: hookPoint)
          return text.reader.contains(site) ? try text.read(site) : nil
        }
        func needed(_ hookPoint: HookPoint) throws -> SharedMatrix {
          guard let matrix = try read(hookPoint) else {
            throw ConversionError.missingHookPoint(
              run: text.reader.path, layer: layer, hookPoint: hookPoint.rawValue)
          }
          return matrix
        }
        let (attention, ffn) = (try needed(.attentionInput), try needed(.ffnInput))
        var shares: [MoHDComponent: Double]?
        if let x = try read(.residualPre), let h = try read(.residualMid),
          let o = try read(.attentionOutput), let f = try read(.ffnOutput)
        {
          shares = [
            .attention: medianShare(rowEnergies(o.view), rowEnergies(x.view), batch),
            .ffn: medianShare(rowEnergies(f.view), rowEnergies(h.view), batch),
          ]
        }
        try body(
          layer,
          LayerInputs(attentionInput: attention.view, ffnInput: ffn.view, outputShares: shares))
      }
    }
  }
}

/// Keeps one layer's inputs, and where asked its outputs, or the energies of its outputs and of the
/// residual stream.
final class CalibrationSink: ActivationSink {
  private let measuresEnergies: Bool
  private let keepsOutputs: Bool
  private let attentionInput: SharedMatrix
  private let ffnInput: SharedMatrix
  /// No rows unless they are kept.
  private let attentionOutput: SharedMatrix
  private let ffnOutput: SharedMatrix
  /// ‖·‖² of each token at the hook points of `measured`, [tokens, 4].
  private let energies: SharedMatrix
  private static let measured: [HookPoint] = [
    .residualPre, .attentionOutput, .residualMid, .ffnOutput,
  ]

  init(
    tokenCount: Int, hiddenSize: Int, measuresEnergies: Bool = true, keepsOutputs: Bool = false
  ) {
    self.measuresEnergies = measuresEnergies
    self.keepsOutputs = keepsOutputs
    let outputCount = keepsOutputs ? tokenCount : 0
    attentionOutput = SharedMatrix(rowCount: outputCount, columnCount: hiddenSize)
    ffnOutput = SharedMatrix(rowCount: outputCount, columnCount: hiddenSize)
    attentionInput = SharedMatrix(rowCount: tokenCount, columnCount: hiddenSize)
    ffnInput = SharedMatrix(rowCount: tokenCount, columnCount: hiddenSize)
    energies = SharedMatrix(rowCount: tokenCount, columnCount: Self.measured.count)
  }

  func wants(_ site: ActivationSite) -> Bool {
    site.hookPoint == .attentionInput || site.hookPoint == .ffnInput
      || measuresEnergies && Self.measured.contains(site.hookPoint)
      || keepsOutputs && (site.hookPoint == .attentionOutput || site.hookPoint == .ffnOutput)
  }

  func begin(_ batch: TokenBatch) {}
  func finish(layer: Int) {}
  func end(_ batch: TokenBatch) {}

  func receive(_ values: Span<Float>, rows: Range<Int>, at site: ActivationSite) {
    let width = values.count / max(rows.count, 1)
    func keep(in matrix: SharedMatrix) {
      matrix.view.rows(rows).withMutableSpan { target in
        for index in values.indices { target[index] = values[index] }
      }
    }
    switch site.hookPoint {
    case .attentionInput: keep(in: attentionInput)
    case .ffnInput: keep(in: ffnInput)
    case .attentionOutput where keepsOutputs: keep(in: attentionOutput)
    case .ffnOutput where keepsOutputs: keep(in: ffnOutput)
    default:
      guard let column = Self.measured.firstIndex(of: site.hookPoint) else { return }
      for (index, row) in rows.enumerated() {
        var sum: Float = 0
        for entry in index * width..<(index + 1) * width { sum += values[entry] * values[entry] }
        energies.view[row, column] = sum
      }
    }
  }

  func rows(_ component: MoHDComponent) -> MatrixView {
    component == .attention ? attentionInput.view : ffnInput.view
  }

  func outputs(_ component: MoHDComponent) -> MatrixView {
    component == .attention ? attentionOutput.view : ffnOutput.view
  }

  func inputs(_ batch: TokenBatch) -> LayerInputs {
    func column(_ index: Int) -> [Float] {
      (0..<energies.view.rowCount).map { energies.view[$0, index] }
    }
    return LayerInputs(
      attentionInput: attentionInput.view, ffnInput: ffnInput.view,
      outputShares: [
        .attention: medianShare(column(1), column(0), batch),
        .ffn: medianShare(column(3), column(2), batch),
      ])
  }
}

/// ‖x‖² of each row.
private func rowEnergies(_ x: MatrixView) -> [Float] {
  (0..<x.rowCount).map { row in
    x.rows(row..<row + 1).withSpan { numbers in
      var sum: Float = 0
      for index in numbers.indices { sum += numbers[index] * numbers[index] }
      return sum
    }
  }
}

/// The median over tokens, the first of each sequence left out, of a ratio of energies.
private func medianShare(_ output: [Float], _ stream: [Float], _ batch: TokenBatch) -> Double {
  let shares = batch.sequences.flatMap { sequence in
    sequence.rows.dropFirst().map { Double(output[$0]) / max(Double(stream[$0]), 1e-30) }
  }.sorted()
  return shares.isEmpty ? 1 : shares[shares.count / 2]
}
