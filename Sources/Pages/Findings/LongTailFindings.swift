import Activations
import Reporting
import Statistics

/// Section 3.1 and Fig. 3 left: do few dimensions carry most of the activation?
struct LongTailFindings {
  let runs: [Run]

  /// The paper's place on the curve.
  static let paperFraction = 1000.0 / 4096
  /// An excess below one percentage point is none, whatever its interval.
  static let leastExcess = 0.01

  static func index(of fraction: Double, in curve: LongTailCurve) -> Int? {
    curve.fractions.firstIndex { abs($0 - fraction) < 1e-9 }
  }

  /// A value at one fraction of a curve that may be missing.
  static func value(_ values: [Double]?, _ curve: LongTailCurve, at fraction: Double) -> Double? {
    guard let index = index(of: fraction, in: curve), let values, values.indices.contains(index)
    else { return nil }
    return values[index]
  }

  // MARK: Verdicts

  func verdicts(_ run: Run) -> [Verdict] {
    [
      verdict(run, fraction: Self.paperFraction, paper: 0.7196, words: "24.4 %"),
      verdict(run, fraction: 0.5, paper: 0.9254, words: "half"),
    ]
  }

  private func verdict(_ run: Run, fraction: Double, paper: Double, words: String) -> Verdict {
    let claim =
      fraction == 0.5
      ? "Half of the dimensions carry nearly all of the activation."
      : "A quarter of the dimensions carries most of the activation: a long tail."
    func result(
      _ model: Quantity, _ null: Quantity, _ status: VerdictStatus, _ sentence: String
    ) -> Verdict {
      Verdict(
        claim: claim, source: "Section 3.1, Fig. 3 left",
        measure:
          "share of Σx² in the largest \(words) of each token's dimensions, `attention_input`, "
          + layerTitle(run.middle),
        paper: Quantity(paper, format: .percent(2), note: "layer 16 of LLaMA2-7B"), model: model,
        null: null, status: status, sentence: sentence, details: "long-tail")
    }
    guard
      let curve = run.middle?.hookPoints[HookPoint.attentionInput.rawValue]?.longTail.squared,
      let observed = Self.value(curve.perToken, curve, at: fraction),
      let gaussian = Self.value(curve.gaussian, curve, at: fraction)
    else {
      return result(
        .missing("attention_input has no finite token here"), .missing(), .notMeasured,
        "Take `attention_input` to measure it.")
    }
    let scaled = Self.value(curve.perDimensionGaussian, curve, at: fraction)
    let low = Self.value(curve.intervalLow, curve, at: fraction)
    let null = max(gaussian, scaled ?? gaussian)
    let percent = NumberFormat.percent(2)
    let holds = observed - null > Self.leastExcess && (low ?? observed) > null
    let isBelow = null - observed > Self.leastExcess
    var sentence =
      holds
      ? "The tail is longer than chance makes it: "
        + "\(NumberFormat.fixed(1).text((observed - null) * 100)) percentage points more than "
        + "Gaussian dimensions of the same means and variances."
      : isBelow
        ? "The share is below what Gaussian dimensions of the same means and variances have: the "
          + "curve is flatter than chance."
        : null - gaussian > Self.leastExcess
          ? "Some dimensions are always larger than others, and that is all: Gaussian numbers with "
            + "each dimension's own mean and variance have this share too."
          : "Gaussian numbers without any structure have this share too: it is no sign of sparsity."
    sentence += " A standard Gaussian vector has \(percent.text(gaussian))"
    if let shuffled = Self.value(curve.columnShuffle, curve, at: fraction) {
      sentence +=
        ", the model's own values shuffled within each dimension \(percent.text(shuffled))"
    }
    if let random = Self.value(curve.randomBasis, curve, at: fraction) {
      sentence += ", the same tokens in a random basis \(percent.text(random))"
    }
    return result(
      Quantity(
        observed, low: low, high: Self.value(curve.intervalHigh, curve, at: fraction),
        format: percent),
      Quantity(
        null, format: percent,
        note: null == gaussian ? "Gaussian vector" : "Gaussian, each dimension its own variance"),
      holds ? .holds : isBelow ? .doesNotHold : .explainedByChance, sentence + ".")
  }

  // MARK: Figures

  var section: Section {
    Section(
      id: "long-tail", title: "Long tail (Fig. 3 left)",
      blocks: [
        .paragraph(
          "Each token's dimensions are sorted by x², and the largest ones' **share of the sum** is "
            + "averaged over tokens. A curve far above the diagonal looks like sparsity, but every "
            + "Gaussian vector has one: read the distance between the thick line and the broken ones."
        ), .figure(curves), .heading("Beyond chance, layer by layer"), .figure(excess),
      ])
  }

  private var curves: Figure {
    let first = runs.first
    let points = first?.panelPoints ?? []
    let panels = points.map { point in
      var series: [Series] = []
      for run in runs {
        for (choice, layer) in run.layers.enumerated()
        where choice < (first?.layers.count ?? 0) {
          guard let curve = layer.hookPoints[point]?.longTail.squared else { continue }
          series += lines(run, curve, choice: choice)
        }
      }
      if let curve = first?.middle?.hookPoints[point]?.longTail.squared {
        series.append(
          Series(
            "Gaussian vector", role: .null(.gaussian),
            mark: .line(x: .numbers(curve.fractions), y: curve.gaussian)))
      }
      if point == HookPoint.attentionInput.rawValue {
        series.append(
          Series(
            "paper", role: .paper,
            mark: .scatter(
              x: .numbers([Self.paperFraction, 0.5]), y: [0.7196, 0.9254],
              labels: ["1000 of 4096", "half"])))
      }
      return Panel(
        title: readable(point),
        x: Axis("fraction of dimensions", low: 0, high: 1, format: .fixed(2)),
        y: Axis("share of Σx²", low: 0, high: 1, format: .percent(1)), series: series)
    }
    return Figure(
      id: "long-tail-curves", title: "Share of Σx² in the largest dimensions",
      caption:
        "Choose a layer. The band is a 95 % interval of a bootstrap over documents; broken lines are "
        + "nulls; diamonds are the paper's numbers (layer 16 of LLaMA2-7B).",
      altText:
        "Concave curves from 0 to 100 %, a panel for each hook point, with nulls close beside the "
        + "observed curve.",
      panels: panels, columnCount: 2,
      chooser: Chooser(
        "Layer", choices: first?.layerNames ?? [], initial: (first?.layers.count ?? 0) / 2),
      height: 340)
  }

  /// Whether the figure has a point here: every layer's curves are in the page, and they bend only
  /// at their beginning.
  private static func isDrawn(_ fraction: Double) -> Bool {
    let steps = fraction * 32
    return steps <= 6 || fraction == paperFraction
      || steps.truncatingRemainder(dividingBy: steps <= 16 ? 2 : 4) == 0
  }

  private func lines(_ run: Run, _ curve: LongTailCurve, choice: Int) -> [Series] {
    func drawn(_ values: [Double]) -> [Double] {
      zip(curve.fractions, values).filter { Self.isDrawn($0.0) }.map(\.1).drawn
    }
    let x = Coordinates.numbers(drawn(curve.fractions))
    var series: [Series] = []
    func add(_ name: String, _ role: SeriesRole, _ y: [Double]?, _ band: Band? = nil) {
      guard let y else { return }
      series.append(
        Series(
          run.label(name), role: role, mark: .line(x: x, y: drawn(y), band: band), choice: choice))
    }
    let band = curve.intervalLow.flatMap { low in
      curve.intervalHigh.map { Band(lower: drawn(low), upper: drawn($0)) }
    }
    add("observed", run.role, curve.perToken, band)
    add(
      "Gaussian, own variances", run.nullRole(.perDimensionGaussian), curve.perDimensionGaussian)
    guard run.isAlone else { return series }
    add("shuffled within dimensions", .null(.shuffled), curve.columnShuffle)
    add("random basis", .null(.randomBasis), curve.randomBasis)
    add("PCA basis", .alternative, curve.pcaBasis)
    return series
  }

  private var excess: Figure {
    let nulls: [(String, (LongTailCurve) -> [Double]?)] = [
      ("Gaussian, own variances", { $0.perDimensionGaussian }),
      ("Gaussian vector", { $0.gaussian }),
      ("shuffled within dimensions", { $0.columnShuffle }), ("random basis", { $0.randomBasis }),
    ]
    let panels = runs.map { run in
      let points = run.panelPoints
      return Panel(
        title: run.isAlone ? "" : run.name, x: .layers([run]),
        y: Axis("excess", unit: "share of Σx²", format: .percent(1)),
        series: nulls.enumerated().flatMap { choice, null in
          points.enumerated().map { index, point in
            Series(
              readable(point), role: .category(index),
              mark: .line(
                x: run.layerNumbers,
                y: run.overLayers(point) { result in
                  let curve = result.longTail.squared
                  guard
                    let observed = Self.value(curve.perToken, curve, at: Self.paperFraction),
                    let chance = Self.value(null.1(curve), curve, at: Self.paperFraction)
                  else { return nil }
                  return observed - chance
                }.drawn, showsPoints: true), choice: choice)
          }
        }, rules: [Rule(.horizontal, at: 0, label: "chance")])
    }
    return Figure(
      id: "long-tail-excess", title: "Excess of the long tail over its nulls",
      caption:
        "Observed minus null at 1000/4096 of the dimensions. Choose the null: Gaussian numbers with "
        + "each dimension's own mean and variance, a standard Gaussian vector, each dimension's own "
        + "values shuffled over tokens, or the same tokens in a random orthonormal basis.",
      altText: "A line for each hook point over the layers; zero is what chance gives.",
      panels: panels, columnCount: 2, chooser: Chooser("Null", choices: nulls.map(\.0)),
      height: 360)
  }
}
