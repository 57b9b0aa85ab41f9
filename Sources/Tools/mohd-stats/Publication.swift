import Console
import Files
import Findings
import Foundation
import Reporting
import Statistics

/// Writes a report folder and says so.
struct Publication {
  let output: OutputArguments
  let plotly: String?
  let started: ContinuousClock.Instant
  let terminal: Terminal

  init(
    _ output: OutputArguments, plotly: String?, started: ContinuousClock.Instant,
    terminal: Terminal
  ) {
    self.output = output
    self.plotly = plotly
    self.started = started
    self.terminal = terminal
  }

  func publish(
    _ result: StatisticsResult, state: StatisticsState, compared: StatisticsResult? = nil
  ) throws {
    let report = FindingsReport(
      [result] + (compared.map { [$0] } ?? []), command: reproducingCommand(of: "mohd-stats")
    ).report
    let seconds = (ContinuousClock.now - started) / .seconds(1)
    let written = try FindingsFolder(path: output.output).write(
      report, result: result, state: state, compared: compared, plotlyPath: plotly,
      browser: output.browser
    ) { try InterruptMonitor.shared.checkpoint() }
    for note in written.notes(wantsPictures: !output.noPictures) {
      terminal.print("note: \(note)")
    }
    if output.behaviour.json {
      try printJSON(
        Summary(
          output: output.output, report: written.page, tokens: result.tokenCount,
          layers: result.layers.count, seconds: seconds, figures: report.figures.count,
          peak_memory_bytes: peakResidentBytes() ?? 0,
          verdicts: report.verdicts.map {
            .init(claim: $0.claim, status: $0.status.rawValue, sentence: $0.sentence)
          }))
      return
    }
    print(
      "\(HumanReadable.count(result.tokenCount, "token")), \(HumanReadable.count(result.layers.count, "layer")) in "
        + "\(HumanReadable.duration(seconds)), peak memory "
        + "\(HumanReadable.bytes(peakResidentBytes() ?? 0))\n")
    for verdict in report.verdicts {
      print("\(verdict.status.title.uppercased()): \(verdict.claim)")
      print(
        "  paper \(verdict.paper.text), this model \(verdict.model.text), chance \(verdict.null.text)"
      )
    }
    print("\nOpen it:\n  \(written.page)")
  }

  private struct Summary: Encodable {
    struct Verdict: Encodable {
      let claim: String
      let status: String
      let sentence: String
    }
    let output: String
    let report: String
    let tokens: Int
    let layers: Int
    let seconds: Double
    let figures: Int
    let peak_memory_bytes: Int
    let verdicts: [Verdict]
  }
}
