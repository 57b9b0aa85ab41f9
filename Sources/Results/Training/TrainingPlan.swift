import Checkpoints
import Files
import Foundation
import Learning

/// plan.json: everything that decides the bytes of a run, written before the first step.
///
/// It holds no date, host, path, or number of threads: equal plans give equal runs.
public struct TrainingPlan: Codable, Sendable, Equatable {
  public static let currentSchema = 1

  public let schema: Int
  public let model: ModelConfiguration
  public let options: TrainingOptions
  /// What made the ids.
  public let tokenizer: String
  public let domains: [Domain]
  /// SHA-256 of the checkpoint that training goes on from; nil: from scratch.
  public let start: String?

  /// One domain of the mix.
  public struct Domain: Codable, Sendable, Equatable {
    public let name: String
    public let weight: Double
    /// Of ids and documents.
    public let sha256: String
    public let documents: Int
    public let tokens: Int
    public let trainingSequences: Int
    public let heldOutSequences: Int
    /// Whether blocks of sequences are held out, for want of documents.
    public let holdsOutBlocks: Bool
    /// Sequences of one token, which nothing can be learnt from.
    public let droppedSequences: Int
    /// How often it is read in the whole run.
    public let epochs: Double

    enum CodingKeys: String, CodingKey {
      case name, weight, sha256, documents, tokens, epochs
      case trainingSequences = "training_sequences"
      case heldOutSequences = "held_out_sequences"
      case holdsOutBlocks = "holds_out_blocks"
      case droppedSequences = "dropped_sequences"
    }
  }

  /// - Throws: `LearningError.tooManyEpochs`, `TrainingError.badOption`.
  public init(
    model: ModelConfiguration, options: TrainingOptions, text: TrainingText, start: String?
  ) throws {
    try Self.check(options, model)
    let order = text.order(seed: options.seed, sequencesPerStep: options.sequencesPerStep)
    let epochs = order.epochs(stepCount: options.stepCount)
    for (domain, count) in zip(text.domains, epochs) where count > options.maximumEpochs {
      throw LearningError.tooManyEpochs(
        domain: domain.text.name, epochs: count, limit: options.maximumEpochs)
    }
    schema = Self.currentSchema
    self.model = model
    self.options = options
    tokenizer = text.domains.first?.text.tokenizer ?? ""
    domains = zip(text.domains, epochs).map { domain, epochs in
      Domain(
        name: domain.text.name, weight: domain.weight, sha256: domain.text.sha256,
        documents: domain.text.documentCount, tokens: domain.text.tokens.count,
        trainingSequences: domain.training.count, heldOutSequences: domain.heldOut.count,
        holdsOutBlocks: domain.holdsOutBlocks, droppedSequences: domain.droppedCount,
        epochs: epochs)
    }
    self.start = start
  }

  private static func check(
    _ options: TrainingOptions, _ model: ModelConfiguration
  ) throws(TrainingError) {
    func check(
      _ name: String, _ value: Double, _ range: ClosedRange<Double>
    ) throws(TrainingError) {
      guard value.isFinite, range.contains(value) else {
        throw .badOption(
          name: name, found: "\(value)",
          expected: "a number from \(range.lowerBound) to \(range.upperBound)")
      }
    }
    try check("--tokens", Double(options.tokens), 1...1e15)
    try check("--sequence-length", Double(options.sequenceLength), 2...1_048_576)
    try check("--batch-tokens", Double(options.batchTokens), 2...1_073_741_824)
    guard options.batchTokens % options.sequenceLength == 0 else {
      throw .badOption(
        name: "--batch-tokens", found: "\(options.batchTokens)",
        expected: "a multiple of --sequence-length (\(options.sequenceLength))")
    }
    guard options.tokens >= options.batchTokens else {
      throw .badOption(
        name: "--tokens", found: "\(options.tokens)",
        expected: "at least one step of \(options.batchTokens)")
    }
    guard options.sequenceLength <= model.contextLength else {
      throw .badOption(
        name: "--sequence-length", found: "\(options.sequenceLength)",
        expected: "at most the model's max_position_embeddings (\(model.contextLength))")
    }
    try check("--learning-rate", options.learningRate, 1e-12...10)
    try check("--initial-deviation", options.initialDeviation, 0...10)
    try check("--warmup", options.schedule.warmup, 0...1)
    try check("--final-rate", options.schedule.floor, 0...1)
    try check("--weight-decay", options.adam.weightDecay, 0...1)
    try check("--clip", options.clip, 0...1e9)
    try check("--z-loss", options.zLossWeight, 0...1e9)
    try check("--max-epochs", options.maximumEpochs, 1e-9...1e9)
    try check("--checkpoint-every", Double(options.checkpointEvery), 1...1e12)
    try check("--evaluate-every", Double(options.evaluateEvery), 1...1e12)
    try check("--evaluation-tokens", Double(options.evaluationTokens), 2...1e12)
    try check("--keep", Double(options.keep), 1...1e6)
    try check("--keep-every", Double(options.keepEvery), 0...1e12)
    guard options.keepEvery % options.checkpointEvery == 0 else {
      throw .badOption(
        name: "--keep-every", found: "\(options.keepEvery)",
        expected: "a multiple of --checkpoint-every (\(options.checkpointEvery))")
    }
  }

  /// The first field in which another plan differs, dots between keys; nil where none does.
  public func firstDifference(from other: TrainingPlan) throws -> String? {
    func value(_ plan: TrainingPlan) throws -> Any {
      try JSONSerialization.jsonObject(with: Data(JSONText.encode(plan)))
    }
    return Self.difference(try value(self), try value(other), "")
  }

  private static func difference(_ a: Any, _ b: Any, _ path: String) -> String? {
    func inner(_ key: String) -> String { path.isEmpty ? key : path + "." + key }
    if let a = a as? [String: Any], let b = b as? [String: Any] {
      for key in Set(a.keys).union(b.keys).sorted() {
        guard let left = a[key], let right = b[key] else { return inner(key) }
        if let found = difference(left, right, inner(key)) { return found }
      }
      return nil
    }
    if let a = a as? [Any], let b = b as? [Any] {
      guard a.count == b.count else { return path }
      for (index, (left, right)) in zip(a, b).enumerated() {
        if let found = difference(left, right, inner("\(index)")) { return found }
      }
      return nil
    }
    return String(describing: a) == String(describing: b) ? nil : path
  }
}
