import Activations
import Reporting

/// How much of what the dense model says is left, and what scaling, fusion and compensation keep of it.
struct InformationFindings {
  let result: AblationResult

  /// nil where there was no dense model to hold it against.
  var section: Section? {
    guard !result.information.isEmpty else { return nil }
    return Section(
      id: "information", title: "What information is kept",
      blocks: [
        .paragraph(
          "Beside the dense model, on all text: KL(dense‖variant) is what is lost of its "
            + "predictions, in nats a position. The cosine says how well each layer's outputs "
            + "follow, each model in its own stream, so that errors of earlier layers are in it; "
            + "position 0 of a sequence is left out."),
        .figure(figure), .table(table),
      ])
  }

  private func name(_ row: KeptInformation) -> String {
    row.removed.map { "no \($0.rawValue)" } ?? (row.routing ?? .own).title
  }

  private var figure: Figure {
    let last = Double(result.information.flatMap(\.reconstruction).map(\.layer).max() ?? 0)
    return Figure(
      id: "information-layers", title: "How each layer's outputs follow the dense model's",
      caption: "Mean cosine over tokens; 1 is the same direction.",
      altText: "A line over layers for each variant, for attention, FFN, and the residual stream.",
      panels: reconstructedHookPoints.map { hookPoint in
        Panel(
          title: hookPoint.rawValue.replacing("_", with: " ").replacing("ffn", with: "FFN"),
          x: Axis("layer", low: -0.5, high: last + 0.5, format: .integer),
          y: Axis("cosine", format: .significant(3)),
          series: result.information.enumerated().map { index, row in
            let own = row.reconstruction.filter { $0.hookPoint == hookPoint.rawValue }
            return Series(
              name(row), role: row.routing == .own ? .observed : .category(index),
              mark: .line(
                x: .numbers(own.map { Double($0.layer) }), y: own.map { $0.cosine ?? .nan }))
          })
      }, columnCount: 3, height: 380)
  }

  private var table: Table {
    Table(
      id: "information-table", title: "What is left of the dense model",
      caption:
        "± is one standard error over documents. R² is that of the residual stream after the "
        + "last layer.",
      columns: [
        Column("variant"), Column("KL", unit: "nats", format: .significant(3)),
        Column("±", format: .significant(2)), Column("same top token", format: .percent(1)),
        Column("±", format: .percent(1)), Column("R²", format: .significant(3)),
      ],
      rows: result.information.map { row in
        func error(_ estimate: Estimate) -> Cell {
          estimate.standardError.map { .number($0) } ?? .missing("one sequence")
        }
        let last = row.reconstruction.last { $0.hookPoint == HookPoint.residualPost.rawValue }
        return [
          .text(name(row)), .number(row.divergence.value), error(row.divergence),
          .number(row.agreement.value), error(row.agreement),
          last?.determination.map { .number($0) } ?? .missing("not finite"),
        ]
      })
  }
}
