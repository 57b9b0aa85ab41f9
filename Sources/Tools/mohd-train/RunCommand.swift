import ArgumentParser
import Console
import Foundation
import Kernels
import Training

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Train a model on text, from scratch or from a checkpoint.",
    discussion: """
      RUN holds plan.json, checkpoints that transformers and every tool of ours opens, train.jsonl
      with a line for each step, evaluation.jsonl and train.log. A run that was stopped, even by
      kill -9, goes on with --resume and ends with the same bytes, whatever the number of threads.
      """)

  @Option(help: ArgumentHelp("A Hugging Face config.json, llama or mohd.", valueName: "file"))
  var config: String?

  @Option(
    help: ArgumentHelp(
      "A model by name: " + TrainingPreset.names.joined(separator: ", ") + ".", valueName: "name"))
  var preset: String?

  @Option(
    help: ArgumentHelp("A checkpoint to go on from, dense or MoHD.", valueName: "model"))
  var from: String?

  @Option(
    help: ArgumentHelp(
      "The plan.json of another run: its model and its options.", valueName: "file"))
  var plan: String?

  @OptionGroup(title: "Text") var text: TextArguments

  @Option(help: ArgumentHelp("Token files of mohd-train tokens.", valueName: "folder"))
  var prepared: String?

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Each domain's part of the mix. (default: by its tokens)", valueName: "domain=weight"))
  var mix: [String] = []

  @OptionGroup(title: "Recipe") var recipe: RecipeArguments

  @Option(help: "The run's folder; it must not exist, or be empty, but for --resume.")
  var output: String

  @Flag(help: "Go on with a run that was stopped.")
  var resume = false

  @Option(help: "Threads; the results do not depend on them. (default: one for each processor)")
  var threads: Int?

  @OptionGroup var runArguments: RunArguments

  func validate() throws {
    let given = [config, preset, plan].count { $0 != nil }
    guard given == 1 && (from == nil || plan != nil) || given == 0 && from != nil else {
      throw ValidationError(
        "expected one of --config, --preset, --from and --plan (--plan and --from together for the "
          + "plan of a run that went on from a checkpoint)")
    }
    if plan != nil, !recipe.isEmpty || !mix.isEmpty {
      throw ValidationError(
        "--plan: it says the recipe and the mix; leave out what else says them, or change the file")
    }
    if let preset, TrainingPreset(preset) == nil {
      throw ValidationError(
        "--preset: expected one of \(TrainingPreset.names.joined(separator: ", ")), found \(preset)"
      )
    }
    if text.corpus.isEmpty == (prepared == nil) {
      throw ValidationError("expected either --corpus or --prepared")
    }
    if let threads, !(1...1024).contains(threads) {
      throw ValidationError("--threads: expected a number from 1 to 1024, found \(threads)")
    }
    _ = try weights()
  }

  /// --mix, parsed; nil where nothing was said.
  func weights() throws -> [String: Double]? {
    guard !mix.isEmpty else { return nil }
    var weights: [String: Double] = [:]
    for argument in mix {
      let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
      guard parts.count == 2, let weight = Double(parts[1]) else {
        throw ValidationError("--mix: expected domain=weight, found \(argument)")
      }
      guard weights.updateValue(weight, forKey: parts[0]) == nil else {
        throw ValidationError("--mix: the domain \(parts[0]) stands twice")
      }
    }
    return weights
  }

  var pool: WorkerPool {
    WorkerPool(workerCount: threads ?? max(1, ProcessInfo.processInfo.activeProcessorCount))
  }

  func run() throws {
    let terminal = runArguments.terminal
    InterruptMonitor.shared.start()
    let hint = "run the same command again with --resume"
    try Failure.reporting(on: terminal, hint: hint) {
      let session = try TrainingSession(self, terminal: terminal)
      if runArguments.dryRun {
        try session.estimate().print(json: runArguments.json)
      } else {
        try session.run().print(json: runArguments.json)
      }
    }
  }
}
