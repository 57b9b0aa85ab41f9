import Console
import Evaluation
import Files
import Reporting

/// Writes the folder of a ladder or a sweep and says what came out.
struct SweepPublication {
  let result: SweepResult
  let seconds: Double
  let arguments: SeriesArguments

  func publish(on terminal: Terminal) throws {
    let command = reproducingCommand(of: "mohd-eval")
    let written = try SweepFolder(path: arguments.output).write(
      result, command: command, plotlyPath: try PlotlyScript.find(named: arguments.report.plotly),
      browser: arguments.report.browser)
    for note in written.notes(wantsPictures: !arguments.report.noPictures) {
      terminal.print("note: \(note)")
    }
    if arguments.json {
      print(String(decoding: try result.encoded(), as: UTF8.self), terminator: "")
      return
    }
    let title = ["setting", "series", "perplexity / dense", "times as fast", "multiplied / dense"]
    let rows = result.settings.map { scores in
      [
        scores.setting.name, scores.setting.series, TextTable.text(scores.ratio),
        scores.speedup.map { NumberFormat.significant(3).text($0) } ?? NumberFormat.missing,
        NumberFormat.percent(0).text(scores.multiplied),
      ]
    }
    for line in TextTable.lines([title] + rows) { print(line) }
    print("")
    for verdict in SweepReport(result, command: command).report.verdicts {
      print("\(verdict.claim): \(verdict.status.title). \(verdict.sentence)\n")
    }
    print(
      "\(HumanReadable.duration(seconds)), peak memory "
        + HumanReadable.bytes(peakResidentBytes() ?? 0))
    for warning in result.warnings { print("\nWARNING \(warning.text)") }
    print("\nOpen it:\n  \(written.page)")
  }
}
