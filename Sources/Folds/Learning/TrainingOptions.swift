import Foundation
import Kernels

/// Everything beside model and text that decides what training does, as plan.json has it.
public struct TrainingOptions: Sendable, Equatable, Codable {
  /// Tokens in all, padding of short sequences included: steps are this over `batchTokens`.
  public var tokens: Int
  /// Tokens of a step, padding included: sequences are this over `sequenceLength`.
  public var batchTokens: Int
  public var sequenceLength: Int
  /// The rate at its highest.
  public var learningRate: Double
  public var schedule: LearningSchedule
  public var adam: AdamSettings
  /// The gradient's norm that a step is cut to; 0: none.
  public var clip: Double
  /// Standard deviation of matrices before the first step.
  public var initialDeviation: Double
  /// Of the routers' z-loss; 0: none.
  public var zLossWeight: Double
  public var seed: UInt64
  /// Steps between checkpoints, and between evaluations; the last step has both.
  public var checkpointEvery: Int
  public var evaluateEvery: Int
  /// Tokens of each domain that an evaluation reads at most.
  public var evaluationTokens: Int
  /// Checkpoints that are kept beside the last one, the latest first.
  public var keep: Int
  /// Checkpoints of steps that this divides are kept as well; 0: none.
  public var keepEvery: Int
  /// Whether a step whose loss is a spike changes nothing; see `SpikeWindow`.
  public var skipSpikes: Bool
  /// How often any text may be read.
  public var maximumEpochs: Double

  public init(
    tokens: Int, batchTokens: Int = 4096, sequenceLength: Int = 256, learningRate: Double,
    schedule: LearningSchedule = LearningSchedule(), adam: AdamSettings = AdamSettings(),
    clip: Double = 1, initialDeviation: Double, zLossWeight: Double = 0, seed: UInt64 = 42,
    checkpointEvery: Int = 100, evaluateEvery: Int = 100, evaluationTokens: Int = 16384,
    keep: Int = 1, keepEvery: Int = 0, skipSpikes: Bool = false, maximumEpochs: Double = 4
  ) {
    self.tokens = tokens
    self.batchTokens = batchTokens
    self.sequenceLength = sequenceLength
    self.learningRate = learningRate
    self.schedule = schedule
    self.adam = adam
    self.clip = clip
    self.initialDeviation = initialDeviation
    self.zLossWeight = zLossWeight
    self.seed = seed
    self.checkpointEvery = checkpointEvery
    self.evaluateEvery = evaluateEvery
    self.evaluationTokens = evaluationTokens
    self.keep = keep
    self.keepEvery = keepEvery
    self.skipSpikes = skipSpikes
    self.maximumEpochs = maximumEpochs
  }

  enum CodingKeys: String, CodingKey {
    case tokens, schedule, adam, clip, seed, keep
    case batchTokens = "batch_tokens"
    case sequenceLength = "sequence_length"
    case learningRate = "learning_rate"
    case initialDeviation = "initial_deviation"
    case zLossWeight = "z_loss_weight"
    case checkpointEvery = "checkpoint_every"
    case evaluateEvery = "evaluate_every"
    case evaluationTokens = "evaluation_tokens"
    case maximumEpochs = "maximum_epochs"
    case keepEvery = "keep_every"
    case skipSpikes = "skip_spikes"
  }

  public var sequencesPerStep: Int { batchTokens / max(sequenceLength, 1) }
  /// The last step may not be smaller than the others, so that a rate means the same in all.
  public var stepCount: Int { (tokens + batchTokens - 1) / max(batchTokens, 1) }
}

/// AdamW's constants (arXiv 1711.05101), as PyTorch has them.
public struct AdamSettings: Sendable, Equatable, Codable {
  public var beta1: Double
  public var beta2: Double
  public var epsilon: Double
  /// Of matrices alone: gains, biases and vectors of MoHD do not decay.
  public var weightDecay: Double

  public init(
    beta1: Double = 0.9, beta2: Double = 0.95, epsilon: Double = 1e-8, weightDecay: Double = 0
  ) {
    (self.beta1, self.beta2) = (beta1, beta2)
    (self.epsilon, self.weightDecay) = (epsilon, weightDecay)
  }

  enum CodingKeys: String, CodingKey {
    case beta1, beta2, epsilon
    case weightDecay = "weight_decay"
  }

  var kernel: Adam {
    var adam = Adam()
    (adam.beta1, adam.beta2) = (Float(beta1), Float(beta2))
    adam.epsilon = Float(epsilon)
    return adam
  }
}

/// The rate over a run: linear warm-up, then a cosine to a share of the highest, or constant.
public struct LearningSchedule: Sendable, Equatable, Codable {
  public enum Shape: String, Sendable, Equatable, Codable, CaseIterable {
    case cosine, constant
  }

  public var shape: Shape
  /// The share of all steps that warm up.
  public var warmup: Double
  /// The rate at the end, as a share of the highest.
  public var floor: Double

  public init(shape: Shape = .cosine, warmup: Double = 0.03, floor: Double = 0.1) {
    (self.shape, self.warmup, self.floor) = (shape, warmup, floor)
  }

  /// What the highest rate is multiplied by at `step` of `count`, from 1.
  public func factor(step: Int, of count: Int) -> Double {
    let warm = Int((warmup * Double(count)).rounded())
    if step <= warm { return Double(step) / Double(warm) }
    guard shape == .cosine, count > warm else { return 1 }
    let share = Double(step - warm) / Double(count - warm)
    return floor + (1 - floor) * 0.5 * (1 + cos(Double.pi * share))
  }
}

/// What goes well at a width, where nobody chose: measured at a width of 128 (start 0.1, rate 8e-3),
/// and the paper's at 1024 and more (0.02, 3e-4); in between on a straight line of logarithms.
public enum WidthDefaults {
  public static func initialDeviation(hiddenSize: Int) -> Double {
    between(hiddenSize, narrow: 0.1, wide: 0.02)
  }

  public static func learningRate(hiddenSize: Int) -> Double {
    between(hiddenSize, narrow: 8e-3, wide: 3e-4)
  }

  private static func between(_ width: Int, narrow: Double, wide: Double) -> Double {
    let place = log(Double(min(max(width, 128), 1024)) / 128) / log(8)
    let value = narrow * exp(place * log(wide / narrow))
    // Three digits: a plan is read by people.
    let scale = pow(10, 2 - log10(value).rounded(.down))
    return (value * scale).rounded() / scale
  }
}
