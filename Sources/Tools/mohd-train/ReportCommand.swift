import ArgumentParser
import Console
import Files
import Foundation
import Reporting
import Training

struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Write one page about runs, also while they train: curves, routers, time.")

  @Argument(help: ArgumentHelp("Folders of runs.", valueName: "run"))
  var paths: [String]

  @Option(
    help: ArgumentHelp(
      "The page to write. (default: report.html in the run's folder, if there is one run)",
      valueName: "file"))
  var output: String?

  @Option(
    help: ArgumentHelp(
      "plotly.min.js, which draws the figures. (default: $MOHD_PLOTLY, .cache/plotly.min.js, or "
        + "beside this program)", valueName: "path"))
  var plotly: String?

  func validate() throws {
    if paths.count > 1, output == nil {
      throw ValidationError("--output: expected the page to write, since there are several runs")
    }
  }

  func run() throws {
    try Failure.reporting {
      let script = try PlotlyScript.find(named: plotly)
      let runs = try paths.map { try ReportedRun($0) }
      let page = output ?? TrainingFolder(paths[0]).path + "/report.html"
      try TrainingReport(runs).write(to: page, plotly: PlotlyScript.bytes(at: script))
      if script == nil {
        FileHandle.standardError.write(
          Data(
            "note: figures are tables: plotly.min.js was not found; name it with --plotly\n".utf8))
      }
      print(page)
    }
  }
}
