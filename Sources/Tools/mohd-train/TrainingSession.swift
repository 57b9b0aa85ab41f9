import ArgumentParser
import Checkpoints
import Console
import Conversion
import Files
import Foundation
import Kernels
import Learning
import Models
import Training

/// A run with everything opened and checked, before anything is written.
struct TrainingSession {
  private let arguments: RunCommand
  private let terminal: Terminal
  private let pool: WorkerPool
  private let model: ModelConfiguration
  private let text: TrainingText
  private let plan: TrainingPlan
  private let start: Checkpoint?

  init(_ arguments: RunCommand, terminal: Terminal) throws {
    self.arguments = arguments
    self.terminal = terminal
    pool = arguments.pool
    let preset = arguments.preset.flatMap { TrainingPreset($0) }
    if let note = preset?.note { terminal.print("note: \(note)") }
    let given = try arguments.plan.map { path in
      try JSONText.decode(
        TrainingPlan.self, from: MappedFile(path: path).copyBytes(), path: path)
    }
    let start = try arguments.from.map { try Checkpoint.open($0) }
    self.start = start
    if let path = arguments.plan, given?.start != nil, start == nil {
      throw SessionError.noStart(plan: path)
    }
    model = try Self.model(arguments, preset, given, start)
    let options =
      try given?.options ?? arguments.recipe.options(preset, hiddenSize: model.hiddenSize)
    if given == nil,
      let note = arguments.recipe.defaults(options, preset, hiddenSize: model.hiddenSize)
    {
      terminal.print(note)
    }
    let tokenizer = try arguments.text.loadTokenizer()
    guard tokenizer.vocabularySize <= model.vocabularySize else {
      throw LearningError.vocabularyTooLarge(
        tokenizer: tokenizer.vocabularySize, model: model.vocabularySize)
    }
    let domains =
      try arguments.prepared.map { try PreparedText.read($0) }
      ?? arguments.text.tokenize(with: tokenizer, pool: pool, on: terminal)
    if let other = domains.first(where: { $0.tokenizer != tokenizer.identity }) {
      throw SessionError.otherTokenizer(domain: other.name)
    }
    let weights =
      try arguments.weights()
      ?? given.map { Dictionary(uniqueKeysWithValues: $0.domains.map { ($0.name, $0.weight) }) }
    text = try TrainingText(
      domains, weights: weights, sequenceLength: options.sequenceLength,
      evaluationTokens: options.evaluationTokens, vocabularySize: model.vocabularySize)
    plan = try TrainingPlan(
      model: model, options: options, text: text, start: start.map { $0.sha256() })
    if let given, let field = try given.firstDifference(from: plan) {
      throw TrainingError.otherPlan(path: arguments.plan ?? "", field: field)
    }
    reportText()
  }

  private static func model(
    _ arguments: RunCommand, _ preset: TrainingPreset?, _ given: TrainingPlan?,
    _ start: Checkpoint?
  ) throws -> ModelConfiguration {
    if let model = preset?.model ?? given?.model ?? start?.configuration { return model }
    let path = arguments.config ?? ""
    return try ModelConfiguration(json: MappedFile(path: path).copyBytes(), path: path)
  }

  /// What is not as one might think.
  private func reportText() {
    for domain in plan.domains {
      var parts: [String] = []
      if domain.weight == 0 { parts.append("not trained on, evaluated alone") }
      if domain.epochs > 1 { parts.append(String(format: "read %.2f times", domain.epochs)) }
      if domain.holdsOutBlocks {
        parts.append(
          "\(domain.documents) documents are few: blocks of 16 sequences are held out instead")
      }
      if domain.heldOutSequences == 0 { parts.append("too short to hold anything out") }
      if domain.droppedSequences > 0 {
        parts.append(
          domain.droppedSequences == 1
            ? "1 sequence of one token is left out"
            : "\(domain.droppedSequences) sequences of one token are left out")
      }
      if !parts.isEmpty {
        terminal.print("note: \(domain.name): " + parts.joined(separator: "; "))
      }
    }
  }

  func estimate() -> TrainingEstimate {
    TrainingEstimate(plan, textByteCount: text.byteCount, productRate: productRate, pool: pool)
  }

  /// Multiply-adds a second at the model's own widths.
  private var productRate: Double {
    ProductRate.measure(inputs: model.hiddenSize, outputs: model.intermediateSize, pool: pool)
  }

  func run() throws -> TrainingSummary {
    let clock = ContinuousClock.now
    let run = try TrainingRun(
      arguments.output, plan: plan, text: text,
      start: {
        try start.map { checkpoint in
          let tensors = ModelTensors(checkpoint, pool: pool)
          if let name = tensors.firstNotFinite {
            throw TrainingError.badStart(path: arguments.from ?? "", tensor: name)
          }
          return tensors
        }
      },
      files: ModelFiles(
        configuration: try ModelingCode.configurationFile(model),
        others: try arguments.text.tokenizerFiles()
          .merging(model.mohd == nil ? [:] : ModelingCode.files) { own, _ in own }),
      resume: arguments.resume, pool: pool)
    let first = run.step
    let bar = ProgressBar(
      "train", total: (plan.options.stepCount - first) * plan.options.batchTokens,
      unit: "tokens", on: terminal)
    let (rate, work) = (
      productRate,
      TrainingCost(model).stepMultiplyAdds(sequenceLength: plan.options.sequenceLength)
        * plan.options.batchTokens
    )
    var stepped = ContinuousClock.now
    var (last, evaluation): (StepRecord?, EvaluationRecord?)
    var tokens = 0
    try run.run(
      .init(
        stepped: { record in
          last = record
          tokens += record.tokens
          let seconds = (ContinuousClock.now - stepped) / .seconds(1)
          stepped = .now
          bar.advance(
            by: plan.options.batchTokens,
            note: "step \(record.step), loss " + String(format: "%.4f", record.crossEntropy)
              + String(format: ", %.0f %% of sgemm", 100 * Double(work) / seconds / rate))
        }, evaluated: { evaluation = $0 },
        alarmed: { terminal.print("warning: \($0)") },
        interrupt: { try InterruptMonitor.shared.checkpoint() }))
    bar.finish()
    return TrainingSummary(
      output: run.folder.path, step: run.step, last: last, evaluation: evaluation,
      tokens: tokens, seconds: (ContinuousClock.now - clock) / .seconds(1),
      checkpoint: run.folder.checkpoint(step: run.step), isMoHD: model.mohd != nil)
  }
}

/// What can be wrong with text that was encoded before.
enum SessionError: ReportableError {
  case otherTokenizer(domain: String)
  case noStart(plan: String)

  var exitStatus: ExitStatus { .badInput }

  var description: String {
    switch self {
    case .otherTokenizer(let domain):
      "domain \(domain): its token file was made with another tokenizer; run mohd-train tokens again "
        + "with this one, or give that one with --tokenizer"
    case .noStart(let plan):
      "\(plan): its run went on from a checkpoint, expected that with --from, found none"
    }
  }
}
