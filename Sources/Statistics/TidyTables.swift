import Activations

/// One table of observations: each row one observation, each column one variable, so that pandas
/// reads it without options.
public struct TidyTable: Sendable, Equatable {
  /// One cell.
  public enum Value: Sendable, Equatable {
    case text(String)
    case integer(Int)
    case number(Double)
    case missing

    init(_ number: Double?) { self = number.map { .number($0) } ?? .missing }
  }

  /// Name of the file without its ending.
  public let name: String
  public let columns: [String]
  public private(set) var rows: [[Value]] = []

  init(_ name: String, _ columns: [String]) {
    self.name = name
    self.columns = ["domain", "layer", "hook_point"] + columns
  }

  mutating func add(_ place: [Value], _ values: [Value]) {
    precondition(place.count + values.count == columns.count, "a row fills its columns")
    rows.append(place + values)
  }
}

extension StatisticsResult {
  /// The name of the table rows that are about all domains together.
  public static let allDomains = "all"

  /// All statistics as tidy tables, in a fixed order of tables and rows.
  public func tidyTables() -> [TidyTable] {
    var longTail = TidyTable("long_tail", ["measure", "curve", "fraction", "share"])
    var sparsity = TidyTable("sparsity", ["scale", "epsilon", "fraction"])
    var magnitude = TidyTable("magnitude", ["statistic", "value"])
    var shared = TidyTable(
      "shared",
      [
        "definition", "parameter", "density", "window", "observed", "independent",
        "static_scale", "shuffled", "observed_in_sample",
      ])
    var five = TidyTable("five_tokens", ["parameter", "set_count", "fraction"])
    var flow = TidyTable(
      "flow",
      ["mean_absolute", "root_mean_square", "mean_absolute_percent", "root_mean_square_percent"])
    let groups =
      [(Self.allDomains, layers)] + domains.map { ($0.domain, $0.layers) }
    for (domain, layers) in groups {
      for layer in layers {
        for point in HookPoint.allCases {
          guard let result = layer.hookPoints[point.rawValue] else { continue }
          let place: [TidyTable.Value] = [
            .text(domain), .integer(layer.layer), .text(point.rawValue),
          ]
          result.longTail.addRows(to: &longTail, place)
          result.sparsity.addRows(to: &sparsity, place)
          result.magnitude.addRows(to: &magnitude, place)
          for entry in result.shared { entry.addRows(to: &shared, place) }
          for entry in result.fiveTokens {
            for (count, fraction) in (entry.inExactly ?? []).enumerated() {
              five.add(place, [.number(entry.parameter), .integer(count), .number(fraction)])
            }
          }
          let input = layer.hookPoints[HookPoint.attentionInput.rawValue]?.magnitude
          let whole = input?.rootMeanSquare.flatMap { $0 > 0 ? $0 : nil }
          flow.add(
            place,
            [
              .init(result.magnitude.meanAbsolute), .init(result.magnitude.rootMeanSquare),
              .init(layer.flowPercent[point.rawValue]),
              .init(
                whole.flatMap { whole in result.magnitude.rootMeanSquare.map { $0 / whole * 100 } }
              ),
            ])
        }
      }
    }
    return [longTail, sparsity, magnitude, shared, five, flow]
  }
}

extension LongTailResult {
  fileprivate func addRows(to table: inout TidyTable, _ place: [TidyTable.Value]) {
    for (measure, curves) in [("squared", squared), ("absolute", absolute)] {
      let named: [(String, [Double]?)] = [
        ("per_token", curves.perToken), ("of_mean", curves.ofMean),
        ("gaussian", curves.gaussian), ("per_dimension_gaussian", curves.perDimensionGaussian),
        ("column_shuffle", curves.columnShuffle), ("random_basis", curves.randomBasis),
        ("pca_basis", curves.pcaBasis), ("interval_low", curves.intervalLow),
        ("interval_high", curves.intervalHigh),
      ]
      for (name, values) in named {
        for (fraction, share) in zip(curves.fractions, values ?? []) {
          table.add(place, [.text(measure), .text(name), .number(fraction), .number(share)])
        }
      }
    }
  }
}

extension SparsityResult {
  fileprivate func addRows(to table: inout TidyTable, _ place: [TidyTable.Value]) {
    for (epsilon, value) in zip(epsilons, fraction ?? []) {
      table.add(place, [.text("absolute"), .number(epsilon), .number(value)])
    }
    for (epsilon, value) in zip(relativeEpsilons, relativeFraction ?? []) {
      table.add(place, [.text("relative"), .number(epsilon), .number(value)])
    }
  }
}

extension MagnitudeResult {
  fileprivate func addRows(to table: inout TidyTable, _ place: [TidyTable.Value]) {
    let named: [(String, Double?)] = [
      ("mean_absolute", meanAbsolute), ("median_absolute", medianAbsolute),
      ("root_mean_square", rootMeanSquare), ("maximum_absolute", maximumAbsolute),
      ("participation_ratio", participationRatio),
      ("spectral_participation_ratio", spectralParticipationRatio), ("hoyer", hoyer),
      ("excess_kurtosis", excessKurtosis),
      ("massive_dimension_count", massiveDimensions.map { Double($0.count) }),
      ("massive_count", massiveCount.map(Double.init)),
      ("non_finite_count", Double(nonFiniteCount)),
    ]
    for (name, value) in named { table.add(place, [.text(name), .init(value)]) }
  }
}

extension SharedResult {
  fileprivate func addRows(to table: inout TidyTable, _ place: [TidyTable.Value]) {
    for (index, window) in windows.enumerated() {
      table.add(
        place,
        [
          .text(definition), .number(parameter), .init(density), .integer(window),
          .init(observed?[index]), .init(independent?[index]), .init(staticScale?[index]),
          .init(shuffled?[index]), .init(observedInSample?[index]),
        ])
    }
  }
}
