import ArgumentParser
import Learning
import Training

extension LearningSchedule.Shape: ExpressibleByArgument {}

/// How training goes; what is not said is the preset's, or goes by the model's width.
struct RecipeArguments: ParsableArguments {
  @Option(help: "Tokens to train on, all steps together.")
  var tokens: Int?

  @Option(help: "Tokens of a step. (default: 4096, or the preset's)")
  var batchTokens: Int?

  @Option(help: "Tokens of a sequence. (default: 256, or the preset's)")
  var sequenceLength: Int?

  @Option(help: "The rate at its highest. (default: by width)")
  var learningRate: Double?

  @Option(help: "Standard deviation of matrices before the first step. (default: by width)")
  var initialDeviation: Double?

  @Option(help: "The rate over the run: cosine or constant. (default: cosine)")
  var schedule: LearningSchedule.Shape?

  @Option(help: "The share of steps in which the rate rises. (default: 0.03; constant: 0)")
  var warmup: Double?

  @Option(help: "The rate at the end of a cosine, as a share of the highest. (default: 0.1)")
  var finalRate: Double?

  @Option(help: "AdamW's decay, of matrices alone. (default: 0)")
  var weightDecay: Double?

  @Option(help: "The norm that gradients are cut to; 0: they are not. (default: 1)")
  var clip: Double?

  @Option(help: "Weight of the routers' z-loss. (default: 0)")
  var zLoss: Double?

  @Option(help: "Decides the start and the order of text. (default: 42)")
  var seed: UInt64?

  @Option(help: "Steps between checkpoints. (default: 100)")
  var checkpointEvery: Int?

  @Option(help: "Steps between evaluations. (default: 100)")
  var evaluateEvery: Int?

  @Option(
    help: "Held-out tokens of each domain that an evaluation reads at most. (default: 16384)")
  var evaluationTokens: Int?

  @Option(help: "Checkpoints to keep, the latest first. (default: 2)")
  var keep: Int?

  @Option(help: "Keep every checkpoint of a step that this divides, too.")
  var keepEvery: Int?

  @Flag(help: "Let a step whose loss is a spike (6 σ over 128 steps) change nothing.")
  var skipSpikes = false

  @Option(help: "How often any text may be read. (default: 4)")
  var maxEpochs: Double?

  /// Whether anything was said: a plan says all of it.
  var isEmpty: Bool {
    let given: [Any?] = [
      tokens, batchTokens, sequenceLength, learningRate, initialDeviation, schedule, warmup,
      finalRate, weightDecay, clip, zLoss, seed, checkpointEvery, evaluateEvery, evaluationTokens,
      keep, keepEvery, maxEpochs,
    ]
    return given.allSatisfy { $0 == nil } && !skipSpikes
  }

  /// - Throws: a usage error when nothing says how many tokens.
  func options(_ preset: TrainingPreset?, hiddenSize: Int) throws -> TrainingOptions {
    guard let tokens = tokens ?? preset?.tokens else {
      throw ValidationError("--tokens: expected how many tokens to train on")
    }
    return TrainingOptions(
      tokens: tokens, batchTokens: batchTokens ?? preset?.batchTokens ?? 4096,
      sequenceLength: sequenceLength ?? preset?.sequenceLength ?? 256,
      learningRate: learningRate ?? preset?.learningRate
        ?? WidthDefaults.learningRate(hiddenSize: hiddenSize),
      schedule: LearningSchedule(
        shape: schedule ?? .cosine, warmup: warmup ?? (schedule == .constant ? 0 : 0.03),
        floor: finalRate ?? 0.1), adam: AdamSettings(weightDecay: weightDecay ?? 0),
      clip: clip ?? 1,
      initialDeviation: initialDeviation ?? preset?.initialDeviation
        ?? WidthDefaults.initialDeviation(hiddenSize: hiddenSize), zLossWeight: zLoss ?? 0,
      seed: seed ?? 42, checkpointEvery: checkpointEvery ?? 100,
      evaluateEvery: evaluateEvery ?? 100, evaluationTokens: evaluationTokens ?? 16384,
      keep: keep ?? 2, keepEvery: keepEvery ?? 0, skipSpikes: skipSpikes,
      maximumEpochs: maxEpochs ?? 4)
  }

  /// What was not said, in words; nil where everything was.
  func defaults(_ options: TrainingOptions, _ preset: TrainingPreset?, hiddenSize: Int) -> String? {
    var parts: [String] = []
    if learningRate == nil, preset?.learningRate == nil {
      parts.append("--learning-rate \(options.learningRate)")
    }
    if initialDeviation == nil, preset?.initialDeviation == nil {
      parts.append("--initial-deviation \(options.initialDeviation)")
    }
    return parts.isEmpty
      ? nil : "note: by the hidden size of \(hiddenSize): " + parts.joined(separator: ", ")
  }
}
