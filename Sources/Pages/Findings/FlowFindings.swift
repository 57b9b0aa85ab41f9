import Activations
import Reporting
import Statistics

/// Section 3.2 and Fig. 4: how magnitudes change on their way through a block.
struct FlowFindings {
  let runs: [Run]

  /// Median |x| of Gaussian numbers of unit RMS: what RMSNorm alone, without gain, gives.
  static let gaussianMedian = 0.6745

  // MARK: Verdicts

  func verdicts(_ run: Run) -> [Verdict] {
    [
      compresses(run), sameFlow(run), inputMedian(run), outputMedian(run), attentionAbove(run),
      restores(run),
    ]
  }

  private func flow(_ run: Run, _ point: HookPoint) -> [Double] {
    run.layers.map { ($0.flowPercent[point.rawValue] ?? .nan) / 100 }
  }

  private func verdict(
    _ claim: String, source: String = "Section 3.2, Fig. 4", measure: String,
    paper: Quantity = .missing("stated in words"), model: Quantity, null: Quantity,
    _ status: VerdictStatus, _ sentence: String
  ) -> Verdict {
    Verdict(
      claim: claim, source: source, measure: measure, paper: paper, model: model, null: null,
      status: status, sentence: sentence, details: "flow")
  }

  private func missing(_ claim: String, source: String = "Section 3.2, Fig. 4", _ needs: String)
    -> Verdict
  {
    verdict(
      claim, source: source, measure: "", paper: .missing(), model: .missing("not captured"),
      null: .missing(), .notMeasured, "It needs \(needs); take them with `--hook-points all`.")
  }

  private func compresses(_ run: Run) -> Verdict {
    let claim = "Attention compresses: its output is far smaller than its input."
    let values = flow(run, .attentionOutput)
    guard let median = Chance.median(values), let high = Chance.quantile(values, 1) else {
      return missing(claim, "`attention_input` and `attention_output`")
    }
    let percent = NumberFormat.percent(1)
    let isSmall = median < 0.5
    return verdict(
      claim, measure: "mean |x| of `attention_output` over that of `attention_input`, median layer",
      paper: Quantity(0.067, format: percent, note: "layer 30"),
      model: Quantity(median, low: Chance.quantile(values, 0), high: high, format: percent),
      null: Quantity(1, format: .percent(0), note: "no change of size"),
      isSmall ? .holds : .doesNotHold,
      isSmall
        ? "The median layer's output has \(percent.text(median)) of its input's size; the interval "
          + "is the range over layers."
        : "The median layer's output is not much smaller than its input.")
  }

  private func sameFlow(_ run: Run) -> Verdict {
    let claim = "The activation flow is the same in every block."
    let points = HookPoint.dense.map(\.rawValue).filter { point in
      run.layers.allSatisfy { $0.flowPercent[point] != nil }
    }
    let rows = run.layers.map { layer in points.map { layer.flowPercent[$0] ?? .nan } }
    guard points.count > 2, let observed = Chance.meanRankCorrelation(rows),
      let limit = Chance.rankCorrelationLimit(rows, seed: run.result.options.seed)
    else { return missing(claim, "at least three hook points and two layers") }
    let holds = observed > limit && observed > 0.5
    let median = Chance.median(pairCorrelations(rows)) ?? observed
    return verdict(
      claim,
      measure:
        "mean rank correlation between layers of the sizes of \(points.count) hook points",
      model: Quantity(observed, format: .fixed(3)),
      null: Quantity(limit, format: .fixed(3), note: "95 % of draws with hook points shuffled"),
      holds ? .holds : observed > limit ? .doesNotHold : .explainedByChance,
      holds
        ? "Layers put the hook points into nearly the same order of size (median over pairs of "
          + "layers \(NumberFormat.fixed(2).text(median)))."
        : "Layers do not put the hook points into the same order of size.")
  }

  private func pairCorrelations(_ rows: [[Double]]) -> [Double] {
    rows.indices.flatMap { a in
      rows.indices.dropFirst(a + 1).compactMap { b in
        Chance.meanRankCorrelation([rows[a], rows[b]])
      }
    }
  }

  private func medians(_ run: Run, _ points: [HookPoint]) -> [Double] {
    points.flatMap { run.overLayers($0) { $0.magnitude.medianAbsolute } }.filter(\.isFinite)
  }

  private func inputMedian(_ run: Run) -> Verdict {
    let claim = "Inputs are large: the median |x| is above 1."
    let values = medians(run, [.attentionInput, .ffnInput])
    guard let median = Chance.median(values) else {
      return missing(claim, source: "Section 3.1", "an input, and all activations at once")
    }
    let share = Double(values.count { $0 > 1 }) / Double(values.count)
    return verdict(
      claim, source: "Section 3.1", measure: "median |x| of inputs, median over layers",
      paper: Quantity(1, format: .significant(2), note: "more than"),
      model: Quantity(
        median, low: values.min(), high: values.max(), format: .significant(3)),
      null: Quantity(Self.gaussianMedian, format: .significant(3), note: "RMSNorm without gain"),
      share > 0.5 ? .holds : .doesNotHold,
      "It is true of \(NumberFormat.percent(0).text(share)) of the inputs. The size follows from the "
        + "norm's gain, which the next matrix can undo: it says little by itself.")
  }

  private func outputMedian(_ run: Run) -> Verdict {
    let claim = "Outputs are small: the median |x| is below 0.5."
    let values = medians(run, [.attentionOutput, .ffnOutput])
    guard let median = Chance.median(values) else {
      return missing(claim, source: "Section 3.1", "an output, and all activations at once")
    }
    let share = Double(values.count { $0 < 0.5 }) / Double(values.count)
    return verdict(
      claim, source: "Section 3.1", measure: "median |x| of outputs, median over layers",
      paper: Quantity(0.5, format: .significant(2), note: "less than"),
      model: Quantity(
        median, low: values.min(), high: values.max(), format: .significant(3)),
      null: .missing("no chance reading"), share > 0.5 ? .holds : .doesNotHold,
      "It is true of \(NumberFormat.percent(0).text(share)) of the outputs.")
  }

  private func attentionAbove(_ run: Run) -> Verdict {
    let claim = "Attention has larger activations than the FFN."
    func ratios(_ a: HookPoint, _ b: HookPoint) -> [Double] {
      zip(
        run.overLayers(a) { $0.magnitude.meanAbsolute },
        run.overLayers(b) {
          $0.magnitude.meanAbsolute
        }
      ).map { $1 > 0 ? $0 / $1 : .nan }.filter(\.isFinite)
    }
    let inputs = ratios(.attentionInput, .ffnInput)
    let outputs = ratios(.attentionOutput, .ffnOutput)
    guard let input = Chance.median(inputs), let output = Chance.median(outputs) else {
      return missing(claim, source: "Section 3.1", "inputs and outputs of both")
    }
    let text = NumberFormat.significant(3)
    return verdict(
      claim, source: "Section 3.1",
      measure: "mean |x| of attention's input over the FFN's, median over layers",
      model: Quantity(
        input, low: inputs.min(), high: inputs.max(), format: text, unit: "×"),
      null: Quantity(1, format: .significant(2), unit: "×", note: "no difference"),
      input > 1 && output > 1 ? .holds : .doesNotHold,
      "Inputs: \(text.text(input)) ×, outputs: \(text.text(output)) ×; the claim is about both.")
  }

  private func restores(_ run: Run) -> Verdict {
    let claim = "The residual add restores the size that attention took away."
    let mid = flow(run, .residualMid)
    let output = flow(run, .attentionOutput)
    let ratios = zip(mid, output).map { $1 > 0 ? $0 / $1 : .nan }.filter(\.isFinite)
    guard let median = Chance.median(ratios) else {
      return missing(claim, "`attention_output` and `residual_mid`")
    }
    let share = Double(ratios.count { $0 > 1 }) / Double(ratios.count)
    return verdict(
      claim,
      measure: "mean |x| of `residual_mid` over that of `attention_output`, median over layers",
      model: Quantity(
        median, low: ratios.min(), high: ratios.max(), format: .significant(3), unit: "×"),
      null: Quantity(1, format: .significant(2), unit: "×", note: "nothing restored"),
      share > 0.5 ? .holds : .doesNotHold,
      "After the add, values are larger than attention's output in "
        + "\(NumberFormat.percent(0).text(share)) of the layers.")
  }

  // MARK: Figures

  var section: Section {
    var blocks: [Block] = [
      .paragraph(
        "Mean |x| after every step of a block, with attention's input as **100 %**: the median over "
          + "layers, and the range.")
    ]
    for run in runs {
      let missing = HookPoint.dense.map(\.rawValue).filter { !run.points.contains($0) }
      if !missing.isEmpty {
        blocks.append(
          .callout(
            Callout(
              .note, title: "\(missing.count) hook points are not in \(run.name)",
              text: "Their rows are empty: " + missing.map { "`\($0)`" }.joined(separator: ", ")
                + ". Take them with `--hook-points all`.")))
      }
      blocks.append(.figure(diagram(run)))
      blocks.append(.table(table(run)))
    }
    blocks.append(.figure(layers))
    return Section(id: "flow", title: "Activation flow through a block (Fig. 4)", blocks: blocks)
  }

  private func diagram(_ run: Run) -> Figure {
    Figure(
      id: "activation-flow\(run.suffix)",
      title: run.isAlone
        ? "How large activations are on their way through a block"
        : "How large activations are on their way through a block: \(run.name)",
      caption:
        "The thick line is the residual stream; branches leave it and are added back (+). Dots are "
        + "medians over layers, lines their range.",
      altText: "A block from top to bottom, with the mean |x| of each step beside it.",
      flow: FlowDiagram.transformerBlock(
        valueTitle: "mean |x| relative to attention_input",
        rangeTitle: "range over \(run.layers.count) layers"
      ) { name in
        let values = run.layers.map { ($0.flowPercent[name] ?? .nan) / 100 }
        guard let median = Chance.median(values) else { return nil }
        return (median, Chance.quantile(values, 0), Chance.quantile(values, 1))
      })
  }

  private func table(_ run: Run) -> Table {
    func median(_ point: String, _ value: (HookPointResult) -> Double?) -> Cell {
      Chance.median(run.overLayers(point, value)).map { .number($0) } ?? .missing("not measured")
    }
    return Table(
      id: "flow-table\(run.suffix)",
      title: run.isAlone ? "Sizes and spread" : "Sizes and spread: \(run.name)",
      caption: "Medians over layers; every layer is in `tables/magnitude.csv`.",
      columns: [
        Column("hook point"), Column("of attention input", format: .percent(1)),
        Column("median |x|", format: .significant(3)), Column("RMS", format: .significant(3)),
        Column("largest |x|", format: .significant(3)),
        Column("participation ratio", format: .significant(3)),
        Column("of spectrum", format: .significant(3)), Column("Hoyer", format: .fixed(3)),
        Column("excess kurtosis", format: .significant(3)),
        Column("massive dimensions", format: .integer),
      ],
      rows: run.points.map { point in
        [
          .text("`\(point)`"),
          Chance.median(run.layers.map { ($0.flowPercent[point] ?? .nan) / 100 })
            .map { .number($0) } ?? .missing("no attention_input"),
          median(point) { $0.magnitude.medianAbsolute },
          median(point) { $0.magnitude.rootMeanSquare },
          median(point) { $0.magnitude.maximumAbsolute },
          median(point) { $0.magnitude.participationRatio },
          median(point) { $0.magnitude.spectralParticipationRatio },
          median(point) { $0.magnitude.hoyer }, median(point) { $0.magnitude.excessKurtosis },
          median(point) { $0.magnitude.massiveDimensions.map { Double($0.count) } },
        ]
      })
  }

  private var layers: Figure {
    let panels = runs.map { run in
      Panel(
        title: run.isAlone ? "" : run.name, x: .layers([run]),
        y: Axis("mean |x| of attention input", scale: .logarithmic, format: .percent(0)),
        series: run.panelPoints.enumerated().map { index, point in
          Series(
            readable(point), role: .category(index),
            mark: .line(
              x: run.layerNumbers,
              y: run.layers.map { ($0.flowPercent[point] ?? .nan) / 100 }, showsPoints: true))
        })
    }
    return Figure(
      id: "flow-layers", title: "Sizes over the layers",
      caption: "Mean |x| in per cent of the same layer's attention input; logarithmic.",
      altText: "A line for each input and output of attention and FFN over the layers.",
      panels: panels, columnCount: 2, height: 340)
  }
}
