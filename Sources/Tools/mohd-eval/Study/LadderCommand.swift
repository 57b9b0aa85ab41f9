import ArgumentParser
import Console
import Evaluation

extension RecipeShapes.Components: ExpressibleByArgument {}

struct LadderCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ladder",
    abstract: "Convert a model from naive to the full recipe: what is each step worth?",
    discussion: """
      Each rung is a conversion by mohd-convert's code: the paper's softmax gates and scaling on \
      dense weights, unit gates, sub-dimensions by importance, a PCA basis, the output-aware basis, \
      outputs weighed by the Fisher information, then routers with 8, about 36, 144 and 288 \
      sub-dimensions, single dimensions (the oracle that no router beats), a budget by sensitivity, \
      and recovery (with --calibration-corpus); beside them the default, which has a budget and no \
      router. Each has its perplexity over the dense model's, with a standard error over documents, \
      and its prefill speed in turns with the dense model. Results are kept one by one: the same \
      command goes on where a killed one was.
      """)

  @Argument(help: "The dense model: a Hugging Face folder, a .gguf file, or a cached hub id.")
  var dense: String

  @OptionGroup var series: SeriesArguments

  @Option(
    parsing: .upToNextOption,
    help: "Which components become sparse: both, attention, ffn; only both has gates and budgets.")
  var components: [RecipeShapes.Components] = RecipeShapes.Components.allCases

  @Flag(inversion: .prefixedNo, help: "The last rung, which takes longest.")
  var recovery = true

  func run() throws {
    let terminal = Terminal.standardError(isQuiet: series.quiet)
    InterruptMonitor.shared.start()
    try Failure.reporting(on: terminal, hint: "the same command goes on from here") {
      let session = try TrialSession(
        dense: dense, arguments: series, kind: .ladder, terminal: terminal)
      let rungs = LadderRungs(shapes: session.shapes)
      try session.finish(
        rungs.trials(components, recovers: recovery && series.calibration == nil))
    }
  }
}
