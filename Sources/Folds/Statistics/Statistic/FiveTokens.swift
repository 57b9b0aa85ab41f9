import Kernels

/// Dimensions that five consecutive tokens have in common, and those that only one of them has.
///
/// Sets are `token_top_fraction`: the ⌈pD⌉ largest |x| of each token.
/// Source: MoHD (arXiv 2412.05644), Fig. 5.
struct FiveTokensState: Sendable, Equatable {
  /// [c], c = 1…5: Σ over windows of the dimensions in exactly c sets; [0] is unused.
  private(set) var inExactly = [Int64](repeating: 0, count: Grids.fiveTokenCount + 1)

  mutating func fold(_ bits: MemberBits, set: Int) { bits.addFives(set: set, into: &inExactly) }

  mutating func merge(_ other: FiveTokensState) {
    for index in inExactly.indices { inExactly[index] += other.inExactly[index] }
  }

  init() {}

  init?(stored: [Int64]) {
    guard stored.count == Grids.fiveTokenCount + 1,
      stored.allSatisfy({ (0...1 << 56).contains($0) })
    else {
      return nil
    }
    inExactly = stored
  }
}

enum FiveTokens {
  /// One entry of `five_tokens`.
  static func result(
    _ state: FiveTokensState, parameter: Double, width: Int, windowCount: Int64
  ) -> FiveTokensResult {
    guard windowCount > 0, width > 0 else { return FiveTokensResult(parameter: parameter) }
    let all = windowCount * Int64(width)
    var counts = state.inExactly
    counts[0] = all - counts.dropFirst().reduce(0, +)
    let fractions = counts.map { Double($0) / Double(all) }
    return FiveTokensResult(
      parameter: parameter, inExactly: fractions, inAll: fractions[5],
      uniquePerToken: fractions[1] / 5)
  }
}

/// The values of one window of five tokens, for the clustered map of Fig. 5.
///
/// The window is the first of the sequence with the smallest document key: the same choice in one
/// pass and in any merge.
struct FiveTokensWindow: Sendable, Equatable {
  let documentKey: UInt64
  let sequence: Int
  /// Position of the first of the five tokens within its sequence.
  let position: Int
  /// |x|, [5, width], row by row.
  let magnitudes: [Float]

  static func precedes(_ a: FiveTokensWindow, _ b: FiveTokensWindow) -> Bool {
    (a.documentKey, a.sequence, a.position) < (b.documentKey, b.sequence, b.position)
  }

  /// The map: dimensions grouped by membership pattern, then by mean magnitude, largest first.
  ///
  /// - Parameter parameter: p of the sets.
  func result(layer: Int, hookPoint: String, parameter: Double) -> FiveTokensMap {
    let width = magnitudes.count / 5
    let size = Grids.entryCount(parameter, of: max(width, 1))
    var patterns = [Int](repeating: 0, count: width)
    for token in 0..<5 {
      let row = magnitudes[token * width..<(token + 1) * width].map { $0 }
      let largest = row.indices.sorted { row[$0] == row[$1] ? $0 < $1 : row[$0] > row[$1] }
      for dimension in largest.prefix(size) { patterns[dimension] |= 1 << token }
    }
    let sums = (0..<width).map { dimension in
      (0..<5).reduce(0.0) { $0 + Double(magnitudes[$1 * width + dimension]) }
    }
    let order = (0..<width).sorted { a, b in
      let first = patterns[a].nonzeroBitCount
      let second = patterns[b].nonzeroBitCount
      if first != second { return first > second }
      if patterns[a] != patterns[b] { return patterns[a] < patterns[b] }
      return sums[a] == sums[b] ? a < b : sums[a] > sums[b]
    }
    return FiveTokensMap(
      layer: layer, hookPoint: hookPoint, parameter: parameter, sequence: sequence,
      position: position, dimensions: order, patterns: order.map { patterns[$0] },
      magnitudes: (0..<5).map { token in order.map { magnitudes[token * width + $0] } })
  }
}
