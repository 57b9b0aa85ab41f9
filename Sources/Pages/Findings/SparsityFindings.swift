import Activations
import Reporting
import Statistics

/// Section 3.1 and Fig. 3 middle: small entries over the layers.
struct SparsityFindings {
  let runs: [Run]

  /// ε of the verdicts, in units of the mean of x²: a threshold that suits every model and layer.
  static let relativeEpsilon = 0.1
  /// ε of the verdicts when the relative one could not be had.
  static let epsilon = 0.04

  static func fraction(_ result: HookPointResult) -> Double? {
    value(
      result.sparsity.relativeFraction, result.sparsity.relativeEpsilons, at: relativeEpsilon)
      ?? value(result.sparsity.fraction, result.sparsity.epsilons, at: epsilon)
  }

  private static func value(_ values: [Double]?, _ grid: [Double], at place: Double) -> Double? {
    guard let index = grid.firstIndex(of: place), let values, values.indices.contains(index)
    else { return nil }
    return values[index]
  }

  // MARK: Verdicts

  func verdicts(_ run: Run) -> [Verdict] { [inputsAlike(run), outputsDiffer(run)] }

  private func inputsAlike(_ run: Run) -> Verdict {
    let attention = run.overLayers(.attentionInput, Self.fraction)
    let ffn = run.overLayers(.ffnInput, Self.fraction)
    let gaps = zip(attention, ffn).map { abs($0 - $1) }
    // What two inputs of unrelated layers differ by.
    let all = (attention + ffn).filter(\.isFinite)
    var unrelated: [Double] = []
    for (index, a) in all.enumerated() {
      for b in all[..<index] { unrelated.append(abs(a - b)) }
    }
    let claim = "The inputs of attention and of the FFN are equally sparse."
    let measure =
      "mean difference within a block of the fraction of entries with x² < 0.1 of its mean"
    guard run.layers.count > 1, let gap = Chance.mean(gaps), let null = Chance.mean(unrelated)
    else {
      return notMeasured(claim, measure, "both inputs over several layers")
    }
    let holds = gap < null
    return Verdict(
      claim: claim, source: "Section 3.1", measure: measure, paper: .missing("stated in words"),
      model: Quantity(gap, format: .percent(1)),
      null: Quantity(null, format: .percent(1), note: "inputs of unrelated layers"),
      status: holds ? .holds : .explainedByChance,
      sentence: holds
        ? "A block's two inputs are closer to each other than the inputs of two layers taken at "
          + "random."
        : "A block's two inputs differ as much as the inputs of any two layers: they are alike only "
          + "as far as all inputs are.",
      details: "sparsity")
  }

  private func outputsDiffer(_ run: Run) -> Verdict {
    let attention = run.overLayers(.attentionOutput, Self.fraction)
    let ffn = run.overLayers(.ffnOutput, Self.fraction)
    let claim = "The sparsity of attention's output fluctuates over layers; the FFN's is stable."
    let measure =
      "standard deviation over layers of the fraction with x² < 0.1 of its mean: attention output "
      + "over FFN output"
    guard let a = Chance.standardDeviation(attention), let b = Chance.standardDeviation(ffn),
      b > 0,
      let limit = Chance.deviationRatioLimit(attention, ffn, seed: run.result.options.seed)
    else { return notMeasured(claim, measure, "both outputs over at least three layers") }
    let ratio = a / b
    let status: VerdictStatus =
      ratio > limit ? .holds : ratio > 1 ? .explainedByChance : .doesNotHold
    let percent = NumberFormat.percent(1)
    let numbers =
      "The fraction's standard deviation is \(percent.text(a)) for attention and "
      + "\(percent.text(b)) for the FFN."
    return Verdict(
      claim: claim, source: "Section 3.1, Fig. 3 middle", measure: measure,
      paper: .missing("only drawn"), model: Quantity(ratio, format: .significant(3), unit: "×"),
      null: Quantity(
        limit, format: .significant(3), unit: "×",
        note: "95 % of draws with layers' deviations exchanged"),
      status: status,
      sentence: numbers
        + (status == .holds
          ? " The difference is larger than chance makes it."
          : status == .explainedByChance
            ? " So large a ratio also comes about by chance with so few layers."
            : " Attention's output does not fluctuate more than the FFN's."),
      details: "sparsity")
  }

  private func notMeasured(_ claim: String, _ measure: String, _ needs: String) -> Verdict {
    Verdict(
      claim: claim, source: "Section 3.1, Fig. 3 middle", measure: measure, paper: .missing(),
      model: .missing("not captured"), null: .missing(), status: .notMeasured,
      sentence: "It needs \(needs).", details: "sparsity")
  }

  // MARK: Figures

  var section: Section {
    Section(
      id: "sparsity", title: "Sparsity over layers (Fig. 3 middle)",
      blocks: [
        .paragraph(
          "The fraction of entries with x² below a threshold. Thresholds in units of x² compare only "
            + "what has the same scale; thresholds **relative to the mean of x²** of the hook point "
            + "and layer compare layers and models. For a Gaussian of mean 0, 25 % of the entries lie "
            + "below 0.1 of the mean."), .figure(figure),
      ])
  }

  private var figure: Figure {
    let grid = runs.first?.middle?.hookPoints.values.first?.sparsity
    let relative = grid?.relativeEpsilons ?? []
    let absolute = grid?.epsilons ?? []
    let text = NumberFormat.significant(3)
    let choices =
      relative.map { "x² < \(text.text($0)) of its mean" }
      + absolute.map { "x² < \(text.text($0))" }
    let panels = runs.map { run in
      Panel(
        title: run.isAlone ? "" : run.name, x: .layers([run]),
        y: Axis("fraction of entries", low: 0, high: 1, format: .percent(1)),
        series: choices.indices.flatMap { choice in
          run.panelPoints.enumerated().map { index, point in
            Series(
              readable(point), role: .category(index),
              mark: .line(
                x: run.layerNumbers,
                y: run.overLayers(point) { result in
                  choice < relative.count
                    ? Self.value(
                      result.sparsity.relativeFraction, result.sparsity.relativeEpsilons,
                      at: relative[choice])
                    : Self.value(
                      result.sparsity.fraction, result.sparsity.epsilons,
                      at: absolute[choice - relative.count])
                }.drawn, showsPoints: true), choice: choice)
          }
        })
    }
    return Figure(
      id: "sparsity-layers", title: "Small entries over the layers",
      caption: "Choose the threshold.",
      altText: "A line for each input and output of attention and FFN over the layers.",
      panels: panels, columnCount: 2,
      chooser: Chooser(
        "Threshold", choices: choices, initial: relative.firstIndex(of: Self.relativeEpsilon) ?? 0),
      height: 380)
  }
}
