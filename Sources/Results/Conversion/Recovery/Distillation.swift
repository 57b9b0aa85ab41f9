import Checkpoints
import Foundation
import Kernels
import Models

/// How a distillation trains.
public struct DistillationSettings: Sendable, Codable, Equatable {
  /// Tokens to train on, at most.
  public var tokenCount: Int
  /// Tokens of one step.
  public var stepTokenCount = 1024
  /// The greatest step of Adam, as a share of the root mean square of the weights that read, or
  /// write, one dimension of the basis: those of different dimensions differ by orders of magnitude.
  public var rate = Self.usualRate
  /// Share of the steps over which the rate rises from 0; then it falls to 0 as a cosine.
  public var warmup = 0.05
  /// Gradients are shortened to this length, all together.
  public var greatestNorm = 1.0

  /// On 16,384 tokens of SmolLM2 a static half bears 3e-3 and gains most from this; single dimensions
  /// gain from this and lose from 2e-3.
  public static let usualRate = 1.5e-3

  public init(tokenCount: Int) { self.tokenCount = tokenCount }

  enum CodingKeys: String, CodingKey {
    case rate, warmup
    case tokenCount = "token_count"
    case stepTokenCount = "step_token_count"
    case greatestNorm = "greatest_norm"
  }

  /// The rate when `share` of the steps are done.
  func rate(share: Double) -> Double {
    share < warmup
      ? rate * (share / warmup)
      : rate * 0.5 * (1 + cos(.pi * (share - warmup) / max(1 - warmup, .leastNormalMagnitude)))
  }
}

/// What a distillation did: an entry of conversion.json.
public struct Distillation: Sendable, Codable, Equatable {
  /// Tokens that it trained on.
  public let tokenCount: Int
  public let heldOutTokenCount: Int
  public let settings: DistillationSettings
  /// Mean KL(dense ‖ converted) of held-out tokens in nats, before.
  public let lossBefore: Double
  /// The same afterwards; nil when numbers grew beyond all bounds.
  public let lossAfter: Double?
  /// Whether the trained weights were kept: only where held-out text came closer.
  public let isKept: Bool
  /// The same of each step's own tokens, before the step.
  public let losses: [Double]

  enum CodingKeys: String, CodingKey {
    case settings, losses
    case tokenCount = "token_count"
    case heldOutTokenCount = "held_out_token_count"
    case lossBefore = "loss_before"
    case lossAfter = "loss_after"
    case isKept = "kept"
  }
}

extension Distillation {
  /// Memory that a distillation takes beside the mapped model, in bytes: all layers' weights, and of
  /// what is trained gradients and two moments; what is kept on the way there; both heads.
  ///
  /// - Parameter configuration: of the converted model.
  public static func memoryByteCount(
    _ configuration: ModelConfiguration, recipe: ConversionRecipe, longestSequence: Int,
    pool: WorkerPool
  ) -> Int {
    let (hidden, layers) = (configuration.hiddenSize, configuration.layerCount)
    let read = MoHDComponent.allCases.reduce(0) { $0 + configuration.projectionWidth($1) }
    let written = configuration.queryWidth + configuration.intermediateSize
    let width = Int((recipe.times ?? 1).rounded(.up)) * hidden
    let trained = width * (read + (recipe.basis == .identity ? 0 : 2 * hidden))
    let tokens = max(recipe.distillation?.stepTokenCount ?? 0, longestSequence)
    return 4 * (layers * (hidden * written + 4 * trained) + tokens * (2 * read + 4 * hidden))
      + BlockGradient.activationByteCount(configuration, tokenCount: tokens)
      // The way back through attention: two squares for each worker.
      + 8 * pool.workerCount * longestSequence * longestSequence
      + LayerSweep.memoryByteCount(
        configuration, tokenCount: tokens, longestSequence: longestSequence, pool: pool)
      + 2 * Readout.memoryByteCount(configuration, pool: pool)
  }
}
