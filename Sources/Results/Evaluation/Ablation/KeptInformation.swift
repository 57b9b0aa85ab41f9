import Activations
import Checkpoints
import Kernels
import Models

/// What a converted model, or a variant of it, still says of what the dense one says: in its logits,
/// and in each layer's outputs.
public struct KeptInformation: Codable, Sendable, Equatable {
  /// One of the two is there.
  public var routing: RoutingVariant?
  public var removed: RemovablePart?
  /// KL(dense‖variant), in nats a position.
  public var divergence: Estimate
  /// Fraction of positions at which the most likely token is the same.
  public var agreement: Estimate
  /// Every layer's outputs beside the dense model's.
  public var reconstruction: [LayerReconstruction]

  enum CodingKeys: String, CodingKey {
    case routing, removed, reconstruction
    case divergence = "kl_divergence"
    case agreement = "top1_agreement"
  }
}

/// Measures it, of the model as it is and of variants that change what it keeps.
struct InformationMeasurement {
  let dense: Checkpoint
  let converted: Checkpoint
  let text: AblationText
  let pool: WorkerPool

  /// Names a result on the shelf.
  private struct Name: Encodable { let information: AblationSetting }

  /// Tokens that go through a model for one variant: both models read everything.
  var tokenCount: Int { 2 * text.corpus.tokenCount }

  /// Those that are measured of a plan: static sets are chosen on part of this text.
  static func settings(of plan: [AblationSetting]) -> [AblationSetting] {
    plan.filter { setting in
      if setting.removed != nil { return true }
      return setting.routing.map { [.own, .random, .all].contains($0) } ?? false
    }
  }

  /// What is kept already; nil for what has to be measured.
  func known(_ setting: AblationSetting, on shelf: ResultShelf?) throws -> KeptInformation? {
    try shelf?.result(KeptInformation.self, of: Name(information: setting))
  }

  /// nil for a variant whose logits are not finite.
  ///
  /// - Parameter progress: called with tokens that are done; what it throws ends the work.
  func measure(
    _ setting: AblationSetting, shelf: ResultShelf?, progress: (_ tokens: Int) throws -> Void
  ) throws -> KeptInformation? {
    let comparison = try PairedComparison(
      dense: dense, converted: converted, corpus: text.corpus, pool: pool, execution: .naive,
      intervention: setting.intervention(fixed: nil, balancing: nil))
    let layerCount = max(1, dense.configuration.layerCount)
    let found: PairedResult
    do {
      found = try comparison.run { try progress(2 * $0 / layerCount) }
    } catch EvaluationError.notFinite {
      return nil
    }
    let kept = KeptInformation(
      routing: setting.routing, removed: setting.removed, divergence: found.all.divergence,
      agreement: found.all.agreement, reconstruction: found.reconstruction)
    try shelf?.keep(kept, of: Name(information: setting))
    return kept
  }
}
