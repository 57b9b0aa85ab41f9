import ArgumentParser
import Checkpoints
import Console
import Conversion
import Evaluation

/// What can be swept, as an argument.
struct SweepSubject: ExpressibleByArgument {
  let kind: SweepResult.Kind

  init?(argument: String) {
    guard let kind = SweepResult.Kind(rawValue: argument), kind != .ladder else { return nil }
    self.kind = kind
  }

  static let allValueStrings = SweepResult.Kind.allCases.filter { $0 != .ladder }.map(\.rawValue)
}

extension ConversionRecipe.Router: ExpressibleByArgument {}
extension ConversionRecipe.Grouping: ExpressibleByArgument {}
extension SubDimensions.SparseSide: ExpressibleByArgument {}

struct SweepCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sweep",
    abstract: "Convert a model many times with one thing varied: what does it cost, and save?",
    discussion: """
      --over says what is varied: sub-dimensions (N, as in Fig. 12b of the paper), shared (S from 0 \
      to K, Fig. 12a), active (the fraction kept), budget (between attention and FFN, Fig. 10), \
      scaling (gates and α), domains (calibrate on one domain, evaluate on each), headline (all that \
      trades quality for speed, with the Pareto front). Results are kept one by one: the same \
      command goes on where a killed one was.
      """)

  @Argument(help: "The dense model: a Hugging Face folder, a .gguf file, or a cached hub id.")
  var dense: String

  @Option(help: "What is varied.")
  var over: SweepSubject

  @OptionGroup var series: SeriesArguments

  @Option(parsing: .upToNextOption, help: "Values to take in place of the usual ones.")
  var values: [Double] = []

  @Option(help: "N, where that is not what is swept.")
  var subDimensions: Int?

  @Option(help: "What chooses, as mohd-convert's; static slices stay. (default: energy)")
  var router: ConversionRecipe.Router?

  @Option(help: "As mohd-convert's; both turns no basis. (default: input)")
  var sparseSide: SubDimensions.SparseSide?

  @Option(help: "As mohd-convert's. (default: subspaces with --router centroid, else importance)")
  var grouping: ConversionRecipe.Grouping?

  func validate() throws {
    if router != nil || sparseSide != nil || grouping != nil,
      [.scaling, .headline].contains(over.kind)
    {
      throw ValidationError(
        "--router, --sparse-side, --grouping: expected none for --over \(over.kind.rawValue), whose "
          + "settings have their own")
    }
    if !values.isEmpty, [.scaling, .domains, .headline].contains(over.kind) {
      throw ValidationError("--values: expected none for --over \(over.kind.rawValue)")
    }
    if series.distill != nil, over.kind != .headline {
      throw ValidationError("--distill: expected none for --over \(over.kind.rawValue)")
    }
    if over.kind == .domains, series.calibration != nil {
      throw ValidationError(
        "--calibration: a capture has all domains; give --calibration-corpus for --over domains")
    }
  }

  func run() throws {
    let terminal = Terminal.standardError(isQuiet: series.quiet)
    InterruptMonitor.shared.start()
    try Failure.reporting(on: terminal, hint: "the same command goes on from here") {
      let session = try TrialSession(
        dense: dense, arguments: series, kind: over.kind, terminal: terminal)
      let grid = SweepGrid(
        over.kind, shapes: session.shapes, count: subDimensions, values: values)
      try session.finish(
        grid.trials(over.kind, domains: session.calibrationDomains).map(changed))
    }
  }

  /// The trial with the router, sides and grouping that were asked for.
  private func changed(_ trial: Trial) -> Trial {
    guard trial.setting.role != .staticSlice else { return trial }
    var recipe = trial.recipe
    recipe.router = router ?? recipe.router
    recipe.sparseSide = sparseSide ?? recipe.sparseSide
    if recipe.sparseSide == .both { recipe.basis = .identity }
    let isLocal = recipe.router == .centroid && recipe.sparseSide == .input
    recipe.grouping = grouping ?? (isLocal ? .subspaces : recipe.grouping)
    if recipe.grouping == .subspaces { recipe.times = 1 }
    if recipe.router == .fixed {
      // All that are active are shared.
      (recipe.attention.sharedCount, recipe.ffn.sharedCount) = (0, 0)
    }
    return Trial(trial.setting, recipe, calibrationDomain: trial.calibrationDomain)
  }
}
