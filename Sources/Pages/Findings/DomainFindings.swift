import Activations
import Reporting
import Statistics

/// Ours: the same numbers for each domain of the corpus.
struct DomainFindings {
  let runs: [Run]

  /// Nil when no run has several domains.
  var section: Section? {
    let blocks = runs.filter { !$0.result.domains.isEmpty }.map { Block.figure(figure($0)) }
    guard !blocks.isEmpty else { return nil }
    return Section(
      id: "domains", title: "Domains side by side",
      blocks: [
        .paragraph(
          "Bars are the corpus's domains, each by itself, at the middle layer. Thresholds of "
            + "`above_quantile` are those of the whole corpus, so a domain's density may differ from "
            + "0.8; the hatched bars are each domain's own nulls.")
      ] + blocks)
  }

  private func figure(_ run: Run) -> Figure {
    let domains = run.result.domains
    let names = domains.map(\.domain)
    let points = run.panelPoints
    func values(_ point: String, _ value: (HookPointResult) -> Double?) -> [Double] {
      domains.map { domain in
        guard !domain.layers.isEmpty else { return .nan }
        return domain.layers[domain.layers.count / 2].hookPoints[point].flatMap(value) ?? .nan
      }
    }
    let x = Coordinates.categories(names)
    let axis = Axis("", scale: .category, categories: names)
    func tail(_ result: HookPointResult, _ curve: (LongTailCurve) -> [Double]?) -> Double? {
      let own = result.longTail.squared
      return LongTailFindings.value(curve(own), own, at: LongTailFindings.paperFraction)
    }
    func shared(_ result: HookPointResult, _ curve: (SharedResult) -> [Double?]?) -> Double? {
      SharedFindings.standard(result).flatMap { SharedFindings.value(curve($0), $0, at: 9) }
    }
    let tails = Panel(
      title: "long tail: share of Σx² in 1000/4096", x: axis,
      y: Axis("share", low: 0, high: 1, format: .percent(1)),
      series: points.enumerated().flatMap { choice, point in
        [
          Series(
            "observed", role: .observed,
            mark: .bar(
              x: x, y: values(point) { tail($0) { $0.perToken } },
              interval: Band(
                lower: values(point) { tail($0) { $0.intervalLow } },
                upper: values(point) { tail($0) { $0.intervalHigh } })), choice: choice),
          Series(
            "Gaussian vector", role: .null(.gaussian),
            mark: .bar(x: x, y: values(point) { tail($0) { $0.gaussian } }), choice: choice),
        ]
      })
    let windows = Panel(
      title: "active in nine consecutive tokens", x: axis,
      y: Axis("dimensions", low: 0, format: .percent(1)),
      series: points.enumerated().flatMap { choice, point in
        [
          Series(
            "observed", role: .observed,
            mark: .bar(x: x, y: values(point) { shared($0) { $0.observed } }), choice: choice),
          Series(
            "static scale", role: .null(.staticScale),
            mark: .bar(
              x: x, y: values(point) { shared($0) { $0.staticScale.map { $0.map { $0 } } } }),
            choice: choice),
          Series(
            "independent", role: .null(.independent),
            mark: .bar(
              x: x, y: values(point) { shared($0) { $0.independent.map { $0.map { $0 } } } }),
            choice: choice),
        ]
      })
    return Figure(
      id: "domain-bars\(run.suffix)",
      title: run.isAlone ? "The domains of the corpus" : "Domains: \(run.name)",
      caption: "\(layerTitle(run.middle)). Choose the hook point. Whiskers: 95 %.",
      altText: "Grouped bars of each domain beside their nulls.", panels: [tails, windows],
      columnCount: 2, chooser: Chooser("Hook point", choices: points.map(readable)), height: 380)
  }
}
