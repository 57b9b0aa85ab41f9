import Foundation
import Kernels
import Tensors

/// What the second sweep over a hook point finds: the quantiles of |x| and counts against
/// thresholds that the first sweep decides.
struct QuantileThresholds: Sendable {
  /// For each of `Grids.tenths`, the bit pattern that the set `above_quantile` lies strictly above.
  ///
  /// NumPy's linear quantile lies at or above the order statistic of rank ⌊q(N−1)⌋ and below the
  /// next larger magnitude, so the set strictly above either is the same.
  let aboveQuantile: [Int32]
  let median: Double
  /// Entries with x² < ε · mean of x² along `Grids.relativeEpsilons`.
  let relativeBelow: [UInt64]
  /// The bit pattern that massive activations lie strictly above; nil when there are none.
  let massive: Int32?
}

/// Exact quantiles by two sweeps: which bins, then where in them.
struct QuantileSelection: Sendable {
  private var histogram: MagnitudeHistogram
  private let ranks: [UInt64]
  private let medianRank: (rank: UInt64, fraction: Double)
  private let limits: [Int32]
  private let count: UInt64

  /// After the first sweep.
  init(_ state: SiteState, _ histogram: MagnitudeHistogram) {
    self.histogram = histogram
    count = UInt64(state.tokenCount) * UInt64(state.width)
    guard count > 0 else {
      ranks = []
      medianRank = (0, 0)
      limits = []
      return
    }
    let count = count
    ranks = Grids.tenths.map { Quantile.rank($0, count: count).rank }
    medianRank = Quantile.rank(0.5, count: count)
    let meanSquare = state.magnitude.squares.values.reduce(0, +) / Double(count)
    limits = Grids.relativeEpsilons.map { Grids.magnitude(squareAtLeast: $0 * meanSquare) }
    let medianRanks = [medianRank.rank, min(medianRank.rank + 1, count - 1)]
    self.histogram.open(
      (ranks + medianRanks).compactMap { histogram.upper(rank: $0)?.upper }
        + limits.map { Int16($0 >> 16) })
  }

  /// The bins to look into during the second sweep.
  var uppers: [Int16] { histogram.uppers }

  /// Adds what one worker saw in the second sweep.
  mutating func mergeLower(_ other: MagnitudeHistogram) {
    guard !uppers.isEmpty else { return }
    histogram.mergeLower(other)
  }

  /// After the second sweep; nil when there are no entries.
  func thresholds(_ state: SiteState) -> QuantileThresholds? {
    let quantiles = ranks.compactMap { histogram.magnitude(rank: $0) }
    let below = limits.compactMap { histogram.countBelow($0) }
    guard count > 0, quantiles.count == ranks.count, below.count == limits.count,
      let low = histogram.magnitude(rank: medianRank.rank),
      let high = histogram.magnitude(rank: min(medianRank.rank + 1, count - 1))
    else { return nil }
    let lowValue = Double(Float(bitPattern: UInt32(low)))
    let highValue = Double(Float(bitPattern: UInt32(high)))
    let median = lowValue + medianRank.fraction * (highValue - lowValue)
    let massiveLimit = max(Magnitude.massiveMagnitude, Magnitude.massiveMedians * median)
    let nearest = Float(massiveLimit)
    let limit = Double(nearest) > massiveLimit ? nearest.nextDown : nearest
    let pattern = Int32(bitPattern: limit.bitPattern)
    return QuantileThresholds(
      aboveQuantile: quantiles, median: median, relativeBelow: below,
      massive: state.magnitude.maximum > pattern ? pattern : nil)
  }
}

/// What the third sweep finds: the sets above the quantiles, and massive activations.
struct QuantileSets: Sendable {
  private(set) var shared: [SharedState]
  private(set) var massive: [Int64]

  init(width: Int) {
    shared = SharedDimensions.quantiles.map { _ in SharedState(width: width) }
    massive = [Int64](repeating: 0, count: width)
  }

  /// Adds one run of finite rows, [tokens, width].
  mutating func fold(
    _ run: MatrixView, limits: QuantileThresholds, permutation: [Int]?, bits: inout MemberBits
  ) {
    var thresholds: [Int32] = []
    thresholds.reserveCapacity(limits.aboveQuantile.count * run.rowCount)
    for limit in limits.aboveQuantile {
      thresholds += repeatElement(limit, count: run.rowCount)
    }
    let ties = [Int32](repeating: 0, count: thresholds.count)
    bits.fill(run, thresholds: thresholds, ties: ties)
    for set in shared.indices { shared[set].fold(&bits, set: set, permutation: permutation) }
    if let limit = limits.massive { countAbove(run, limit: limit, into: &massive) }
  }

  mutating func merge(_ other: QuantileSets) {
    for set in shared.indices { shared[set].merge(other.shared[set]) }
    for index in massive.indices { massive[index] += other.massive[index] }
  }
}
