import Checkpoints
import Console
import Conversion
import Corpora
import Evaluation
import Files
import Foundation
import Kernels
import Models

/// A series of conversions, each measured beside the dense model and kept when it is done.
final class TrialSession {
  private let arguments: SeriesArguments
  private let kind: SweepResult.Kind
  private let terminal: Terminal
  private let denseName: String
  private let pool: WorkerPool
  private let model: LoadedModel
  private let corpus: TokenizedCorpus
  private let calibration: TrialCalibration
  private let shelf: ResultShelf
  private let provenance: [String: String]

  /// Opens the model and reads the texts: everything short of running anything.
  init(
    dense: String, arguments: SeriesArguments, kind: SweepResult.Kind, terminal: Terminal
  ) throws {
    (self.arguments, self.kind, self.terminal) = (arguments, kind, terminal)
    try arguments.check()
    denseName = ComparisonSession.name(dense)
    pool = WorkerPool(workerCount: arguments.threads ?? Self.usualThreadCount)
    model = try LoadedModel(dense, tokenizer: arguments.tokenizer)
    guard model.checkpoint.configuration.mohd == nil else {
      throw ConversionError.alreadyConverted(path: dense)
    }
    corpus = try arguments.corpus.tokenize(with: model.tokenizer, pool: pool, on: terminal)
    try model.check(corpus.tokenIDs)
    let modelSHA256 = try model.hash(on: terminal)
    calibration = try TrialCalibration(
      arguments, model: model, modelSHA256: modelSHA256, byDomain: kind == .domains, pool: pool,
      terminal: terminal)
    let deciding = [
      "tool": "mohd-eval \(MohdEval.version)", "dense_sha256": modelSHA256,
      "tokenizer_sha256": model.tokenizer.identity,
      "evaluation_tokens": TrialDigest.of(corpus.batch(corpus.sequences.indices)),
    ]
    shelf = ResultShelf(directory: arguments.shelf, context: deciding)
    provenance = deciding.merging(try arguments.corpus.deciding(for: corpus)) { first, _ in first }
      .merging([
        "corpus_sha256": corpus.sha256, "calibration_sha256": calibration.sha256,
        "calibration_tokens": "\(arguments.calibrationTokens)",
        "calibration_spread": calibration.spread,
        "sequence_length": "\(arguments.corpus.sequenceLength)", "seed": "\(arguments.seed)",
        "active": "\(arguments.active)",
      ]) { first, _ in first }.merging(
        model.tokenizer.warningText.map { ["tokenizer_warnings": $0] } ?? [:]
      ) { first, _ in first }
  }

  var shapes: RecipeShapes {
    RecipeShapes(
      configuration: model.checkpoint.configuration, active: arguments.active,
      seed: arguments.seed, distillation: arguments.distillation)
  }

  var calibrationDomains: [String] { calibration.domains }

  /// Runs what is not known yet, writes the report and says what came out.
  func finish(_ trials: [Trial]) throws {
    // A recipe that does not fit the model is found before any of them runs.
    for trial in trials { try trial.recipe.validate(for: model.checkpoint.configuration) }
    if arguments.dryRun {
      try TrialPlan(
        settings: trials.map(\.setting.name),
        known: trials.filter { try shelf.result(SettingMeasurement.self, of: key($0)) != nil }
          .count,
        tokens: corpus.tokenCount, calibration_tokens: arguments.calibrationTokens,
        calibration_spread: calibration.spread, calibration_seed: arguments.seed
      ).print(json: arguments.json)
      return
    }
    let clock = ContinuousClock.now
    let result = try run(trials)
    try SweepPublication(
      result: result, seconds: (ContinuousClock.now - clock) / .seconds(1),
      arguments: arguments
    ).publish(on: terminal)
  }

  // MARK: - Private

  private func run(_ trials: [Trial]) throws -> SweepResult {
    try Folder.create(arguments.output)
    let lock = try FolderLock(arguments.output)
    defer { extendLifetime(lock) }
    let runner = TrialRunner(
      model: model, corpus: corpus, calibration: calibration, pool: pool,
      roundCount: arguments.rounds, modelName: denseName,
      modelSHA256: provenance["dense_sha256"] ?? "",
      folder: arguments.output + "/models", keeps: arguments.keep,
      tokenizerFiles: arguments.keep ? try model.tokenizerFiles(on: terminal) : [:])
    let unknown = try trials.filter { try !missing($0).isEmpty }
    try runner.tidy()
    // Equal settings of two series are measured once, and what is known is not measured again.
    var counted: Set<String> = []
    let distinct = try unknown.filter { counted.insert(try name(of: $0)).inserted }
    let knownDense = try shelf.result(SequenceLosses.self, of: "dense")
    let progress = TrialProgress(
      kind == .ladder ? "ladder" : "sweep", trials: distinct.count,
      total: try distinct.reduce(
        (knownDense == nil ? runner.denseCost : 0) + runner.calibrationCost(distinct)
      ) {
        $0 + (try runner.cost($1, name: name(of: $1), missing($1)))
      },
      terminal: terminal)
    defer { progress.finish() }
    let dense: SequenceLosses
    if let knownDense {
      dense = knownDense
    } else {
      dense = try runner.denseLosses(progress)
      try shelf.keep(dense, of: "dense")
    }
    for trial in distinct {
      progress.begin(trial.setting.name)
      let missing = try missing(trial)
      try runner.withConverted(trial, name: name(of: trial), progress) { converted, plan, seconds in
        if missing.contains(.quality) {
          try shelf.keep(
            runner.quality(of: converted, plan: plan, seconds: seconds, progress), of: key(trial))
        }
        if missing.contains(.speed) {
          try shelf.keep(runner.speed(of: converted, progress), of: speedKey(trial))
        }
      }
    }
    try model.checkpoint.verifyUnchanged()
    return SweepResult(
      kind: kind, denseName: denseName,
      vocabularySize: model.checkpoint.configuration.vocabularySize, provenance: provenance,
      dense: dense,
      measured: try trials.compactMap { trial in
        guard var measurement = try shelf.result(SettingMeasurement.self, of: key(trial)) else {
          return nil
        }
        measurement.speed = try shelf.result(of: speedKey(trial))
        return (trial.setting, measurement)
      },
      overlap: calibration.overlap(with: corpus))
  }

  private func missing(_ trial: Trial) throws -> TrialRunner.Missing {
    var missing: TrialRunner.Missing = []
    if try shelf.result(SettingMeasurement.self, of: key(trial)) == nil {
      missing.insert(.quality)
    }
    if arguments.rounds > 0 {
      // Speeds of another machine say nothing about this one.
      let known = try shelf.result(Throughput.self, of: speedKey(trial))
      if known.map({ $0.processor ?? Self.processor != Self.processor }) ?? true {
        missing.insert(.speed)
      }
    }
    return missing
  }

  private func key(_ trial: Trial) -> TrialKey {
    TrialKey(
      recipe: trial.recipe, calibration: calibration.digest(domain: trial.calibrationDomain),
      rounds: nil)
  }

  private static let processor = MachineUse.processorName

  private static var usualThreadCount: Int {
    max(1, ProcessInfo.processInfo.activeProcessorCount)
  }

  private func speedKey(_ trial: Trial) -> TrialKey {
    var key = key(trial)
    key.rounds = arguments.rounds
    key.turns = "layers"
    key.threads = pool.workerCount == Self.usualThreadCount ? nil : pool.workerCount
    return key
  }

  /// The folder of a trial's model.
  private func name(of trial: Trial) throws -> String { try shelf.key(of: key(trial)) }
}

/// What decides a setting's measurement, beside the model and the evaluation's text.
struct TrialKey: Encodable {
  let recipe: ConversionRecipe
  let calibration: String
  /// Rounds in which speed is measured; nil for everything else.
  var rounds: Int?
  /// What the models take turns with while speed is measured, which decides how far it can be
  /// trusted; nil for everything else.
  var turns: String?
  /// Threads that speed is measured with; nil for one for each processor, as in shelves of before
  /// there was this, and for everything else: it does not depend on them.
  var threads: Int?
}

/// What a series would take.
struct TrialPlan: Encodable {
  let settings: [String]
  let known: Int
  let tokens: Int
  let calibration_tokens: Int
  let calibration_spread: String
  let calibration_seed: UInt64

  func print(json: Bool) throws {
    if json {
      try printJSON(self)
      return
    }
    Swift.print(
      "Nothing was run. This would measure \(settings.count) settings, of which \(known) are known, "
        + "on \(HumanReadable.count(tokens, "token")) each:")
    for name in settings { Swift.print("  \(name)") }
    Swift.print(
      "calibrated on windows drawn with seed \(calibration_seed): \(calibration_spread) tokens")
  }
}
