import Kernels

/// What chance gives for statements about layers: seeded permutations.
enum Chance {
  /// Draws of each null; enough for a 95 % limit that does not move in its second digit.
  static let drawCount = 1000

  static func median(_ values: [Double]) -> Double? { quantile(values, 0.5) }

  /// NumPy's linear quantile of the finite values.
  static func quantile(_ values: [Double], _ q: Double) -> Double? {
    let sorted = values.filter(\.isFinite).sorted()
    guard let first = sorted.first, let last = sorted.last else { return nil }
    let place = q * Double(sorted.count - 1)
    let low = Int(place)
    guard low + 1 < sorted.count else { return sorted.count == 1 ? first : last }
    return sorted[low] + (place - Double(low)) * (sorted[low + 1] - sorted[low])
  }

  static func mean(_ values: [Double]) -> Double? {
    let finite = values.filter(\.isFinite)
    return finite.isEmpty ? nil : finite.reduce(0, +) / Double(finite.count)
  }

  /// Deviations from the mean of the finite values.
  static func deviations(_ values: [Double]) -> [Double] {
    guard let mean = mean(values) else { return [] }
    return values.filter(\.isFinite).map { $0 - mean }
  }

  static func standardDeviation(_ values: [Double]) -> Double? {
    let deviations = deviations(values)
    guard deviations.count > 1 else { return nil }
    return (deviations.reduce(0) { $0 + $1 * $1 } / Double(deviations.count - 1)).squareRoot()
  }

  /// The ratio of standard deviations that chance exceeds in one of 20 draws when the two series
  /// vary alike: deviations of the same layer change places at random.
  static func deviationRatioLimit(_ a: [Double], _ b: [Double], seed: UInt64) -> Double? {
    let (first, second) = (deviations(a), deviations(b))
    guard first.count == second.count, first.count > 2 else { return nil }
    var generator = SeededGenerator(seed: [seed, 0x7261_7469])
    let ratios = (0..<drawCount).compactMap { _ -> Double? in
      var (x, y) = (0.0, 0.0)
      for index in first.indices {
        let swaps = generator.next(below: 2) == 1
        x += swaps ? second[index] * second[index] : first[index] * first[index]
        y += swaps ? first[index] * first[index] : second[index] * second[index]
      }
      return y > 0 ? (x / y).squareRoot() : nil
    }
    return quantile(ratios, 0.95)
  }

  /// Mean rank correlation between all pairs of rows, −1…1.
  static func meanRankCorrelation(_ rows: [[Double]]) -> Double? {
    let ranked = rows.map(standardRanks)
    guard ranked.count > 1, let width = ranked.first?.count, width > 1 else { return nil }
    // Σ over pairs of products is half of (squared sum − sum of squares).
    var total = 0.0
    for column in 0..<width {
      let sum = ranked.reduce(0) { $0 + $1[column] }
      total += sum * sum - ranked.reduce(0) { $0 + $1[column] * $1[column] }
    }
    return total / Double(ranked.count * (ranked.count - 1))
  }

  /// The mean rank correlation that chance exceeds in one of 20 draws when each row's values belong
  /// to any column.
  static func rankCorrelationLimit(_ rows: [[Double]], seed: UInt64) -> Double? {
    guard rows.count > 1, let width = rows.first?.count, width > 1 else { return nil }
    var generator = SeededGenerator(seed: [seed, 0x7261_6e6b])
    let draws = (0..<drawCount).compactMap { _ in
      meanRankCorrelation(
        rows.map { row in generator.permutation(width).map { row[$0] } })
    }
    return quantile(draws, 0.95)
  }

  /// Ranks with mean 0 and norm 1; ties share their mean rank.
  private static func standardRanks(_ values: [Double]) -> [Double] {
    let order = values.indices.sorted { values[$0] < values[$1] }
    var ranks = [Double](repeating: 0, count: values.count)
    var start = 0
    while start < order.count {
      var end = start
      while end + 1 < order.count, values[order[end + 1]] == values[order[start]] { end += 1 }
      for place in start...end { ranks[order[place]] = Double(start + end) / 2 }
      start = end + 1
    }
    let middle = Double(values.count - 1) / 2
    let norm = ranks.reduce(0) { $0 + ($1 - middle) * ($1 - middle) }.squareRoot()
    return ranks.map { norm > 0 ? ($0 - middle) / norm : 0 }
  }
}
