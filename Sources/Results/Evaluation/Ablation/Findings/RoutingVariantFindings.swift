import Reporting

/// Other ways to choose sub-dimensions, and parts left out.
struct RoutingVariantFindings {
  let result: AblationResult

  var section: Section {
    Section(
      id: "routing", title: "What the routing and its parts are worth",
      blocks: [
        .paragraph(
          "The same weights, other choices. **random**: specialised sub-dimensions drawn evenly for "
            + "each token. **static**: those of highest mean energy "
            + (result.text.isSeparate
              ? "on sequences of the same domains that are not scored, "
              : "on the scored text itself (there was too little to keep some apart), ")
            + "for all tokens. **shared only**: no specialised ones. **specialised only**: the best "
            + "min(K, N − S) specialised ones, and no shared ones. **nothing shared**: the best K of all "
            + "N, the shared ones competing like any other. **oracle**: by energy, for each "
            + "token. Static choices and the oracle are the two lines between which every router "
            + "should lie. All variants run masked, in one arithmetic."),
        .figure(figure), .table(table),
      ])
  }

  /// What can be drawn: name, place among the colours, score.
  private var rows: [(name: String, role: SeriesRole, score: VariantScore)] {
    result.routing.enumerated().compactMap { index, row in
      row.score.map {
        (row.variant.title, row.variant == .own ? .reference : .category(index - 1), $0)
      }
    }
      + result.removals.enumerated().compactMap { index, row in
        row.score.map {
          ("no \(row.part.rawValue)", .category(result.routing.count - 1 + index), $0)
        }
      }
  }

  /// A ratio above this needs a logarithmic axis to leave room for the others.
  private static let largestLinear = 8.0

  private var scale: Axis.Scale {
    (rows.map(\.score.ratio.value).max() ?? 1) > Self.largestLinear ? .logarithmic : .linear
  }

  private func interval(_ values: [Estimate]) -> Band {
    let intervals = values.map(\.multiplicativeInterval)
    return Band(
      lower: intervals.map { $0?.low ?? .nan }, upper: intervals.map { $0?.high ?? .nan })
  }

  /// What the whiskers of the right panel are; a domain of one document has none.
  private var rightWhiskers: String {
    let ratios = rows.flatMap { $0.score.domains.map(\.ratio) }
    let known = ratios.count { $0.multiplicativeInterval != nil }
    if known == 0 { return "with one document and sequence in each domain, its error is unknown." }
    return "whiskers are 95 % intervals, paired"
      + (known < ratios.count ? ", where a domain has more than one document or sequence." : ".")
  }

  private var figure: Figure {
    let low = scale == .linear ? 0.0 : nil
    let domains = result.text.domains
    return Figure(
      id: "routing-variants", title: "Perplexity of each variant",
      caption: "Left: all scored text; whiskers are 95 % intervals over documents. Right: each "
        + "variant's perplexity over that of the model's own routing, by domain; 1 is no "
        + "difference; \(rightWhiskers)",
      altText: "Bars of perplexity for each routing variant, and points of its ratio to the "
        + "model's own routing in each domain.",
      panels: [
        Panel(
          title: "token perplexity", x: Axis("", scale: .category, categories: ["all text"]),
          y: Axis("perplexity", scale: scale, low: low),
          series: rows.map { row in
            Series(
              row.name, role: row.role,
              mark: .bar(
                x: .categories(["all text"]), y: [row.score.perplexity.value],
                interval: interval([row.score.perplexity])))
          },
          rules: result.dense.map {
            [
              Rule(
                .horizontal, at: $0.value,
                label: "dense \(NumberFormat.significant(4).text($0.value))")
            ]
          } ?? []),
        Panel(
          title: "ratio to own routing", x: Axis("", scale: .category, categories: domains),
          y: Axis("ratio", scale: scale),
          series: rows.filter { $0.name != RoutingVariant.own.title }.map { row in
            let ratios = row.score.domains.map(\.ratio)
            return Series(
              row.name, role: row.role,
              mark: .scatter(
                x: .categories(row.score.domains.map(\.name)), y: ratios.map(\.value),
                interval: interval(ratios)))
          }, rules: [Rule(.horizontal, at: 1, label: "")]),
      ], columnCount: 2, height: 420)
  }

  private var table: Table {
    func cells(_ estimate: Estimate?, reason: String = "") -> [Cell] {
      [
        estimate.map { .number($0.value) } ?? .missing(reason),
        estimate?.standardError.map { .number($0) } ?? .missing(""),
      ]
    }
    func row(
      _ name: String, active: Double?, _ score: VariantScore?, toDense: Estimate?, reason: String
    ) -> [Cell] {
      [.text(name), active.map { .number($0) } ?? .missing("")]
        + cells(score?.perplexity, reason: reason) + cells(score?.ratio)
        + [toDense.map { .number($0.value) } ?? .missing("")]
    }
    return Table(
      id: "variants", title: "Every variant",
      caption: "± is one standard error over documents; that of the ratio is paired. Active is the "
        + "mean fraction of sub-dimensions, components weighted by what reads their input.",
      columns: [
        Column("variant"), Column("active", format: .percent(1)), Column("perplexity"),
        Column("±", format: .significant(2)), Column("times its own"),
        Column("±", format: .significant(2)), Column("times dense"),
      ],
      rows: result.routing.map {
        row(
          $0.variant.title, active: $0.activeFraction, $0.score, toDense: $0.ratioToDense,
          reason: $0.reason ?? "")
      }
        + result.removals.map {
          row(
            "no \($0.part.rawValue)", active: nil, $0.score, toDense: nil,
            reason: $0.reason ?? "")
        })
  }
}
