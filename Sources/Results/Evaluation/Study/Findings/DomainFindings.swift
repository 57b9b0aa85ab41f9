import Foundation
import Reporting

/// Calibrated on one domain, evaluated on another: does the choice of dimensions carry over?
struct DomainFindings {
  let result: SweepResult

  private var columns: [String] { result.dense.map(\.name) }

  private func ratio(_ scores: SettingScores, _ domain: String) -> Double {
    scores.domains.first { $0.name == domain }?.ratio?.value ?? .nan
  }

  var findings: SweepReport.Findings {
    SweepReport.Findings(
      title: "Calibrated here, evaluated there",
      subtitle: "Perplexity over the dense model's, by domain of calibration and of evaluation",
      terms: VerdictTerms(
        heading: "In short",
        introduction: "Geometric means of perplexity over the dense model's.",
        paper: "same domain", model: "other domains", null: "all domains"),
      verdicts: verdict.map { [$0] } ?? [],
      sections: [
        Section(
          id: "matrix", title: "Domain by domain",
          blocks: [
            .paragraph(
              "A row is a conversion, calibrated on as much text of the domain that names it; a "
                + "column is the text it was evaluated on."),
            .figure(
              Figure(
                id: "domains", title: "Perplexity over the dense model's",
                caption: "Rows: calibration text. Columns: evaluation text. 1 is no loss.",
                altText: "A matrix of perplexity ratios by calibration and evaluation domain.",
                x: Axis("evaluated on", scale: .category, categories: columns),
                y: Axis(
                  "calibrated on", scale: .category, categories: result.settings.map(\.setting.name)
                ),
                series: [
                  Series(
                    "ratio", role: .observed,
                    mark: .heatMap(
                      HeatMap(
                        rows: result.settings.map(\.setting.name), columns: columns,
                        values: result.settings.map { scores in
                          columns.map { ratio(scores, $0) }
                        }, title: "perplexity / dense", format: .significant(3),
                        showsValues: true)))
                ], height: 120 + 56 * max(result.settings.count, 3))),
          ])
      ])
  }

  private var verdict: Verdict? {
    func mean(_ values: [Double]) -> Double? {
      let known = values.filter { $0.isFinite && $0 > 0 }
      return known.isEmpty
        ? nil : exp(known.reduce(0) { $0 + log($1) } / Double(known.count))
    }
    let single = result.settings.filter { columns.contains($0.setting.name) }
    let own = single.map { ratio($0, $0.setting.name) }
    let others = single.flatMap { scores in
      columns.filter { $0 != scores.setting.name }.map { ratio(scores, $0) }
    }
    guard let same = mean(own), let other = mean(others) else { return nil }
    let all = result.settings.first { !columns.contains($0.setting.name) }?.ratio?.value
    let format = NumberFormat.significant(3)
    guard let carryOver = result.carryOver else { return nil }
    let isNear = carryOver.isOneWithinError
    let interval = carryOver.multiplicativeInterval.map {
      " (\(format.text($0.low)) to \(format.text($0.high)))"
    }
    return Verdict(
      claim: "Calibration text should be of the domain that the model is used on",
      measure: "geometric mean of perplexity over the dense model's",
      paper: Quantity(same, format: format), model: Quantity(other, format: format),
      null: Quantity(all, format: format),
      status: isNear ? .undecided : carryOver.value > 1 ? .holds : .doesNotHold,
      sentence: "On the same text, a conversion calibrated on another domain has "
        + "\(times(carryOver.value))\(interval ?? "") the perplexity of the one calibrated on the "
        + "text's own"
        + (isNear ? ", which is within error of no difference" : "")
        + (all.map { "; with text of all domains it stands at \(format.text($0))" } ?? "") + ".",
      details: "domains")
  }
}
