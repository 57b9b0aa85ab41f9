import Console
import Evaluation
import Files
import Models
import Reporting

/// Writes an ablation's folder and says what came out.
struct AblationPublication {
  let result: AblationResult
  let seconds: Double
  let arguments: ReportArguments

  init(_ result: AblationResult, seconds: Double, arguments: ReportArguments) {
    self.result = result
    self.seconds = seconds
    self.arguments = arguments
  }

  func publish(json: Bool, on terminal: Terminal) throws {
    var page: String?
    if let output = arguments.output {
      let written = try AblationFolder(path: output).write(
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
    printTables()
    if let page { print("\nOpen it:\n  \(page)") }
  }

  private func printTables() {
    func row(_ name: String, _ score: VariantScore?, _ reason: String?) -> [String] {
      [
        name, TextTable.text(score?.perplexity), TextTable.text(score?.ratio),
        score == nil ? reason ?? "" : "",
      ]
    }
    var rows = [["variant", "perplexity", "times its own", ""]]
    if let dense = result.dense { rows.append(["dense", TextTable.text(dense)]) }
    rows += result.routing.map { row("routing \($0.variant.rawValue)", $0.score, $0.reason) }
    rows += result.removals.map { row("without \($0.part.rawValue)", $0.score, "it has none") }
    rows += result.zeroings.map {
      row(
        "\($0.zeroed.order.rawValue) \(NumberFormat.percent(0).text($0.zeroed.fraction)) zeroed",
        $0.score, nil)
    }
    for line in TextTable.lines(rows) { print(line) }
    let correlations = [
      ("mean energy", result.correlations.energy), ("mean gate", result.correlations.gate),
    ].compactMap { name, value in
      value.map { "\(NumberFormat.fixed(2).text($0.value)) with \(name)" }
    }
    print(
      "\n\(result.knockOuts.count) of \(result.knockOutCandidateCount) sub-dimensions knocked out, "
        + "one at a time; "
        + (correlations.isEmpty
          ? "too few for a rank correlation"
          : "Spearman's correlation of the loss: " + correlations.joined(separator: ", ")))
    print(
      "\(HumanReadable.duration(seconds)), peak memory "
        + HumanReadable.bytes(peakResidentBytes() ?? 0))
    for warning in result.warnings { print("\nWARNING \(warning.text)") }
  }
}
