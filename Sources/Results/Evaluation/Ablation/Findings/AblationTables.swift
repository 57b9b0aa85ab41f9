import Reporting

/// An ablation's numbers as tidy tables, one row for each observation, for pandas and R.
struct AblationTables {
  let result: AblationResult

  /// (name of the file without its ending, table), for each file.
  func all() throws -> [(name: String, table: TidyTable)] {
    [
      ("variants", try variants()), ("information", try information()),
      ("load_balancing", try balances()),
      ("knock_outs", try knockOuts()),
      ("sub_dimensions", try subDimensions()),
    ]
  }

  private static func cell(_ value: Double?) -> Cell { value.map { .number($0) } ?? .missing("") }

  /// Every variant in every domain; `kind` is routing, without, or zeroed.
  private func variants() throws -> TidyTable {
    var table = TidyTable(
      columns: [
        "kind", "variant", "fraction", "domain", "token_perplexity", "token_perplexity_error",
        "ratio", "ratio_error",
      ])
    func append(_ kind: String, _ variant: String, _ fraction: Cell, _ score: VariantScore?)
      throws
    {
      guard let score else { return }
      let all = VariantScore.Domain(
        name: "all", perplexity: score.perplexity, ratio: score.ratio)
      for domain in score.domains + [all] {
        try table.append([
          .text(kind), .text(variant), fraction, .text(domain.name),
          .number(domain.perplexity.value), Self.cell(domain.perplexity.standardError),
          .number(domain.ratio.value), Self.cell(domain.ratio.standardError),
        ])
      }
    }
    for row in result.routing {
      try append("routing", row.variant.rawValue, .number(row.activeFraction), row.score)
    }
    for row in result.removals { try append("without", row.part.rawValue, .missing(""), row.score) }
    for row in result.zeroings {
      try append("zeroed", row.zeroed.order.rawValue, .number(row.zeroed.fraction), row.score)
    }
    return table
  }

  private func information() throws -> TidyTable {
    var table = TidyTable(
      columns: ["kind", "variant", "layer", "hook_point", "measure", "value", "standard_error"])
    for row in result.information {
      let head: [Cell] = [
        .text(row.removed == nil ? "routing" : "without"),
        .text(row.removed?.rawValue ?? row.routing?.rawValue ?? ""),
      ]
      for (name, value) in [
        ("kl_divergence", row.divergence), ("top1_agreement", row.agreement),
      ] {
        try table.append(
          head + [
            .missing(""), .missing(""), .text(name), .number(value.value),
            Self.cell(value.standardError),
          ])
      }
      for layer in row.reconstruction {
        for (name, value) in [
          ("r2", layer.determination), ("cosine", layer.cosine),
          ("rms_ratio", layer.magnitudeRatio),
        ] {
          try table.append(
            head + [
              .integer(layer.layer), .text(layer.hookPoint), .text(name), Self.cell(value),
              .missing(""),
            ])
        }
      }
    }
    return table
  }

  private func balances() throws -> TidyTable {
    var table = TidyTable(
      columns: [
        "weight", "load_entropy", "even_routers", "collapsed_routers", "routers",
        "token_perplexity", "ratio", "ratio_error",
      ])
    for row in result.balances {
      try table.append([
        .number(row.weight), Self.cell(row.load.loadEntropy), .integer(row.load.evenCount),
        .integer(row.load.collapsedCount), .integer(row.load.routerCount),
        .number(row.score.perplexity.value), .number(row.score.ratio.value),
        Self.cell(row.score.ratio.standardError),
      ])
    }
    return table
  }

  private func knockOuts() throws -> TidyTable {
    var table = TidyTable(
      columns: [
        "layer", "component", "sub_dimension", "is_shared", "mean_gate", "mean_energy",
        "energy_share", "loss_increase", "loss_increase_error",
      ])
    for row in result.knockOuts {
      try table.append([
        .integer(row.place.layer), .text(row.place.component.rawValue), .integer(row.place.index),
        .truth(row.isShared), .number(row.meanGate), .number(row.meanEnergy),
        .number(row.energyShare), .number(row.lossIncrease.value),
        Self.cell(row.lossIncrease.standardError),
      ])
    }
    return table
  }

  private func subDimensions() throws -> TidyTable {
    var table = TidyTable(
      columns: [
        "layer", "component", "sub_dimension", "is_shared", "is_static", "mean_active",
        "mean_gate", "mean_energy",
      ])
    for use in result.components {
      let fixed = Set(use.fixed)
      for index in 0..<use.count {
        try table.append([
          .integer(use.layer), .text(use.component.rawValue), .integer(index),
          .truth(index < use.sharedCount), .truth(fixed.contains(index)),
          .number(use.meanActive[index]), .number(use.meanGate[index]),
          .number(use.meanEnergy[index]),
        ])
      }
    }
    return table
  }
}
