import Reporting

/// Perplexity, KL divergence and agreement, domain by domain.
struct DivergenceFindings {
  let result: ModelComparison

  var section: Section {
    Section(
      id: "divergence", title: "What was lost: perplexity and agreement",
      blocks: [
        .paragraph(
          "Both models read the same tokens. Whiskers are 95 % intervals from standard errors over "
            + "documents (over sequences where a domain has one document); those of ratios are "
            + "paired: most of what makes text hard is hard for both."),
        .figure(perplexities), .figure(divergences), .table(table),
      ])
  }

  private var names: [String] { result.domains.map(\.name) }

  private func bars(
    _ name: String, role: SeriesRole, isMultiplicative: Bool = false,
    _ value: (DivergenceScores) -> Estimate?
  ) -> Series {
    let values = result.domains.map { value($0.scores) }
    let intervals = values.map { isMultiplicative ? $0?.multiplicativeInterval : $0?.interval }
    return Series(
      name, role: role,
      mark: .bar(
        x: .categories(names), y: values.map { $0?.value ?? .nan },
        interval: Band(
          lower: intervals.map { $0?.low ?? .nan },
          upper: intervals.map { $0?.high ?? .nan })))
  }

  /// Ratios around 1, as points: bars from 0 would hide how they differ.
  private var ratios: Series {
    let values = result.domains.map(\.scores.perplexityRatio)
    let intervals = values.map { $0?.multiplicativeInterval }
    return Series(
      "ratio", role: .observed,
      mark: .scatter(
        x: .categories(names), y: values.map { $0?.value ?? .nan },
        interval: Band(
          lower: intervals.map { $0?.low ?? .nan }, upper: intervals.map { $0?.high ?? .nan })))
  }

  private var axis: Axis { Axis("", scale: .category, categories: names) }

  private var perplexities: Figure {
    let mean = result.geometricMeanRatio?.value
    return Figure(
      id: "perplexity", title: "Perplexity of either model",
      caption: "Left: token perplexity. Right: converted over dense, and the geometric mean over "
        + "domains; 1 is no loss.",
      altText: "Bars of token perplexity for both models, and points of their ratio, by domain.",
      panels: [
        Panel(
          title: "token perplexity", x: axis, y: Axis("perplexity", low: 0),
          series: [
            bars(result.denseName, role: .category(0), isMultiplicative: true, \.dense),
            bars(result.convertedName, role: .category(1), isMultiplicative: true, \.converted),
          ]),
        Panel(
          title: "converted / dense", x: axis, y: Axis("ratio"), series: [ratios],
          rules: [Rule(.horizontal, at: 1, label: "")]
            + (mean.map {
              [
                Rule(
                  .horizontal, at: $0,
                  label: "mean \(NumberFormat.significant(4).text($0))")
              ]
            } ?? [])),
      ], columnCount: 2, height: 380)
  }

  private var divergences: Figure {
    Figure(
      id: "divergences", title: "How differently they predict",
      caption: "Left: KL(dense‖converted), mean over all positions. Right: positions at which both "
        + "models find the same token most likely.",
      altText: "Bars of KL divergence and of top-1 agreement for each domain.",
      panels: [
        Panel(
          title: "KL divergence", x: axis, y: Axis("KL", unit: "nats a position", low: 0),
          series: [bars("KL(dense‖converted)", role: .observed, { $0.divergence })]),
        Panel(
          title: "same most likely token", x: axis,
          y: Axis("positions", low: 0, high: 1, format: .percent(0)),
          series: [bars("agreement", role: .observed, { $0.agreement })]),
      ], columnCount: 2, height: 380)
  }

  private var table: Table {
    func cells(_ value: Estimate?) -> [Cell] {
      [
        value.map { .number($0.value) } ?? .missing("nothing was scored"),
        value?.standardError.map { .number($0) } ?? .missing("one document and sequence"),
      ]
    }
    let all = ModelComparison.Domain(name: "all", scores: result.all)
    return Table(
      id: "domain-table", title: "Every domain",
      caption: "± is one standard error.",
      columns: [
        Column("domain"), Column("documents", format: .integer),
        Column("tokens", format: .integer), Column("dense perplexity"),
        Column("±", format: .significant(2)), Column("converted perplexity"),
        Column("±", format: .significant(2)), Column("ratio"), Column("±", format: .significant(2)),
        Column("KL", unit: "nats"), Column("±", format: .significant(2)),
        Column("same top 1", format: .percent(2)), Column("±", format: .percent(2)),
      ],
      rows: (result.domains + (result.domains.count > 1 ? [all] : [])).map { domain in
        let scores = domain.scores
        return [
          .text(domain.name), .integer(scores.documentCount), .integer(scores.tokenCount),
        ] + cells(scores.dense) + cells(scores.converted) + cells(scores.perplexityRatio)
          + cells(scores.divergence) + cells(scores.agreement)
      })
  }
}
