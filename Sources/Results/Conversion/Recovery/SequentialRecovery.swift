import Activations
import Checkpoints
import Files
import Kernels
import Models
import Tensors

/// One step of recovery: an entry of conversion.json's loss curve.
public struct RecoveryStep: Sendable, Codable, Equatable {
  /// What was fitted.
  public enum Part: String, Sendable, Codable {
    case weights, fusion
  }

  public let layer: Int
  public let component: MoHDComponent
  public let part: Part
  /// Squared distance of the residual stream behind the layer from the dense model's, as a share of
  /// its energy, the mean over held-out tokens.
  public let errorBefore: Double
  /// The same after the fit; equal when nothing helped.
  public let errorAfter: Double

  enum CodingKeys: String, CodingKey {
    case layer, component, part
    case errorBefore = "error_before"
    case errorAfter = "error_after"
  }
}

/// Layer-local recovery, in sequence: each component's kept weights are fitted again, by ridge
/// regression, to what the dense model's component gives for the same tokens, from the inputs that
/// it gets behind the converted layers before it. Later layers so repair what earlier ones lost.
///
/// Ŵᵀ = (E[z̃ z̃ᵀ] + λI)⁻¹ (E[z̃ a_denseᵀ]Wᵀ + λ W̃ᵀ); λ is chosen on held-out tokens, and W̃ stays
/// where nothing helps. A fusion is then fitted to what the dense component writes, from what the
/// converted one writes (`MonarchFit`).
struct SequentialRecovery {
  let dense: Checkpoint
  /// The folder that the conversion wrote; layer shards are replaced in it.
  let folder: String
  let recipe: ConversionRecipe
  let batch: TokenBatch
  let pool: WorkerPool

  /// λ as a share of the mean of E[z̃ z̃ᵀ]'s diagonal.
  static let penalties = [0.03, 0.3, 3]

  /// - Parameter progress: called after each layer.
  func run(progress: (_ layer: Int) throws -> Void) throws -> [RecoveryStep] {
    let split = try CalibrationSplit(batch)
    let configuration = dense.configuration
    let source = LayerSweep(checkpoint: dense, pool: pool)
    let denseResidual = source.embed(batch)
    let residual = SharedMatrix(
      rowCount: batch.tokenCount, columnCount: configuration.hiddenSize)
    copy(denseResidual.view, into: residual.view)
    let scratch = SharedMatrix(
      rowCount: batch.tokenCount, columnCount: configuration.hiddenSize)
    func sink() -> CalibrationSink {
      CalibrationSink(
        tokenCount: batch.tokenCount, hiddenSize: configuration.hiddenSize, measuresEnergies: false,
        keepsOutputs: recipe.fusion != .none)
    }
    let (wanted, given) = (sink(), sink())
    // The first token of a sequence is what all others attend to: it is fitted too.
    let fitting = (split.fitting + batch.sequences.map(\.rows.lowerBound)).sorted()
    let judged = batch.sequences.filter { split.holds($0.rows) }.flatMap(\.rows)
    var steps: [RecoveryStep] = []
    for layer in 0..<configuration.layerCount {
      source.load(layer: layer)
      source.pass(batch, through: layer, residual: denseResidual.view, sink: wanted)
      /// Runs the layer as it is in the folder; what it gives is in `scratch`.
      func output(_ sink: any ActivationSink) throws -> Double {
        copy(residual.view, into: scratch.view)
        let sweep = LayerSweep(checkpoint: try Checkpoint.open(folder), pool: pool)
        sweep.load(layer: layer)
        sweep.pass(batch, through: layer, residual: scratch.view, sink: sink)
        return relativeError(scratch.view, denseResidual.view, rows: judged)
      }
      var error = try output(given)
      for component in MoHDComponent.allCases {
        let untouched = try Checkpoint.open(folder)
        guard let settings = untouched.configuration.mohd?[component][layer] else { continue }
        /// Writes a fitted part, and takes it back where the layer's output does not come closer:
        /// not all that helps a projection does.
        func judge(
          _ part: RecoveryStep.Part, weights: SharedMatrix? = nil,
          fusion: (right: SharedMatrix, left: SharedMatrix?)? = nil
        ) throws {
          let before = error
          let converted = try Checkpoint.open(folder)
          let old = ConvertedComponent(
            reading: component, settings: settings, layer: layer, of: converted)
          try ConvertedLayer.replace(
            component, layer: layer, of: converted, with: weights, fusion: fusion, in: folder)
          let after = try output(given)
          if after < before {
            error = after
          } else {
            try ConvertedLayer.replace(
              component, layer: layer, of: converted, with: old.weights, fusion: old.fusion,
              in: folder)
            _ = try output(given)
          }
          steps.append(
            RecoveryStep(
              layer: layer, component: component, part: part, errorBefore: before,
              errorAfter: min(before, after)))
        }
        if recipe.recovers,
          let weights = ComponentRecovery(
            dense: dense, converted: untouched, layer: layer, component: component,
            settings: settings
          ).fit(
            inputs: given.rows(component), targets: wanted.rows(component), fitting: fitting,
            heldOut: split.heldOut)
        {
          try judge(.weights, weights: weights)
        }
        if settings.fusion != .none,
          let fusion = FusionFit(
            settings: settings, order: untouched.outputOrder(component, layer: layer)
          ).fit(
            outputs: given.outputs(component), targets: wanted.outputs(component),
            fitting: fitting, heldOut: split.heldOut)
        {
          try judge(.fusion, fusion: fusion)
        }
      }
      copy(scratch.view, into: residual.view)
      try progress(layer)
    }
    return steps
  }

  /// Mean over tokens of ‖x − y‖² / ‖y‖².
  private func relativeError(_ x: MatrixView, _ y: MatrixView, rows: [Int]) -> Double {
    var sum = 0.0
    for row in rows {
      var (difference, energy) = (0.0, 0.0)
      x.rows(row..<row + 1).withSpan { x in
        y.rows(row..<row + 1).withSpan { y in
          for index in x.indices {
            difference += Double((x[index] - y[index]) * (x[index] - y[index]))
            energy += Double(y[index] * y[index])
          }
        }
      }
      sum += difference / max(energy, .leastNormalMagnitude)
    }
    return sum / Double(max(rows.count, 1))
  }
}
