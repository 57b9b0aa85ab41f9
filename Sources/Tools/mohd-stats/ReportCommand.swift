import ArgumentParser
import Console
import Files
import Foundation
import Kernels
import Statistics

struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Make a report from a capture, or draw an earlier report again.",
    discussion: """
      RUN and the run to compare with are folders of mohd-probe capture, or reports of this tool.
      """)

  @Argument(
    help: ArgumentHelp("The folder of a capture, or of an earlier report.", valueName: "run"))
  var path: String

  @Option(help: ArgumentHelp("Another capture or report, drawn beside it.", valueName: "run"))
  var compare: String?

  @OptionGroup var statistics: StatisticsArguments
  @OptionGroup var output: OutputArguments

  @Option(help: "What the report calls the run to compare with.")
  var compareName: String?

  @Option(help: "Threads; the results do not depend on them. (default: one for each processor)")
  var threads: Int?

  func validate() throws {
    if let threads, !(1...1024).contains(threads) {
      throw ValidationError("--threads: expected a number from 1 to 1024, found \(threads)")
    }
  }

  func run() throws {
    let terminal = output.behaviour.terminal
    InterruptMonitor.shared.start()
    try Failure.reporting(on: terminal, hint: "run the same command again") {
      try output.check()
      let plotly = try output.plotlyPath()
      let sources = try ([path] + (compare.map { [$0] } ?? [])).map {
        try ReportSource($0, selection: statistics)
      }
      if output.behaviour.dryRun {
        try sources[0].estimate().print(json: output.behaviour.json)
        return
      }
      try output.prepare()
      let pool = WorkerPool(
        workerCount: threads ?? max(1, ProcessInfo.processInfo.activeProcessorCount))
      let stopwatch = ContinuousClock.now
      let options = statistics.options
      func read(_ source: ReportSource, _ name: String?) throws -> (
        result: StatisticsResult, state: StatisticsState
      ) {
        try source.read(
          options: options, name: name, scratch: output.output, pool: pool, terminal: terminal)
      }
      let (result, state) = try read(sources[0], output.name)
      let compared = sources.count > 1 ? try read(sources[1], compareName).result : nil
      try Publication(output, plotly: plotly, started: stopwatch, terminal: terminal)
        .publish(result, state: state, compared: compared)
    }
  }
}

/// What a report is made from.
enum ReportSource {
  case capture(ReplaySession)
  case report(String)

  init(_ path: String, selection: StatisticsArguments) throws {
    if Folder.kind(of: path) == .missing { throw FileError.missing(path: path) }
    if Folder.kind(of: path + "/statistics.json") == .file,
      Folder.kind(of: path + "/plan.json") == .missing
    {
      self = .report(path)
    } else if Folder.kind(of: path + "/plan.json") == .file {
      self = .capture(try ReplaySession(path, selection: selection))
    } else {
      throw OutputError.notSource(path: path)
    }
  }

  func read(
    options: StatisticsOptions, name: String?, scratch: String, pool: WorkerPool,
    terminal: Terminal
  ) throws -> (result: StatisticsResult, state: StatisticsState) {
    switch self {
    case .capture(let session):
      return try session.run(
        options: options, name: name, scratch: scratch, pool: pool, terminal: terminal)
    case .report(let path):
      var result = try StatisticsResult(reportAt: path)
      if let name { result.provenance["name"] = name }
      return (result, try StatisticsState(path: path + "/state.h5"))
    }
  }

  func estimate() throws -> Estimate {
    switch self {
    case .capture(let session):
      let plan = session.reader.plan
      let points = session.hookPoints
      let bytes = points.reduce(0) { $0 + plan.width($1) } * 4 * plan.corpus.tokenCount
      return Estimate(
        plan: plan, hookPoints: points, layers: session.layers,
        memoryByteCount: min(bytes, 640 << 20) + (160 << 20))
    case .report(let path):
      return Estimate(report: try StatisticsResult(reportAt: path))
    }
  }
}
