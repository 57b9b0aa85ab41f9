import Foundation

/// Spearman's rank correlation of two quantities, with an interval.
public struct RankCorrelation: Codable, Sendable, Equatable {
  /// ρ in −1…1; of equal values each has the mean of their ranks.
  public var value: Double
  /// 95 % interval; nil for fewer than five pairs, and where ρ is ±1.
  public var low: Double?
  public var high: Double?
  public var pairCount: Int

  enum CodingKeys: String, CodingKey {
    case value = "spearman"
    case low = "interval_low"
    case high = "interval_high"
    case pairCount = "pairs"
  }

  /// The correlation of the ranks; the interval is that of Fisher's z with the variance
  /// (1 + ρ²/2) / (n − 3).
  ///
  /// Source: Bonett and Wright, Psychometrika 65 (2000), 23–28.
  ///
  /// - Returns: nil for fewer than three pairs, or when one of the quantities does not vary.
  package init?(_ x: [Double], _ y: [Double]) {
    precondition(x.count == y.count, "one y for each x")
    guard x.count >= 3 else { return nil }
    let (a, b) = (Self.ranks(x), Self.ranks(y))
    let mean = Double(x.count + 1) / 2
    var (xx, yy, xy) = (0.0, 0.0, 0.0)
    for (one, other) in zip(a, b) {
      xx += (one - mean) * (one - mean)
      yy += (other - mean) * (other - mean)
      xy += (one - mean) * (other - mean)
    }
    guard xx > 0, yy > 0 else { return nil }
    value = max(-1, min(1, xy / (xx * yy).squareRoot()))
    pairCount = x.count
    guard x.count >= 5, abs(value) < 1 else { return }
    let error = ((1 + value * value / 2) / Double(x.count - 3)).squareRoot()
    low = tanh(atanh(value) - 1.96 * error)
    high = tanh(atanh(value) + 1.96 * error)
  }

  /// 1 for the smallest; equal values share the mean of their ranks.
  static func ranks(_ values: [Double]) -> [Double] {
    let order = values.indices.sorted { values[$0] < values[$1] }
    var ranks = [Double](repeating: 0, count: values.count)
    var start = 0
    while start < order.count {
      var end = start + 1
      while end < order.count, values[order[end]] == values[order[start]] { end += 1 }
      for place in start..<end { ranks[order[place]] = Double(start + end + 1) / 2 }
      start = end
    }
    return ranks
  }
}
