import Activations
import Reporting
import Statistics

/// Section 3.3 and Fig. 3 right: dimensions that stay active over consecutive tokens.
struct SharedFindings {
  let runs: [Run]

  /// The paper's reading as far as its figures can tell: |x| above its 0.2-quantile.
  static let definition = "above_quantile"
  static let parameter = 0.2
  /// Persistence below this share of the shuffled number is none.
  static let leastRelativeExcess = 0.03
  /// Differences within so many standard deviations of two draws are none.
  static let deviations = 3.0

  /// What a number must exceed its null by to be more than chance: a share of the null, and what
  /// two draws of `tokenCount` tokens differ by when dimensions are independent. Windows overlap, so
  /// `window` of them count as one.
  static func leastExcess(over null: Double, window: Int, tokenCount: Int, width: Int) -> Double {
    let draws = Double(max(1, tokenCount) * max(1, width)) / Double(window)
    let deviation = (2 * max(0, null * (1 - null)) / draws).squareRoot()
    return max(leastRelativeExcess * null, deviations * deviation)
  }

  static func entry(_ result: HookPointResult, _ definition: String, _ parameter: Double)
    -> SharedResult?
  {
    result.shared.first { $0.definition == definition && abs($0.parameter - parameter) < 1e-9 }
  }

  /// The default definition, or the nearest that merged parts still have.
  static func standard(_ result: HookPointResult) -> SharedResult? {
    let wanted = entry(result, definition, parameter)
    return wanted?.observed != nil ? wanted : entry(result, "token_top_fraction", parameter)
  }

  static func value(_ values: [Double?]?, _ entry: SharedResult, at window: Int) -> Double? {
    guard let index = entry.windows.firstIndex(of: window), let values,
      values.indices.contains(index)
    else { return nil }
    return values[index]
  }

  // MARK: Verdicts

  func verdicts(_ run: Run) -> [Verdict] {
    [verdict(run, window: 2, paper: 2672.0 / 4096), verdict(run, window: 9, paper: 673.0 / 4096)]
  }

  private func verdict(_ run: Run, window: Int, paper: Double) -> Verdict {
    let number = window == 2 ? "Two" : "Nine"
    func result(
      _ model: Quantity, _ null: Quantity, _ status: VerdictStatus, _ sentence: String
    ) -> Verdict {
      Verdict(
        claim:
          "\(number) consecutive tokens share highly activated dimensions: a clear correlation.",
        source: "Section 3.3, Fig. 3 right",
        measure:
          "fraction of dimensions with |x| above its 0.2-quantile in all \(window) tokens, "
          + "`attention_input`, \(layerTitle(run.middle))",
        paper: Quantity(
          paper, format: .fixed(3), note: window == 2 ? "2672 of 4096" : "673 of 4096"),
        model: model, null: null, status: status, sentence: sentence, details: "shared")
    }
    guard let point = run.middle?.hookPoints[HookPoint.attentionInput.rawValue],
      let entry = Self.entry(point, Self.definition, Self.parameter),
      let observed = Self.value(entry.observed, entry, at: window)
    else {
      return result(
        .missing(), .missing(), .notMeasured,
        "It needs `attention_input`, sequences of \(window) tokens, and all activations at once.")
    }
    let independent = Self.value(entry.independent, entry, at: window)
    let chance = NumberFormat.fixed(3)
    guard let shuffled = Self.value(entry.shuffled, entry, at: window) else {
      return result(
        Quantity(observed, format: chance),
        Quantity(independent, format: chance, note: "independent dimensions"), .notMeasured,
        "Without shuffled tokens nobody can tell persistence from dimensions that are always large."
      )
    }
    let sampled = Self.value(entry.observedInSample, entry, at: window) ?? observed
    let persistence = sampled - shuffled
    let scale = shuffled - (independent ?? shuffled)
    let least = Self.leastExcess(
      over: shuffled, window: window, tokenCount: run.result.nullSample.tokenCount,
      width: point.width)
    let holds = persistence > least
    let points = NumberFormat.significant(2)
    var sentence =
      holds
      ? "Neighbours share more than the same tokens in random order (by \(points.text(persistence))): "
        + "activation persists in time."
      : "The same tokens in random order share as much: there is no persistence in time."
    if let independent {
      sentence +=
        " Independent dimensions would give \(chance.text(independent)); "
        + (scale > least
          ? "another \(points.text(scale)) is only that some dimensions are always larger."
          : "dimensions that are always larger add nothing to that.")
    }
    return result(
      Quantity(observed, format: chance),
      Quantity(shuffled, format: chance, note: "tokens shuffled within sequences"),
      holds ? .holds : .explainedByChance, sentence)
  }

  // MARK: Figures

  var section: Section {
    Section(
      id: "shared", title: "Shared by consecutive tokens (Fig. 3 right)",
      blocks: [
        .paragraph(
          "The fraction of dimensions that are highly activated in **every token of a window**, over "
            + "the window's length. Four definitions of highly activated can be chosen; "
            + "`above_quantile` at 0.2 is the paper's as far as its numbers can tell."),
        .figure(curves), .heading("Persistence in time against static scale"), .figure(parts),
      ])
  }

  private var curves: Figure {
    let first = runs.first?.middle?.hookPoints.values.first
    let definitions = first?.shared.map { ($0.definition, $0.parameter) } ?? []
    let hasQuantiles = first.flatMap { Self.entry($0, Self.definition, Self.parameter) }?.observed
    let initial = hasQuantiles != nil ? Self.definition : "token_top_fraction"
    let panels = (runs.first?.panelPoints ?? []).map { point in
      var series: [Series] = []
      for (choice, (definition, parameter)) in definitions.enumerated() {
        for run in runs {
          guard
            let entry = run.middle?.hookPoints[point].flatMap({
              Self.entry($0, definition, parameter)
            })
          else { continue }
          series += lines(run, entry, choice: choice)
        }
        if point == HookPoint.attentionInput.rawValue, definition == Self.definition,
          parameter == Self.parameter
        {
          series.append(
            Series(
              "paper", role: .paper,
              mark: .scatter(x: .numbers([2, 9]), y: [2672.0 / 4096, 673.0 / 4096]),
              choice: choice))
        }
      }
      return Panel(
        title: readable(point), x: Axis("window", unit: "tokens", format: .integer),
        y: Axis("shared dimensions", low: 0, format: .percent(1)), series: series)
    }
    return Figure(
      id: "shared-windows", title: "Dimensions active in every token of a window",
      caption:
        "\(layerTitle(runs.first?.middle)). Choose the definition. Shuffled: the same tokens in "
        + "random order; static scale: each dimension at its own rate; independent: all at the same "
        + "rate.",
      altText:
        "Falling curves, a panel for each hook point; the observed one is compared with shuffled, "
        + "static-scale and independent ones.",
      panels: panels, columnCount: 2,
      chooser: Chooser(
        "Definition", choices: definitions.map { "\($0.0) \($0.1)" },
        initial: definitions.firstIndex { $0.0 == initial && $0.1 == Self.parameter } ?? 0),
      height: 340)
  }

  private func lines(_ run: Run, _ entry: SharedResult, choice: Int) -> [Series] {
    let x = Coordinates.numbers(entry.windows.map(Double.init))
    var series: [Series] = []
    func add(_ name: String, _ role: SeriesRole, _ y: [Double?]?) {
      guard let y else { return }
      series.append(
        Series(
          run.label(name), role: role, mark: .line(x: x, y: y.map { $0 ?? .nan }.drawn),
          choice: choice))
    }
    add("observed", run.role, entry.observed)
    add("tokens shuffled", run.nullRole(.shuffled), entry.shuffled)
    guard run.isAlone else { return series }
    add("static scale", .null(.staticScale), entry.staticScale)
    add("independent", .null(.independent), entry.independent)
    return series
  }

  /// What of the excess over independence is persistence, and what only static scale.
  private var parts: Figure {
    let windows = [2, 5, 9, 20]
    let panels = (runs.first?.panelPoints ?? []).map { point in
      Panel(
        title: readable(point), x: .layers(runs),
        y: Axis("excess", unit: "fraction of dimensions", format: .fixed(2)),
        series: runs.flatMap { run in
          windows.enumerated().flatMap { choice, window in
            [
              Series(
                run.label("persistence in time"), role: run.role,
                mark: .line(
                  x: run.layerNumbers,
                  y: run.overLayers(point) { result in
                    guard let entry = Self.standard(result),
                      let shuffled = Self.value(entry.shuffled, entry, at: window),
                      let sampled = Self.value(entry.observedInSample, entry, at: window)
                    else { return nil }
                    return sampled - shuffled
                  }.drawn, showsPoints: true), choice: choice),
              Series(
                run.label("static scale"), role: run.nullRole(.staticScale),
                mark: .line(
                  x: run.layerNumbers,
                  y: run.overLayers(point) { result in
                    guard let entry = Self.standard(result),
                      let shuffled = Self.value(entry.shuffled, entry, at: window),
                      let independent = Self.value(entry.independent, entry, at: window)
                    else { return nil }
                    return shuffled - independent
                  }.drawn), choice: choice),
            ]
          }
        }, rules: [Rule(.horizontal, at: 0, label: "")])
    }
    return Figure(
      id: "persistence", title: "Where the excess over independence comes from",
      caption:
        "`above_quantile` 0.2. Persistence: observed minus shuffled, on the same tokens. Static "
        + "scale: shuffled minus independent. The paper does not tell the two apart. Choose the "
        + "window.",
      altText: "Two lines over the layers in each panel: persistence in time and static scale.",
      panels: panels, columnCount: 2,
      chooser: Chooser("Window", choices: windows.map { "\($0) tokens" }, initial: 2), height: 320)
  }
}
