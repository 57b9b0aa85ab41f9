import Reporting

/// The report on a series of conversions: verdicts, the figure that the series is about, and a table.
package struct SweepReport {
  let result: SweepResult
  let command: String

  package init(_ result: SweepResult, command: String) {
    self.result = result
    self.command = command
  }

  /// What a kind of series has to say.
  struct Findings {
    let title: String
    let subtitle: String
    let terms: VerdictTerms
    let verdicts: [Verdict]
    let sections: [Section]
  }

  /// The report as a value.
  package var report: Report {
    let findings = findings
    let tables = SettingTables(result: result)
    return Report(
      title: "\(findings.title): \(result.denseName)", subtitle: findings.subtitle, facts: facts,
      callouts: result.warnings.map { Callout(.warning, title: $0.kind.title, text: $0.text) },
      verdicts: findings.verdicts, verdictTerms: findings.terms,
      sections: findings.sections + [
        Section(
          id: "all", title: "All numbers",
          blocks: [
            .paragraph(
              "Perplexity is over the dense model's on the same tokens, the geometric mean over "
                + "domains; its standard error is over documents and paired. Speed is prefill of "
                + "four sequences of 512 tokens through all layers, weights read anew, beside the "
                + "dense model: the median over rounds of the ratio within each, the models taking "
                + "turns layer by layer in one process; its ± is half of what the rounds span. "
                + "Multiplied is everything that a "
                + "token is multiplied by outside the embeddings, bases included."),
            .table(tables.summary), .table(tables.choices), .table(dense),
          ])
      ],
      provenance: result.provenance.sorted { $0.key < $1.key }.map {
        Fact($0.key.replacing("_", with: " "), $0.value)
      } + [Fact("schema", result.schema)],
      reproduction: Reproduction(
        text: "From the folder in which it was made; settings that are known are not run again:",
        commands: [command]))
  }

  private var findings: Findings {
    switch result.kind {
    case .ladder: LadderFindings(result: result).findings
    case .headline: HeadlineFindings(result: result).findings
    case .domains: DomainFindings(result: result).findings
    case .subDimensions, .shared, .active, .budget, .scaling: LineFindings(result: result).findings
    }
  }

  private var facts: [Fact] {
    let tokens = result.dense.reduce(0) { $0 + $1.scoredCount }
    return [
      Fact("settings", "\(result.settings.count)"),
      Fact("scored tokens", NumberFormat.integer.text(Double(tokens))),
      Fact("domains", "\(result.dense.count)"),
    ] + threads + [
      Fact("calibration tokens", result.provenance["calibration_tokens"] ?? NumberFormat.missing)
    ]
  }

  /// Of the speeds.
  private var threads: [Fact] {
    let counts = Set(result.settings.compactMap(\.speed?.threadCount)).sorted()
    guard !counts.isEmpty else { return [] }
    let processors = Set(result.settings.compactMap(\.speed?.processor)).sorted()
    return [Fact("threads", counts.map(String.init).joined(separator: ", "))]
      + (processors.isEmpty ? [] : [Fact("processor", processors.joined(separator: ", "))])
  }

  private var dense: Table {
    Table(
      id: "dense", title: "The dense model",
      columns: [
        Column("domain"), Column("scored tokens", format: .integer), Column("perplexity"),
        Column("±", format: .significant(2)),
      ],
      rows: result.dense.map { domain in
        [
          .text(domain.name), .integer(domain.scoredCount),
          domain.perplexity.map { .number($0.value) } ?? .missing("nothing was scored"),
          domain.perplexity?.standardError.map { .number($0) } ?? .missing("one document"),
        ]
      })
  }
}

extension [SettingScores] {
  /// Their ratios as a line with 95 % intervals.
  func line(_ name: String, role: SeriesRole, x: Coordinates) -> Series {
    let intervals = map { $0.ratio?.multiplicativeInterval }
    return Series(
      name, role: role,
      mark: .line(
        x: x, y: map { $0.ratio?.value ?? .nan },
        band: Band(
          lower: intervals.map { $0?.low ?? .nan }, upper: intervals.map { $0?.high ?? .nan }),
        showsPoints: true))
  }

  /// Their ratios over their speeds, each point with its name; without those that were not measured.
  func points(_ name: String, role: SeriesRole) -> Series {
    let known = filter { $0.speedup != nil && $0.ratio != nil }
    return Series(
      name, role: role,
      mark: .scatter(
        x: .numbers(known.compactMap(\.speedup)), y: known.compactMap(\.ratio?.value),
        labels: known.map(\.setting.fullName)))
  }
}

extension SettingScores {
  /// The ratio with its interval, for a verdict.
  var quantity: Quantity {
    ratio?.multiplicativeQuantity(.significant(3)) ?? .missing("not finite")
  }

  /// The same, saying what it is of.
  func quantity(note: String) -> Quantity {
    var own = quantity
    if own.value != nil { own.note = note }
    return own
  }
}

/// "1.29 times"
func times(_ value: Double?) -> String {
  value.map { NumberFormat.significant(3).text($0) + " times" } ?? "not measured"
}
