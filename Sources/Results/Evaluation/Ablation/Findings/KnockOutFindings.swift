import Checkpoints
import Reporting

/// Sub-dimensions disabled one at a time: does their loss go with gate and energy?
struct KnockOutFindings {
  let result: AblationResult

  var section: Section {
    Section(
      id: "knock-outs", title: "Sub-dimensions knocked out",
      blocks: [
        .paragraph(
          "Each of \(result.knockOuts.count) sub-dimensions of one layer's attention or FFN, "
            + (result.knockOuts.count < result.knockOutCandidateCount
              ? "a seeded sample of the \(result.knockOutCandidateCount) that are active "
                + "anywhere in this text, "
              : "all that are active anywhere in this text, ")
            + "was taken out wherever the router chose it; nobody takes its place. Energy is "
            + "‖D_i z_i‖², what it contributes to the projections; its share is that of its "
            + "component's. " + correlations)
      ] + (result.knockOuts.isEmpty ? [] : [.figure(figure), .table(table)]))
  }

  private var correlations: String {
    let found = [
      ("mean energy", result.correlations.energy),
      ("share of energy", result.correlations.energyShare),
      ("mean gate", result.correlations.gate),
    ].compactMap { name, value in
      value.map { "\($0.text) with \(name)" }
    }
    return found.isEmpty
      ? "There are too few for a rank correlation."
      : "Spearman's rank correlation of the loss, with 95 % intervals: "
        + "\(found.joined(separator: ", "))."
  }

  private static func name(_ place: SubDimensionPlace) -> String {
    "layer \(place.layer), \(place.component == .ffn ? "FFN" : "attention"), \(place.index)"
  }

  private func points(_ x: (AblationResult.KnockedOut) -> Double) -> [Series] {
    let kinds: [(String, MoHDComponent, Bool)] = [
      ("attention, shared", .attention, true), ("attention, specialised", .attention, false),
      ("FFN, shared", .ffn, true), ("FFN, specialised", .ffn, false),
    ]
    return kinds.enumerated().compactMap { index, kind in
      let own = result.knockOuts.filter {
        $0.place.component == kind.1 && $0.isShared == kind.2
      }
      guard !own.isEmpty else { return nil }
      return Series(
        kind.0, role: .category(index),
        mark: .scatter(
          x: .numbers(own.map(x)), y: own.map(\.lossIncrease.value),
          labels: own.map { Self.name($0.place) }))
    }
  }

  /// Most shares are small and a few large: logarithms keep them apart.
  private var energyAxis: Axis {
    let isPositive = result.knockOuts.allSatisfy { $0.energyShare > 0 }
    return Axis(
      "share of the component's energy", scale: isPositive ? .logarithmic : .linear,
      low: isPositive ? nil : 0, format: .percent(isPositive ? 2 : 0))
  }

  private var figure: Figure {
    Figure(
      id: "knock-out-loss", title: "What a sub-dimension is worth",
      caption: "Each point is one sub-dimension knocked out: more nats lost for each token, "
        + "against its share of its component's energy and against its mean gate.",
      altText: "Loss of each sub-dimension knocked out, against its energy share and mean gate.",
      panels: [
        Panel(
          title: "energy", x: energyAxis,
          y: Axis("loss", unit: "nats a token"), series: points { $0.energyShare }),
        Panel(
          title: "gate", x: Axis("mean gate", low: 0), y: Axis("loss", unit: "nats a token"),
          series: points { $0.meanGate }),
      ], columnCount: 2, height: 400)
  }

  private var table: Table {
    Table(
      id: "knock-out-table", title: "Every sub-dimension knocked out",
      caption: "The dearest first. ± is one standard error over documents, paired.",
      columns: [
        Column("sub-dimension"), Column("kind"), Column("mean gate", format: .significant(3)),
        Column("mean energy", format: .significant(3)),
        Column("share of energy", format: .percent(1)),
        Column("loss", unit: "nats a token", format: .significant(3)),
        Column("±", format: .significant(2)),
      ],
      rows: result.knockOuts.enumerated().sorted {
        $0.element.lossIncrease.value == $1.element.lossIncrease.value
          ? $0.offset < $1.offset
          : $0.element.lossIncrease.value > $1.element.lossIncrease.value
      }.map { _, row in
        [
          .text(Self.name(row.place)), .text(row.isShared ? "shared" : "specialised"),
          .number(row.meanGate), .number(row.meanEnergy), .number(row.energyShare),
          .number(row.lossIncrease.value),
          row.lossIncrease.standardError.map { .number($0) } ?? .missing("one sequence"),
        ]
      })
  }
}
