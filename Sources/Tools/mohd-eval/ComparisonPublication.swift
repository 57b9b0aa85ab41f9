import Console
import Evaluation
import Files
import Reporting

/// Writes a comparison's folder and says what came out.
struct ComparisonPublication {
  let result: ModelComparison
  let seconds: Double
  let arguments: ReportArguments

  init(_ result: ModelComparison, seconds: Double, arguments: ReportArguments) {
    self.result = result
    self.seconds = seconds
    self.arguments = arguments
  }

  func publish(json: Bool, on terminal: Terminal) throws {
    var page: String?
    if let output = arguments.output {
      let written = try ComparisonFolder(path: output).write(
        result, command: reproducingCommand(of: "mohd-eval"),
        plotlyPath: try PlotlyScript.find(named: arguments.plotly), browser: arguments.browser)
      for note in written.notes(wantsPictures: !arguments.noPictures) {
        terminal.print("note: \(note)")
      }
      page = written.page
    }
    if json {
      print(String(decoding: try result.encoded(), as: UTF8.self), terminator: "")
      return
    }
    printTable()
    if let page { print("\nOpen it:\n  \(page)") }
  }

  private func printTable() {
    let title = ["domain", "tokens", "dense", "converted", "ratio", "KL [nats]", "same top 1"]
    let rows =
      [title] + result.domains.map { row($0.name, $0.scores) }
      + (result.domains.count > 1 ? [row("all", result.all)] : [])
    for line in TextTable.lines(rows) { print(line) }
    print("\ngeometric mean of the ratios: \(TextTable.text(result.geometricMeanRatio))")
    if let speed = result.throughput {
      print(
        "prefill: \(HumanReadable.rate(speed.denseRate)) and "
          + "\(HumanReadable.rate(speed.denseRate * speed.speedup)) tokens/s, "
          + "\(NumberFormat.significant(3).text(speed.speedup)) times as fast")
    }
    let parameters = result.parameters
    print(
      "active parameters: \(HumanReadable.scaledCount(parameters.convertedAll)) of "
        + "\(HumanReadable.scaledCount(parameters.dense)); projections only, as the paper counts: "
        + "\(HumanReadable.scaledCount(parameters.convertedPaper)) of "
        + "\(HumanReadable.scaledCount(parameters.densePaper))")
    print(
      "\(HumanReadable.duration(seconds)), peak memory "
        + HumanReadable.bytes(peakResidentBytes() ?? 0))
    for warning in result.warnings { print("\nWARNING \(warning.text)") }
  }

  private func row(_ name: String, _ scores: DivergenceScores) -> [String] {
    [
      name, HumanReadable.count(scores.tokenCount), TextTable.text(scores.dense),
      TextTable.text(scores.converted), TextTable.text(scores.perplexityRatio),
      TextTable.text(scores.divergence), TextTable.text(scores.agreement),
    ]
  }
}
