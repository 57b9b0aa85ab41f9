import Reporting
import Statistics

/// All numbers as tidy tables, one row for each observation, for pandas and R.
struct TidyTables {
  let result: StatisticsResult

  /// (name of the file without its ending, table), for each file.
  func all() throws -> [(name: String, table: TidyTable)] {
    [
      ("long_tail", try longTail()), ("sparsity", try sparsity()), ("magnitude", try magnitude()),
      ("shared", try shared()), ("five_tokens", try fiveTokens()),
    ]
  }

  /// Every hook point of every layer: of the whole corpus, then of each domain.
  private func forEach(
    _ body: (_ key: [Cell], HookPointResult, LayerResult) throws -> Void
  ) rethrows {
    let parts =
      [("all", result.layers)] + result.domains.map { ($0.domain, $0.layers) }
    for (domain, layers) in parts {
      for layer in layers {
        for (point, value) in layer.hookPoints.sorted(by: { $0.key < $1.key }) {
          try body([.text(domain), .integer(layer.layer), .text(point)], value, layer)
        }
      }
    }
  }

  private static let key = ["domain", "layer", "hook_point"]

  /// Digits of a number in a table: a thousandth of what another program must agree to.
  private static let digits = 9

  private static func cell(_ value: Double?) -> Cell {
    value.map { .number($0.digits(digits)) } ?? .missing("")
  }

  private static func cell(_ values: [Double]?, _ index: Int) -> Cell {
    cell(values.flatMap { $0.indices.contains(index) ? $0[index] : nil })
  }

  private static func cell(_ values: [Double?]?, _ index: Int) -> Cell {
    cell(values.flatMap { $0.indices.contains(index) ? $0[index] : nil })
  }

  private func longTail() throws -> TidyTable {
    var table = TidyTable(
      columns: Self.key + [
        "measure", "fraction", "per_token", "of_mean", "gaussian", "per_dimension_gaussian",
        "column_shuffle", "random_basis", "pca_basis", "interval_low", "interval_high",
      ])
    try forEach { key, value, _ in
      for (measure, curve) in [
        ("squared", value.longTail.squared), ("absolute", value.longTail.absolute),
      ] {
        for (index, fraction) in curve.fractions.enumerated() {
          try table.append(
            key + [.text(measure), .number(fraction)]
              + [
                curve.perToken, curve.ofMean, curve.gaussian, curve.perDimensionGaussian,
                curve.columnShuffle, curve.randomBasis, curve.pcaBasis, curve.intervalLow,
                curve.intervalHigh,
              ].map { (values: [Double]?) in Self.cell(values, index) })
        }
      }
    }
    return table
  }

  private func sparsity() throws -> TidyTable {
    var table = TidyTable(columns: Self.key + ["relative_to", "epsilon", "fraction"])
    try forEach { key, value, _ in
      let sparsity = value.sparsity
      for (index, epsilon) in sparsity.epsilons.enumerated() {
        try table.append(
          key + [.text("one"), .number(epsilon), Self.cell(sparsity.fraction, index)])
      }
      for (index, epsilon) in sparsity.relativeEpsilons.enumerated() {
        try table.append(
          key + [
            .text("mean_square"), .number(epsilon), Self.cell(sparsity.relativeFraction, index),
          ])
      }
    }
    return table
  }

  private func magnitude() throws -> TidyTable {
    var table = TidyTable(
      columns: Self.key + [
        "width", "token_count", "mean_absolute", "median_absolute", "root_mean_square",
        "maximum_absolute", "participation_ratio", "spectral_participation_ratio", "hoyer",
        "excess_kurtosis", "massive_dimension_count", "massive_count", "non_finite_count",
        "flow_percent", "flow_percent_root_mean_square",
      ])
    try forEach { key, value, layer in
      let magnitude = value.magnitude
      guard case .text(let point) = key[2] else { return }
      let whole = layer.hookPoints["attention_input"]?.magnitude.rootMeanSquare
      let relative = whole.flatMap { whole in
        whole > 0 ? magnitude.rootMeanSquare.map { $0 / whole * 100 } : nil
      }
      try table.append(
        key + [
          .integer(value.width), .integer(value.tokenCount), Self.cell(magnitude.meanAbsolute),
          Self.cell(magnitude.medianAbsolute), Self.cell(magnitude.rootMeanSquare),
          Self.cell(magnitude.maximumAbsolute), Self.cell(magnitude.participationRatio),
          Self.cell(magnitude.spectralParticipationRatio), Self.cell(magnitude.hoyer),
          Self.cell(magnitude.excessKurtosis),
          magnitude.massiveDimensions.map { .integer($0.count) } ?? .missing(""),
          magnitude.massiveCount.map { .integer($0) } ?? .missing(""),
          .integer(magnitude.nonFiniteCount), Self.cell(layer.flowPercent[point]),
          Self.cell(relative),
        ])
    }
    return table
  }

  private func shared() throws -> TidyTable {
    var table = TidyTable(
      columns: Self.key + [
        "definition", "parameter", "density", "window", "observed", "independent", "static_scale",
        "shuffled", "observed_in_sample",
      ])
    try forEach { key, value, _ in
      for entry in value.shared {
        for (index, window) in entry.windows.enumerated() {
          try table.append(
            key + [
              .text(entry.definition), .number(entry.parameter), Self.cell(entry.density),
              .integer(window), Self.cell(entry.observed, index),
              Self.cell(entry.independent, index), Self.cell(entry.staticScale, index),
              Self.cell(entry.shuffled, index), Self.cell(entry.observedInSample, index),
            ])
        }
      }
    }
    return table
  }

  private func fiveTokens() throws -> TidyTable {
    var table = TidyTable(
      columns: Self.key + ["parameter", "sets", "fraction", "unique_per_token"])
    try forEach { key, value, _ in
      for entry in value.fiveTokens {
        for sets in 0...5 {
          try table.append(
            key + [
              .number(entry.parameter), .integer(sets), Self.cell(entry.inExactly, sets),
              Self.cell(entry.uniquePerToken),
            ])
        }
      }
    }
    return table
  }
}
