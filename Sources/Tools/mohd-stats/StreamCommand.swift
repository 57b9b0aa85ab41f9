import ArgumentParser
import Console

struct StreamCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stream",
    abstract: "Make a report straight from a model; no activation is kept on disk.")

  @OptionGroup var model: ModelArguments
  @OptionGroup var corpus: CorpusArguments
  @OptionGroup var statistics: StatisticsArguments
  @OptionGroup var output: OutputArguments

  @Flag(help: .private)
  var bare = false

  func run() throws {
    let terminal = output.behaviour.terminal
    InterruptMonitor.shared.start()
    try Failure.reporting(on: terminal, hint: "run the same command again") {
      try output.check()
      let plotly = try output.plotlyPath()
      if !output.behaviour.dryRun { try output.prepare() }
      let session = try StreamSession(self, terminal: terminal)
      if output.behaviour.dryRun {
        try Estimate(
          plan: session.plan, hookPoints: session.plan.options.hookPoints,
          layers: session.plan.options.layers, memoryByteCount: session.memoryByteCount
        ).print(json: output.behaviour.json)
        return
      }
      let stopwatch = ContinuousClock.now
      if bare {
        try session.forwardOnly()
        try printJSON(["seconds": (ContinuousClock.now - stopwatch) / .seconds(1)])
        return
      }
      let (result, state) = try session.run(
        options: statistics.options, name: output.name)
      try Publication(output, plotly: plotly, started: stopwatch, terminal: terminal)
        .publish(result, state: state)
    }
  }
}
