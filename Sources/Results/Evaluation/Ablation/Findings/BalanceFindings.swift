import Reporting

/// Loads evened without training: what the balance loss of the paper would be worth at most.
struct BalanceFindings {
  let result: AblationResult

  /// nil for a model without a choice.
  var section: Section? {
    guard !result.balances.isEmpty else { return nil }
    let most = NumberFormat.significant(2).text(RouterResult.healthyLoads.upperBound)
    return Section(
      id: "balance", title: "What even loads cost",
      blocks: [
        .paragraph(
          "The paper trains its routers with a loss that rewards even loads (Eq. 13). Nothing is "
            + "trained here: specialised sub-dimensions are chosen by their score over its own mean "
            + (result.text.isSeparate
              ? "on sequences that are not scored, " : "on the scored text itself, ")
            + "to the power of a weight. At 0 that is the model's own routing; at 1 each is chosen "
            + "where it scores high for itself. Gates keep their values. A router is even when all "
            + "its specialised loads are within \(most) times even use, above or below; the "
            + "entropy of the loads is over its largest possible value, and 1 is even use."),
        .figure(figure), .table(table),
      ])
  }

  private var weights: [Double] { result.balances.map(\.weight) }

  private var figure: Figure {
    let ratios = result.balances.map(\.score.ratio)
    let intervals = ratios.map(\.multiplicativeInterval)
    return Figure(
      id: "load-balancing", title: "Evenness and perplexity",
      caption:
        "Left: mean entropy of the routers' loads, 1 is even. Right: perplexity over that of the "
        + "model's own routing; the band is a 95 % interval over documents, paired.",
      altText: "Entropy of the loads, and ratio of perplexities, against the weight of balancing.",
      panels: [
        Panel(
          title: "evenness", x: Axis("weight", low: 0),
          y: Axis("entropy of the loads"),
          series: [
            Series(
              "entropy of the loads", role: .category(0),
              mark: .line(
                x: .numbers(weights), y: result.balances.map { $0.load.loadEntropy ?? .nan },
                showsPoints: true))
          ]),
        Panel(
          title: "perplexity", x: Axis("weight", low: 0), y: Axis("ratio to own routing"),
          series: [
            Series(
              "perplexity", role: .category(1),
              mark: .line(
                x: .numbers(weights), y: ratios.map(\.value),
                band: Band(
                  lower: intervals.map { $0?.low ?? .nan },
                  upper: intervals.map { $0?.high ?? .nan }), showsPoints: true))
          ], rules: [Rule(.horizontal, at: 1, label: "own routing")]),
      ], columnCount: 2, height: 380)
  }

  private var table: Table {
    Table(
      id: "balance-table", title: "Every weight",
      caption: "± is one standard error over documents, paired. Collapsed routers use few of their "
        + "sub-dimensions.",
      columns: [
        Column("weight", format: .significant(2)), Column("entropy of loads", format: .fixed(3)),
        Column("even routers"), Column("collapsed"), Column("of"), Column("perplexity"),
        Column("times its own"), Column("±", format: .significant(2)),
      ],
      rows: result.balances.map { row in
        [
          .number(row.weight), row.load.loadEntropy.map { .number($0) } ?? .missing(""),
          .integer(row.load.evenCount), .integer(row.load.collapsedCount),
          .integer(row.load.routerCount), .number(row.score.perplexity.value),
          .number(row.score.ratio.value),
          row.score.ratio.standardError.map { .number($0) } ?? .missing("one sequence"),
        ]
      })
  }
}
