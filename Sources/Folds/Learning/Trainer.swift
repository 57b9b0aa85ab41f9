import Activations
import Checkpoints
import Files
import Foundation
import Kernels
import Models
import Tensors

/// Weights, moments, and the steps that change them: training without files.
public final class Trainer {
  public let options: TrainingOptions
  public let text: TrainingText
  public let weights: ModelTensors
  public let optimizer: Optimizer
  /// Steps that are done.
  public private(set) var step: Int
  /// Losses before the next step's.
  public private(set) var spikes: SpikeWindow
  private let gradients: ModelTensors
  private let pass: TrainingPass
  private var order: BatchOrder
  private let pool: WorkerPool

  /// - Parameters:
  ///   - weights: where training begins, or goes on; they are changed in place.
  ///   - step: steps that are done.
  ///   - spikes: the losses before.
  public init(
    _ weights: ModelTensors, text: TrainingText, options: TrainingOptions, step: Int = 0,
    spikes: SpikeWindow = SpikeWindow(), pool: WorkerPool
  ) {
    self.spikes = spikes
    self.weights = weights
    self.text = text
    self.options = options
    self.step = step
    self.pool = pool
    gradients = weights.zeros()
    optimizer = Optimizer(weights, settings: options.adam, pool: pool)
    pass = TrainingPass(
      weights, tokenCount: options.batchTokens, longestSequence: options.sequenceLength,
      zWeight: options.zLossWeight, pool: pool)
    order = text.order(seed: options.seed, sequencesPerStep: options.sequencesPerStep)
  }

  /// Takes the next step.
  ///
  /// - Throws: `TrainingFailure.notFinite`; nothing has changed then.
  public func next() throws(TrainingFailure) -> StepRecord {
    let number = step + 1
    let batch = text.batch(order.step(number))
    let losses = pass.run(batch, weights, into: gradients)
    let norm = optimizer.norm(of: gradients)
    guard losses.total.isFinite, norm.isFinite else {
      throw .notFinite(step: number, tensor: firstNotFinite())
    }
    let rate = options.learningRate * options.schedule.factor(step: number, of: options.stepCount)
    let isSpike = spikes.take(losses.crossEntropy)
    if !(isSpike && options.skipSpikes) {
      optimizer.step(
        number, weights, gradients, rate: rate, clip: options.clip, norm: norm)
    }
    step = number
    return StepRecord(
      step: number, losses: losses, gradientNorm: norm, learningRate: rate, batch: batch,
      isSpike: isSpike)
  }

  /// What the held-out text of each domain costs.
  ///
  /// - Parameter between: called after each batch; what it throws ends the evaluation.
  public func evaluate(between: () throws -> Void = {}) throws -> EvaluationRecord {
    var domains: [String: EvaluationRecord.Domain] = [:]
    for (index, domain) in text.domains.enumerated() where !domain.heldOut.isEmpty {
      var (nats, count) = (0.0, 0)
      for batch in text.heldOutBatches(index, tokenCount: options.batchTokens) {
        let losses = pass.run(batch, weights)
        nats += losses.crossEntropySum
        count += losses.scoredCount
        try between()
      }
      domains[domain.text.name] = EvaluationRecord.Domain(
        nats: nats, tokens: count, tokensPerByte: domain.tokensPerByte)
    }
    return EvaluationRecord(step: step, domains: domains)
  }

  /// The first tensor, of weights and then of gradients, that holds what is no number.
  private func firstNotFinite() -> String {
    weights.firstNotFinite ?? gradients.firstNotFinite.map { $0 + " (its gradient)" }
      ?? "the loss alone"
  }
}

extension ModelTensors {
  /// The first tensor that holds what is infinite or not a number; nil: none does.
  public var firstNotFinite: String? {
    entries.first { entry in
      storage.columns(entry.range).withSpan { Elementwise.fastest.countNonFinite($0) } > 0
    }?.name
  }
}

/// What can go wrong in a step.
public enum TrainingFailure: ReportableError, Equatable {
  case notFinite(step: Int, tensor: String)

  public var exitStatus: ExitStatus { .badInput }

  public var description: String {
    switch self {
    case .notFinite(let step, let tensor):
      "step \(step): the loss is not finite; the first tensor with such a number: \(tensor); "
        + "the last checkpoint is kept: lower --learning-rate or --initial-deviation"
    }
  }
}

/// One line of train.jsonl.
public struct StepRecord: Codable, Sendable, Equatable {
  public let step: Int
  /// Nats a token, a mean over the scored ones.
  public let crossEntropy: Double
  /// β included; 0 in a dense model.
  public let balanceLoss: Double
  public let zLoss: Double
  /// Before it is cut.
  public let gradientNorm: Double
  public let learningRate: Double
  /// The first eight bytes of the SHA-256 of the step's ids and lengths.
  public let batch: String
  /// Tokens, and those that are scored.
  public let tokens: Int
  public let scored: Int
  /// Of all routers.
  public let alpha: Alpha?
  /// Whether the loss stands out of those before; nil: it does not.
  public let spike: Bool?
  /// Layer by layer, attention and FFN: the share of tokens of each sub-dimension.
  public let load: [[[Double]]]?

  public struct Alpha: Codable, Sendable, Equatable {
    public let least: Double
    public let mean: Double
    public let greatest: Double
  }

  enum CodingKeys: String, CodingKey {
    case step, batch, tokens, scored, alpha, load, spike
    case crossEntropy = "cross_entropy"
    case balanceLoss = "balance_loss"
    case zLoss = "z_loss"
    case gradientNorm = "gradient_norm"
    case learningRate = "learning_rate"
  }

  init(
    step: Int, losses: StepLosses, gradientNorm: Double, learningRate: Double, batch: TokenBatch,
    isSpike: Bool
  ) {
    self.step = step
    spike = isSpike ? true : nil
    crossEntropy = losses.crossEntropy
    balanceLoss = losses.balanceLoss
    zLoss = losses.zLoss
    self.gradientNorm = gradientNorm
    self.learningRate = learningRate
    self.batch = batch.fingerprint
    tokens = batch.tokenCount
    scored = losses.scoredCount
    let routers = losses.routers.joined()
    guard !routers.isEmpty else {
      (alpha, load) = (nil, nil)
      return
    }
    alpha = Alpha(
      least: routers.map { $0.alpha.least }.min() ?? 0,
      mean: routers.reduce(0) { $0 + $1.alpha.mean } / Double(routers.count),
      greatest: routers.map { $0.alpha.greatest }.max() ?? 0)
    // Shares of a step's tokens: four digits say all there is.
    load = losses.routers.map { $0.map { $0.load.map { ($0 * 1e4).rounded() / 1e4 } } }
  }
}

/// One line of evaluation.jsonl.
public struct EvaluationRecord: Codable, Sendable, Equatable {
  public let step: Int
  public let domains: [String: Domain]

  public struct Domain: Codable, Sendable, Equatable {
    /// Nats a token.
    public let crossEntropy: Double
    public let bitsPerByte: Double
    /// Of a token.
    public let perplexity: Double
    /// That are scored.
    public let tokens: Int

    enum CodingKeys: String, CodingKey {
      case perplexity, tokens
      case crossEntropy = "cross_entropy"
      case bitsPerByte = "bits_per_byte"
    }

    init(nats: Double, tokens: Int, tokensPerByte: Double) {
      crossEntropy = nats / Double(max(tokens, 1))
      bitsPerByte = crossEntropy / log(2) * tokensPerByte
      perplexity = exp(crossEntropy)
      self.tokens = tokens
    }
  }
}

extension TokenBatch {
  /// The first eight bytes of the SHA-256 of ids and lengths, as 16 digits.
  fileprivate var fingerprint: String {
    let ids = littleEndian(tokenIDs.map { UInt64(UInt32(bitPattern: $0)) }, 4)
    let lengths = littleEndian(sequences.map { UInt64($0.rows.count) }, 4)
    return String(SHA256.hash(ids + lengths).prefix(16))
  }
}
