import Reporting

/// The causal check of the paper's premise: are large dimensions the important ones?
struct MagnitudeFindings {
  let result: AblationResult

  var section: Section {
    Section(
      id: "magnitude", title: "Does magnitude mean importance?",
      blocks: [
        .paragraph(
          "In the \(model) model, a fraction of each token's own dimensions of `attention_input` "
            + "and `ffn_input` is set to zero in every layer, before anything reads them: the "
            + "largest by magnitude, as many at random, or the smallest. If magnitude means "
            + "importance, the largest cost most and the smallest least."),
        .figure(figure), .table(table),
      ])
  }

  private var model: String { result.zeroesDense ? "dense" : "converted" }
  private var reference: Estimate { (result.zeroesDense ? result.dense : nil) ?? result.own }

  private func rows(_ order: ZeroedDimensions.Order) -> [AblationResult.Zeroing] {
    result.zeroings.filter { $0.zeroed.order == order }
  }

  private var figure: Figure {
    Figure(
      id: "magnitude-zeroed", title: "Perplexity with dimensions set to zero",
      caption: "Fractions of each token's own dimensions, in every layer's attention and FFN "
        + "input; the perplexity over that with none set to zero, "
        + "\(NumberFormat.significant(4).text(reference.value)). Bands are 95 % intervals over "
        + "documents, paired.",
      altText:
        "Ratio of perplexities against the fraction of dimensions set to zero: the largest, random "
        + "ones, and the smallest.",
      x: Axis("dimensions set to zero", low: 0, format: .percent(0)),
      y: Axis("times the perplexity", scale: .logarithmic),
      series: ZeroedDimensions.Order.allCases.enumerated().map { index, order in
        let own = rows(order)
        let values = [Estimate(1, standardError: 0)] + own.map(\.score.ratio)
        let intervals = values.map(\.multiplicativeInterval)
        return Series(
          order.title, role: .category(index),
          mark: .line(
            x: .numbers([0] + own.map(\.zeroed.fraction)), y: values.map(\.value),
            band: Band(
              lower: intervals.map { $0?.low ?? .nan }, upper: intervals.map { $0?.high ?? .nan }),
            showsPoints: true))
      },
      rules: [Rule(.horizontal, at: 1, label: "")], height: 420)
  }

  private var table: Table {
    Table(
      id: "magnitude-table", title: "Every fraction",
      caption: "± is one standard error over documents; that of the ratio is paired.",
      columns: [
        Column("zeroed"), Column("fraction", format: .percent(0)), Column("perplexity"),
        Column("±", format: .significant(2)), Column("times as it is"),
        Column("±", format: .significant(2)),
      ],
      rows: result.zeroings.map { row in
        func error(_ estimate: Estimate) -> Cell {
          estimate.standardError.map { .number($0) } ?? .missing("one sequence")
        }
        return [
          .text(row.zeroed.order.title), .number(row.zeroed.fraction),
          .number(row.score.perplexity.value), error(row.score.perplexity),
          .number(row.score.ratio.value), error(row.score.ratio),
        ]
      })
  }
}

extension ZeroedDimensions.Order {
  /// What figures and tables call it.
  var title: String {
    switch self {
    case .top: "largest"
    case .random: "random"
    case .bottom: "smallest"
    }
  }
}
