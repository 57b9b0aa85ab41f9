import Checkpoints
import Console
import Conversion
import Corpora
import Evaluation
import Files
import Foundation
import Kernels
import Models

/// Converts a model by one recipe and measures what came of it.
struct TrialRunner {
  let model: LoadedModel
  let corpus: TokenizedCorpus
  let calibration: TrialCalibration
  let pool: WorkerPool
  let roundCount: Int
  let modelName: String
  let modelSHA256: String
  /// Where converted models are put.
  let folder: String
  let keeps: Bool
  /// What a model that is kept needs beside its weights.
  let tokenizerFiles: [String: [UInt8]]

  private var layerCount: Int { model.checkpoint.configuration.layerCount }

  // MARK: - Costs, in tokens times layers

  /// A layer of a conversion costs about as much as a forward pass through it.
  private static let conversionFactor = 1
  /// A token of training costs about what so many forward passes do: the dense model's, the
  /// converted one's, the backward pass, and three products with the vocabulary.
  private static let trainingFactor = 6

  /// The dense model on the evaluation's text.
  var denseCost: Int { corpus.tokenCount * layerCount }

  /// Its activations on the calibration text.
  func calibrationCost(_ trials: [Trial]) -> Int {
    calibration.passCount(trials.map(\.calibrationDomain)) * calibration.tokenCount * layerCount
  }

  /// What is left to do for a setting of which this is missing.
  func cost(_ trial: Trial, name: String, _ missing: Missing) throws -> Int {
    var tokens = 0
    if !missing.isEmpty, !isConverted(name) {
      let converter = try Converter(
        checkpoint: model.checkpoint, recipe: trial.recipe, pool: pool)
      tokens += converter.passCount * calibration.tokenCount * Self.conversionFactor
      tokens += (trial.recipe.distillation?.tokenCount ?? 0) * Self.trainingFactor
    }
    if missing.contains(.quality) { tokens += corpus.tokenCount }
    if missing.contains(.speed) {
      tokens += 2 * (roundCount + 1) * ThroughputMeasurement.tokenCount
    }
    return tokens * layerCount
  }

  /// What is not known of a setting yet. Quality is the same each time, speed is not.
  struct Missing: OptionSet {
    let rawValue: Int
    static let quality = Missing(rawValue: 1)
    static let speed = Missing(rawValue: 2)
  }

  // MARK: - Measuring

  func denseLosses(_ progress: TrialProgress) throws -> SequenceLosses {
    try losses(of: model.checkpoint, progress)
  }

  /// Converts, and hands the model over; it is gone afterwards unless models are kept.
  ///
  /// - Parameter name: of the model's folder.
  func withConverted(
    _ trial: Trial, name: String, _ progress: TrialProgress,
    _ body: (_ converted: Checkpoint, _ plan: ConversionPlan, _ seconds: Double) throws -> Void
  ) throws {
    let path = folder + "/" + name
    let (plan, seconds) = try convert(trial, to: path, progress)
    try body(Checkpoint.open(path), plan, seconds)
    if !keeps { try discard(name) }
  }

  /// Removes a model. A run that is killed meanwhile leaves it under a name that nobody takes for a
  /// model that is complete.
  private func discard(_ name: String) throws {
    let (path, gone) = (folder + "/" + name, folder + "/" + Self.goingPrefix + name)
    try FileManager.default.moveItem(atPath: path, toPath: gone)
    try FileManager.default.removeItem(atPath: gone)
  }

  private static let goingPrefix = ".going-"

  /// Removes what is left of models that a killed run was removing; models that were kept stay.
  func tidy() throws {
    guard Folder.kind(of: folder) == .folder else { return }
    for name in try FileManager.default.contentsOfDirectory(atPath: folder)
    where name.hasPrefix(Self.goingPrefix) {
      try FileManager.default.removeItem(atPath: folder + "/" + name)
    }
  }

  func quality(
    of converted: Checkpoint, plan: ConversionPlan, seconds: Double, _ progress: TrialProgress
  ) throws -> SettingMeasurement {
    let losses: SequenceLosses?
    do {
      losses = try self.losses(of: converted, progress)
    } catch EvaluationError.notFinite {
      losses = nil
    }
    let count = Double(max(plan.components.count, 1))
    return SettingMeasurement(
      losses: losses,
      parameters: .init(
        dense: model.checkpoint.configuration, converted: converted.configuration),
      activeFraction: plan.activeParameters.fraction,
      energyLoss: plan.components.reduce(0) { $0 + $1.oracleLoss } / count, speed: nil,
      conversionSeconds: seconds)
  }

  private func isConverted(_ name: String) -> Bool {
    Folder.kind(of: folder + "/" + name + "/conversion.json") == .file
  }

  /// A model that a killed run has left is complete, and made by the same recipe: its name says so.
  private func convert(
    _ trial: Trial, to path: String, _ progress: TrialProgress
  ) throws -> (plan: ConversionPlan, seconds: Double) {
    let clock = ContinuousClock.now
    let plan = path + "/conversion.json"
    if Folder.kind(of: plan) == .file {
      let bytes = try MappedFile(path: plan).copyBytes()
      return (try JSONText.decode(ConversionPlan.self, from: bytes, path: plan), 0)
    }
    try Folder.create(folder)
    let converter = try Converter(checkpoint: model.checkpoint, recipe: trial.recipe, pool: pool)
    let (source, text) = try calibration.source(
      domain: trial.calibrationDomain, checkpoint: model.checkpoint, pool: pool, folder: folder
    ) { try progress.advance(calibration.tokenCount) }
    let made = try ConvertedFolder(path).write(
      converter, source: source,
      provenance: .init(
        model: modelName, modelSHA256: modelSHA256, tool: "mohd-eval",
        tokenizerWarnings: model.tokenizer.warnings),
      calibration: text, tokenizerFiles: tokenizerFiles,
      text: calibration.lesson(trial.recipe)
    ) { _ in
      try progress.advance(calibration.tokenCount * Self.conversionFactor)
    } trained: { tokens in
      try progress.advance(tokens * layerCount * Self.trainingFactor)
    }
    return (made, (ContinuousClock.now - clock) / .seconds(1))
  }

  private func losses(
    of checkpoint: Checkpoint, _ progress: TrialProgress
  ) throws -> SequenceLosses {
    var done = 0
    return try SequenceLosses(
      of: corpus, scorer: WindowScorer(checkpoint: checkpoint, pool: pool)
    ) { tokens in
      try progress.advance((tokens - done) * layerCount)
      done = tokens
    }
  }

  func speed(of converted: Checkpoint, _ progress: TrialProgress) throws -> Throughput {
    let (load, before) = (MachineUse.loadAverage, MachineUse())
    var result = try ThroughputMeasurement(tokenIDs: corpus.tokenIDs, roundCount: roundCount)
      .run(dense: model.checkpoint, converted: converted, pool: pool) {
        try progress.advance(ThroughputMeasurement.tokenCount * layerCount)
      }
    result.otherProcessors = before?.othersSince()
    result.loadAverage = load
    result.processor = MachineUse.processorName
    return result
  }
}

/// One progress bar over all settings.
final class TrialProgress {
  private let bar: ProgressBar
  private let trialCount: Int
  private let isQuiet: Bool
  private var number = 0
  private var done = 0

  /// - Parameter total: tokens times layers.
  init(_ description: String, trials: Int, total: Int, terminal: Terminal) {
    trialCount = trials
    isQuiet = terminal.style == .silent
    bar = ProgressBar(
      description, total: max(1, total / Self.scale), unit: " steps", on: terminal)
  }

  /// Tokens times layers of one step.
  private static let scale = 1024

  func begin(_ name: String) {
    number += 1
    if !isQuiet { bar.print("setting \(number) of \(trialCount): \(name)") }
  }

  /// - Throws: `Interrupted` when a signal has come.
  func advance(_ count: Int) throws {
    try InterruptMonitor.shared.checkpoint()
    done += count
    bar.update(to: done / Self.scale)
  }

  func finish() { bar.finish() }
}
