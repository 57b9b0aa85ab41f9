import Reporting

/// What the routers do: load, entropy, specialisation by domain as in the paper's Fig. 11, and α.
struct RouterFindings {
  let result: ModelComparison

  /// Those with something to choose: a static component has no entropy and no specialisation, and
  /// figures of it would be empty.
  private var routers: [RouterResult] { result.routers.filter(\.hasChoice) }

  /// nil for a model all of whose tokens use the same dimensions.
  var section: Section? {
    guard !routers.isEmpty else { return nil }
    let figures = [loads, entropies] + (hasScaling ? [scales] : [])
    let explanation =
      "The paper's Fig. 11 calls selection probabilities of 0.2 to 0.3 for five specialised "
      + "sub-dimensions healthy, that is 1 to 1.5 times even use. Load entropy is that of the "
      + "specialised sub-dimensions' load over its largest value (1: even use; below "
      + "\(EvaluationWarning.leastLoadEntropy) we call it collapse). Specialisation is what the "
      + "domain tells about the choice, in bits. Position 0 of each sequence is left out."
    return Section(
      id: "routers", title: "What the routers do",
      blocks: [.paragraph(explanation)] + figures.map { .figure($0) }
        + RouterMeaningFindings(routers: routers).blocks)
  }

  private var components: [String] {
    ["attention", "ffn"].filter { name in routers.contains { $0.component == name } }
  }

  private func title(_ component: String) -> String { component == "ffn" ? "FFN" : "attention" }

  /// Fig. 11: selection probability of each specialised sub-dimension, in each domain.
  private var loads: Figure {
    let layers = Array(Set(routers.map(\.layer))).sorted()
    // The paper shows its fifth layer.
    let initial = layers.firstIndex(of: 5) ?? layers.count / 2
    return Figure(
      id: "router-load", title: "Which sub-dimensions are chosen, by domain",
      caption:
        "Share of tokens for which a specialised sub-dimension is active; shared ones always "
        + "are. The grey line is even use, the band above it what the paper calls healthy: 1 to 1.5 "
        + "times even use. Source: the paper's Fig. 11.",
      altText:
        "The share of tokens for each specialised sub-dimension, by domain, beside even use.",
      panels: components.map { component in
        let own = routers.filter { $0.component == component }
        return Panel(
          title: title(component),
          x: Axis("specialised sub-dimension", format: .integer),
          y: Axis("selected", low: 0, format: .percent(0)),
          series: own.flatMap { loads($0, choice: layers.firstIndex(of: $0.layer)) })
      }, columnCount: 2,
      chooser: Chooser("Layer", choices: layers.map(String.init), initial: initial),
      height: 380)
  }

  /// Beyond so many sub-dimensions bars would be thinner than a pixel.
  private static let mostBars = 64

  /// One router's loads by domain, and even use with the healthy band.
  private func loads(_ router: RouterResult, choice: Int?) -> [Series] {
    let places = (router.sharedCount..<router.subDimensionCount).map(Double.init)
    guard let first = places.first, let last = places.last else { return [] }
    let even = router.evenLoad
    // Where half of the specialised ones and more are active, 1.5 times even use is more than all.
    let most = min(1, even * RouterResult.healthyLoads.upperBound)
    let domains = result.domains.enumerated().compactMap { index, domain -> Series? in
      guard let load = router.domains[domain.name] else { return nil }
      let (x, y) = (Coordinates.numbers(places), Array(load[router.sharedCount...]))
      return Series(
        domain.name, role: .category(index),
        mark: places.count > Self.mostBars ? .line(x: x, y: y) : .bar(x: x, y: y), choice: choice)
    }
    let line = Series(
      "even use", role: .reference,
      mark: .line(
        x: .numbers([first - 0.5, last + 0.5]), y: [even, even],
        band: Band(
          lower: [even, even].map { $0 * RouterResult.healthyLoads.lowerBound },
          upper: [most, most])), choice: choice)
    return domains + [line]
  }

  private func lines(_ value: (RouterResult) -> Double?) -> [Series] {
    components.enumerated().map { index, component in
      let own = routers.filter { $0.component == component }
      return Series(
        title(component), role: .category(index),
        mark: .line(
          x: .numbers(own.map { Double($0.layer) }), y: own.map { value($0) ?? .nan },
          showsPoints: true))
    }
  }

  private var layerAxis: Axis {
    Axis(
      "layer", low: -0.5, high: Double(routers.map(\.layer).max() ?? 0) + 0.5,
      format: .integer)
  }

  private var entropies: Figure {
    Figure(
      id: "router-entropy", title: "Evenness and specialisation of the routers",
      caption: "Left: entropy of the load of specialised sub-dimensions, 1 is even. Middle: mean "
        + "entropy of a token's scores, 1 is undecided. Right: bits that the domain gives.",
      altText: "Lines over layers of load entropy, score entropy and specialisation.",
      panels: [
        Panel(
          title: "load entropy", x: layerAxis, y: Axis("fraction", low: 0, high: 1.05),
          series: lines(\.loadEntropy),
          rules: [
            Rule(.horizontal, at: EvaluationWarning.leastLoadEntropy, label: "collapse below")
          ]),
        Panel(
          title: "score entropy", x: layerAxis, y: Axis("fraction", low: 0, high: 1.05),
          series: lines(\.scoreEntropy)),
        Panel(
          title: "specialisation by domain", x: layerAxis, y: Axis("information", unit: "bits"),
          series: lines(\.specialisation)),
      ], columnCount: 3, height: 360)
  }

  /// α is 1 throughout with unit gates: there would be nothing to see.
  private var hasScaling: Bool {
    routers.contains { $0.smallestScale != 1 || $0.largestScale != 1 }
  }

  private var scales: Figure {
    Figure(
      id: "router-scale", title: "The scaling factor α",
      caption: "Mean over tokens; the band is from the smallest to the largest.",
      altText: "Lines over layers of the mean scaling factor with a band from minimum to maximum.",
      x: layerAxis, y: Axis("α"),
      series: components.enumerated().map { index, component in
        let own = routers.filter { $0.component == component }
        return Series(
          title(component), role: .category(index),
          mark: .line(
            x: .numbers(own.map { Double($0.layer) }), y: own.map { $0.meanScale ?? .nan },
            band: Band(
              lower: own.map { $0.smallestScale ?? .nan },
              upper: own.map { $0.largestScale ?? .nan }), showsPoints: true))
      }, height: 360)
  }
}
