import Activations
import Foundation
import Reporting
import Statistics

/// Section 3.3 and Fig. 5: shared and specialised dimensions of five consecutive tokens.
struct FiveTokensFindings {
  let runs: [Run]

  /// p of the sets: the fifth of each token's dimensions with the largest |x|.
  static let parameter = 0.2

  static func entry(_ result: HookPointResult) -> FiveTokensResult? {
    result.fiveTokens.first { abs($0.parameter - parameter) < 1e-9 }
  }

  /// Probability of being in exactly c of five independent sets.
  static func independent(_ c: Int) -> Double {
    let choose = [1.0, 5, 10, 10, 5, 1]
    return choose[c] * pow(parameter, Double(c)) * pow(1 - parameter, Double(5 - c))
  }

  // MARK: Verdicts

  func verdicts(_ run: Run) -> [Verdict] {
    let point = run.middle?.hookPoints[HookPoint.attentionInput.rawValue]
    let place = "`attention_input`, \(layerTitle(run.middle)), sets of the top 20 % of each token"
    func missing(_ claim: String) -> Verdict {
      Verdict(
        claim: claim, source: "Section 3.3, Fig. 5", measure: place, paper: .missing(),
        model: .missing("no five consecutive tokens"), null: .missing(), status: .notMeasured,
        sentence: "It needs `attention_input` and five consecutive tokens.",
        details: "five-tokens")
    }
    let sharedClaim = "Some dimensions are shared: active in all five consecutive tokens."
    let ownClaim = "Some dimensions are specialised: active in one token of five only."
    guard let point, let entry = Self.entry(point), let all = entry.inAll,
      let unique = entry.uniquePerToken
    else { return [missing(sharedClaim), missing(ownClaim)] }
    let percent = NumberFormat.percent(2)
    let tops = SharedFindings.entry(point, "token_top_fraction", Self.parameter)
    let shuffled = tops.flatMap { SharedFindings.value($0.shuffled, $0, at: 5) }
    let sampled = tops.flatMap { SharedFindings.value($0.observedInSample, $0, at: 5) }
    let null = shuffled ?? Self.independent(5)
    let persists = shuffled.map { shuffled in
      (sampled ?? all) - shuffled
        > SharedFindings.leastExcess(
          over: shuffled, window: 5, tokenCount: run.result.nullSample.tokenCount,
          width: point.width)
    }
    let isShared = all > 2 * Self.independent(5)
    let independentUnique = Self.independent(1) / 5
    let isSpecialised = unique > independentUnique * (1 + SharedFindings.leastRelativeExcess)
    return [
      Verdict(
        claim: sharedClaim, source: "Section 3.3, Fig. 5", measure: "in all five sets, " + place,
        paper: Quantity(400.0 / 4096, format: percent, note: "around 400 of 4096"),
        model: Quantity(all, format: percent),
        null: Quantity(
          null, format: percent,
          note: shuffled == nil ? "independent dimensions" : "tokens shuffled"),
        status: persists == true
          ? .holds
          : !isShared ? .doesNotHold : persists == nil ? .notMeasured : .explainedByChance,
        sentence:
          "Independent dimensions would give \(percent.text(Self.independent(5))). "
          + (persists == true
            ? "Tokens in random order share fewer than neighbours do."
            : !isShared
              ? "There is no more sharing than independent dimensions have."
              : persists == nil
                ? "Without shuffled tokens nobody can tell whether neighbours share more than any "
                  + "tokens do."
                : "Tokens in random order share as many: these dimensions are large everywhere, "
                  + "not because the tokens follow each other."),
        details: "five-tokens"),
      Verdict(
        claim: ownClaim, source: "Section 3.3, Fig. 5",
        measure: "in one set only, for each token, " + place,
        paper: Quantity(200.0 / 4096, format: percent, note: "around 200 of 4096"),
        model: Quantity(unique, format: percent),
        null: Quantity(independentUnique, format: percent, note: "independent dimensions"),
        status: isSpecialised ? .holds : .explainedByChance,
        sentence:
          isSpecialised
          ? "More dimensions belong to a single token than with independent ones."
          : "They exist, but there are fewer of them than independent dimensions would have: any "
            + "fixed share of active dimensions leaves many that only one token of five activates.",
        details: "five-tokens"),
    ]
  }

  // MARK: Figures

  var section: Section {
    Section(
      id: "five-tokens", title: "Shared and specialised dimensions (Fig. 5)",
      blocks: [
        .paragraph(
          "Each token's highly activated dimensions are the fifth with the largest |x|. The map groups "
            + "dimensions by **which of the five tokens activate them**, then by magnitude: shared "
            + "dimensions stand on the left, then those of four tokens, and so on.")
      ] + runs.compactMap(map).map { Block.figure($0) } + [.figure(counts)])
  }

  private func map(_ run: Run) -> Figure? {
    let maps = run.result.fiveTokensMaps
    guard
      let map = maps.first(where: { $0.hookPoint == HookPoint.attentionInput.rawValue })
        ?? maps.first
    else { return nil }
    let rows = (0..<5).map { "token \(map.position + $0)" }
    let original = map.dimensions.indices.sorted { map.dimensions[$0] < map.dimensions[$1] }
    let flat = map.magnitudes.joined().map(Double.init).sorted()
    // One massive dimension would leave all others without colour.
    let high = flat.isEmpty ? nil : flat[Int(Double(flat.count - 1) * 0.99)]
    func panel(_ title: String, _ order: [Int]) -> Panel {
      Panel(
        title: title, x: Axis("dimension", scale: .category), y: Axis("", scale: .category),
        series: [
          Series(
            "|x|", role: .observed,
            mark: .heatMap(
              HeatMap(
                rows: rows, columns: order.map { String(map.dimensions[$0]) },
                values: map.magnitudes.map { row in order.map { Double(row[$0]).digits(4) } },
                title: "|x|", low: 0, high: high)))
        ])
    }
    let shared = map.patterns.count { $0 == 31 }
    let own = map.patterns.count { $0.nonzeroBitCount == 1 }
    return Figure(
      id: "five-tokens-map\(run.suffix)",
      title: run.isAlone ? "Five consecutive tokens" : "Five consecutive tokens: \(run.name)",
      caption:
        "\(readable(map.hookPoint)), layer \(map.layer), positions \(map.position) to "
        + "\(map.position + 4) of one sequence: \(shared) of \(map.dimensions.count) dimensions in "
        + "all five sets, \(own) in one only. The colours end at the 99 % quantile.",
      altText:
        "Two heat maps of five rows: the dimensions in the model's order, and clustered, where the "
        + "left part is dark for all tokens.",
      panels: [
        panel("in the model's order", original),
        panel("grouped by the tokens that activate them", Array(map.dimensions.indices)),
      ], columnCount: 1, height: 220)
  }

  private var counts: Figure {
    let names = (0...5).map { "\($0)" }
    let panels = (runs.first?.panelPoints ?? []).map { point in
      Panel(
        title: readable(point),
        x: Axis("number of the five sets", scale: .category, categories: names),
        y: Axis("dimensions", scale: .logarithmic, format: .percent(2)),
        series: runs.compactMap { run in
          let values = run.middle?.hookPoints[point].flatMap { Self.entry($0)?.inExactly }
          guard let values else { return nil }
          return Series(
            run.label("observed"), role: run.role, mark: .bar(x: .categories(names), y: values))
        } + [
          Series(
            "independent", role: .null(.independent),
            mark: .bar(x: .categories(names), y: (0...5).map(Self.independent)))
        ])
    }
    return Figure(
      id: "five-tokens-counts",
      title: "In how many of five consecutive tokens a dimension is active",
      caption: "\(layerTitle(runs.first?.middle)), mean over all windows; logarithmic.",
      altText: "Bars for zero to five tokens beside those of independent dimensions.",
      panels: panels, columnCount: 2, height: 300)
  }
}
