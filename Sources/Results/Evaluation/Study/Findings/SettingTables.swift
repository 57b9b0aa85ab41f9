import Reporting

/// The settings of a series as tables: one for people, two tidy ones for pandas and R.
struct SettingTables {
  let result: SweepResult

  /// Options that some settings have and that are not the same everywhere, sorted.
  private var options: [String] {
    let all = Set(result.settings.flatMap(\.setting.options.keys)).sorted()
    return all.filter { key in Set(result.settings.map { $0.setting.options[key] }).count > 1 }
  }

  private static func cell(_ value: Double?) -> Cell {
    value.map { .number($0) } ?? .missing("not measured")
  }

  private var hasSeries: Bool { result.series.count > 1 }

  /// The columns that name a setting, and what stands in them.
  private var heading: [Column] { [Column("setting")] + (hasSeries ? [Column("series")] : []) }

  private func heading(_ setting: Setting) -> [Cell] {
    [.text(setting.name)] + (hasSeries ? [.text(setting.series)] : [])
  }

  /// What was chosen for each setting, as far as they differ.
  var choices: Table {
    Table(
      id: "choices", title: "What was chosen",
      caption: "The names are those of mohd-convert's options; what is the same everywhere is left "
        + "out.",
      columns: heading + options.map { Column($0.replacing("_", with: " ")) },
      rows: result.settings.map { scores in
        heading(scores.setting)
          + options.map { .text(scores.setting.options[$0] ?? NumberFormat.missing) }
      })
  }

  /// Every setting with all its numbers.
  var summary: Table {
    let hasSteps = result.kind == .ladder
    let hasSpeeds = result.settings.contains { $0.speed != nil }
    let columns =
      heading
      + [Column("perplexity / dense"), Column("±", format: .significant(2))]
      + (hasSteps ? [Column("/ rung before"), Column("±", format: .significant(2))] : [])
      + (hasSpeeds
        ? [
          Column("times as fast", format: .significant(3)), Column("±", format: .significant(2)),
          Column("others' processors", format: .fixed(2)),
        ] : [])
      + [
        Column("multiplied / dense", format: .percent(0)),
        Column("active dimensions", format: .percent(1)),
        Column("energy left out", format: .percent(1)),
      ]
    let rows = result.settings.map { scores -> [Cell] in
      var row = heading(scores.setting)
      row += [Self.cell(scores.ratio?.value), Self.cell(scores.ratio?.standardError)]
      if hasSteps {
        row +=
          scores.step.map { [.number($0.value), Self.cell($0.standardError)] }
          ?? [.missing("nothing before it"), .missing("nothing before it")]
      }
      if hasSpeeds {
        row += [
          Self.cell(scores.speedup), Self.cell(scores.speed?.speedupSpread.finite),
          scores.speed?.otherProcessors.map { .number($0) } ?? .missing("unknown"),
        ]
      }
      return row + [
        .number(scores.multiplied), .number(scores.activeFraction),
        .number(scores.energyLoss),
      ]
    }
    return Table(
      id: "settings", title: "Every setting",
      caption: "± of perplexities is one standard error"
        + (hasSpeeds ? ", of speeds half of what the rounds span" : "")
        + ". Active dimensions are weighted by input-side weights.", columns: columns,
      rows: rows)
  }

  /// (name of the file without its ending, table), for each file. Speeds have one of their own: they
  /// alone differ from run to run.
  func all() throws -> [(name: String, table: TidyTable)] {
    [("settings", try settings()), ("speed", try speed())]
  }

  private func settings() throws -> TidyTable {
    let names = Set(result.settings.flatMap(\.setting.options.keys)).sorted()
    var table = TidyTable(
      columns: ["setting", "series", "position", "default"] + names
        + ["domain", "measure", "value", "standard_error"])
    for scores in result.settings {
      let setting = scores.setting
      let head: [Cell] =
        [
          .text(setting.name), .text(setting.series), Self.cell(setting.position),
          .truth(setting.isDefault),
        ] + names.map { setting.options[$0].map { .text($0) } ?? .missing("") }
      func append(_ domain: String, _ measure: String, _ value: Estimate?) throws {
        try table.append(
          head + [
            .text(domain), .text(measure), Self.cell(value?.value),
            Self.cell(value?.standardError),
          ])
      }
      try append("all", "perplexity_ratio", scores.ratio)
      try append("all", "ratio_to_previous", scores.step)
      try append("all", "multiplied_over_dense", Estimate(scores.multiplied))
      try append("all", "active_fraction", Estimate(scores.activeFraction))
      try append("all", "energy_loss", Estimate(scores.energyLoss))
      for domain in scores.domains {
        try append(domain.name, "token_perplexity", domain.perplexity)
        try append(domain.name, "perplexity_ratio", domain.ratio)
      }
    }
    return table
  }

  private func speed() throws -> TidyTable {
    var table = TidyTable(
      columns: ["setting", "series", "model", "round", "tokens", "seconds", "other_processors"])
    for scores in result.settings {
      guard let speed = scores.speed else { continue }
      for (model, seconds) in [
        ("dense", speed.denseSeconds), ("converted", speed.convertedSeconds),
      ] {
        for (round, value) in seconds.enumerated() {
          try table.append([
            .text(scores.setting.name), .text(scores.setting.series), .text(model),
            .integer(round + 1), .integer(speed.tokenCount), .number(value),
            Self.cell(speed.otherProcessors),
          ])
        }
      }
    }
    return table
  }
}
