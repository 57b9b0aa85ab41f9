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

  @Option(help: "The rate over the run: cosine or constant.")
  var schedule = LearningSchedule.Shape.cosine

  @Option(help: "The share of steps in which the rate rises.")
  var warmup = 0.03

  @Option(help: "The rate at the end, as a share of the highest.")
  var finalRate = 0.1

  @Option(help: "AdamW's decay, of matrices alone.")
  var weightDecay = 0.0

  @Option(help: "The norm that gradients are cut to; 0: they are not.")
  var clip = 1.0

  @Option(help: "Weight of the routers' z-loss.")
  var zLoss = 0.0

  @Option(help: "Decides the start and the order of text.")
  var seed: UInt64 = 42

  @Option(help: "Steps between checkpoints.")
  var checkpointEvery = 100

  @Option(help: "Steps between evaluations.")
  var evaluateEvery = 100

  @Option(help: "Held-out tokens of each domain that an evaluation reads at most.")
  var evaluationTokens = 16384

  @Option(help: "Checkpoints to keep, the latest first.")
  var keep = 2

  @Option(help: "How often any text may be read.")
  var maxEpochs = 4.0

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
      schedule: LearningSchedule(shape: schedule, warmup: warmup, floor: finalRate),
      adam: AdamSettings(weightDecay: weightDecay), clip: clip,
      initialDeviation: initialDeviation ?? preset?.initialDeviation
        ?? WidthDefaults.initialDeviation(hiddenSize: hiddenSize), zLossWeight: zLoss, seed: seed,
      checkpointEvery: checkpointEvery, evaluateEvery: evaluateEvery,
      evaluationTokens: evaluationTokens, keep: keep, maximumEpochs: maxEpochs)
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
