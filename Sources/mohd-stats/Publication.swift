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
      [result] + (compared.map { [$0] } ?? []), command: Self.command
    ).report
    let seconds = (ContinuousClock.now - started) / .seconds(1)
    let written = try FindingsFolder(path: output.output).write(
      report, result: result, state: state, compared: compared, plotlyPath: plotly,
      browser: output.browser
    ) { try InterruptMonitor.shared.checkpoint() }
    // Nobody misses pictures that were not wanted.
    for note in written.notes where !(output.noPictures && note.hasPrefix("no PNG")) {
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
      "\(HumanReadable.count(result.tokenCount)) tokens, \(result.layers.count) layers in "
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

  /// The command that makes this report again: without what does not change it.
  private static var command: String {
    var words = ["mohd-stats"]
    var skipsNext = false
    for word in CommandLine.arguments.dropFirst() {
      if skipsNext {
        skipsNext = false
      } else if word == "--threads" {
        skipsNext = true
      } else if !["--quiet", "--json"].contains(word), !word.hasPrefix("--threads=") {
        let isPlain = word.utf8.allSatisfy {
          (0x30...0x3A).contains($0) || (0x61...0x7A).contains($0) || (0x41...0x5A).contains($0)
            || [0x2D, 0x2E, 0x2F, 0x3D, 0x5F, 0x2C].contains($0)
        }
        words.append(isPlain ? word : "'" + word.replacing("'", with: "'\\''") + "'")
      }
    }
    return words.joined(separator: " ")
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
