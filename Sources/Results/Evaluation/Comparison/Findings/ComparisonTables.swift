import Reporting

/// A comparison's numbers as tidy tables, one row for each observation, for pandas and R.
struct ComparisonTables {
  let result: ModelComparison

  /// (name of the file without its ending, table), for each file.
  func all() throws -> [(name: String, table: TidyTable)] {
    [
      ("domains", try domains()), ("reconstruction", try reconstruction()),
      ("routers", try routers()), ("clusters", try RouterMeaningFindings.table(result.routers)),
      ("router_evenness", try evenness()), ("speed", try speed()),
      ("training", try training()),
    ]
  }

  private static func cell(_ value: Double?) -> Cell { value.map { .number($0) } ?? .missing("") }

  private func domains() throws -> TidyTable {
    let measures: [(name: String, value: (DivergenceScores) -> Estimate?)] = [
      ("dense_token_perplexity", \.dense), ("converted_token_perplexity", \.converted),
      ("perplexity_ratio", \.perplexityRatio), ("kl_divergence", { $0.divergence }),
      ("top1_agreement", { $0.agreement }),
    ]
    var table = TidyTable(
      columns: ["domain", "documents", "tokens", "measure", "value", "standard_error"])
    for domain in result.domains + [.init(name: "all", scores: result.all)] {
      for measure in measures {
        let value = measure.value(domain.scores)
        try table.append([
          .text(domain.name), .integer(domain.scores.documentCount),
          .integer(domain.scores.tokenCount), .text(measure.name), Self.cell(value?.value),
          Self.cell(value?.standardError),
        ])
      }
    }
    return table
  }

  private func training() throws -> TidyTable {
    var table = TidyTable(columns: ["step", "loss"])
    for (index, loss) in (result.training?.losses ?? []).enumerated() {
      try table.append([.integer(index + 1), .number(loss)])
    }
    return table
  }

  private func reconstruction() throws -> TidyTable {
    var table = TidyTable(columns: ["layer", "hook_point", "r2", "cosine", "rms_ratio"])
    for row in result.reconstruction {
      try table.append([
        .integer(row.layer), .text(row.hookPoint), Self.cell(row.determination),
        Self.cell(row.cosine), Self.cell(row.magnitudeRatio),
      ])
    }
    return table
  }

  private func routers() throws -> TidyTable {
    var table = TidyTable(
      columns: [
        "layer", "component", "domain", "sub_dimension", "is_shared", "load", "mean_score",
      ])
    for router in result.routers {
      let parts = [("all", router.load)] + router.domains.sorted { $0.key < $1.key }
      for (domain, load) in parts {
        for (index, value) in load.enumerated() {
          try table.append([
            .integer(router.layer), .text(router.component), .text(domain), .integer(index),
            .truth(index < router.sharedCount), .number(value),
            // Scores are kept over all domains only.
            domain == "all" ? .number(router.meanScore[index]) : .missing(""),
          ])
        }
      }
    }
    return table
  }

  private func evenness() throws -> TidyTable {
    var table = TidyTable(
      columns: [
        "layer", "component", "sub_dimensions", "shared", "top_k", "load_entropy",
        "score_entropy", "specialisation", "idle_sub_dimensions", "scale_minimum", "scale_mean",
        "scale_maximum",
      ])
    for router in result.routers {
      try table.append([
        .integer(router.layer), .text(router.component), .integer(router.subDimensionCount),
        .integer(router.sharedCount), .integer(router.activeCount), Self.cell(router.loadEntropy),
        Self.cell(router.scoreEntropy), Self.cell(router.specialisation),
        .integer(router.idleCount), Self.cell(router.smallestScale), Self.cell(router.meanScale),
        Self.cell(router.largestScale),
      ])
    }
    return table
  }

  private func speed() throws -> TidyTable {
    var table = TidyTable(columns: ["model", "round", "tokens", "seconds"])
    guard let speed = result.throughput else { return table }
    for (model, seconds) in [
      ("dense", speed.denseSeconds), ("converted", speed.convertedSeconds),
    ] {
      for (round, value) in seconds.enumerated() {
        try table.append([
          .text(model), .integer(round + 1), .integer(speed.tokenCount), .number(value),
        ])
      }
    }
    return table
  }
}
