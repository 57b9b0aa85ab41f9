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

/// Exact quantiles and counts: which bins in the first sweep, then where in them.
///
/// A bracket for each order statistic is guessed by interpolation in its bin, and exact counts say
/// whether it holds; where it does not, as with half-precision numbers, whole bins are looked into,
/// at most twice. What is found does not depend on the way.
struct QuantileSelection: Sendable {
  /// What the next sweep over the rows has to count.
  enum Sweep: Sendable {
    case brackets(MagnitudeBrackets)
    case bins(MagnitudeBins)
    /// Its counts are elsewhere for a moment.
    case nothing

    mutating func accumulate(_ rows: MatrixView) {
      switch self {
      case .brackets(var brackets):
        self = .nothing
        brackets.accumulate(rows)
        self = .brackets(brackets)
      case .bins(var bins):
        self = .nothing
        bins.accumulate(rows)
        self = .bins(bins)
      case .nothing: break
      }
    }

    mutating func merge(_ other: Sweep) {
      switch (self, other) {
      case (.brackets(var own), .brackets(let other)):
        own.merge(other)
        self = .brackets(own)
      case (.bins(var own), .bins(let other)):
        own.merge(other)
        self = .bins(own)
      default: preconditionFailure("workers sweep for the same thing")
      }
    }
  }

  /// An order statistic that is wanted.
  private struct Target: Sendable {
    let rank: UInt64
    /// Upper half of its bit pattern, and how many magnitudes have lower ones.
    let upper: Int32
    let before: UInt64
    /// Where, within the lower halves, detail is to begin.
    var start: Int32
    var found: Int32?

    var bracket: Int32 { upper << 16 | start }
  }

  private let count: UInt64
  private let medianFraction: Double
  private let limits: [Int32]
  private let histogram: MagnitudeHistogram
  private var targets: [Target] = []
  private var below: [UInt64]?

  /// After the first sweep.
  init(_ state: SiteState, _ histogram: MagnitudeHistogram) {
    count = UInt64(state.tokenCount) * UInt64(state.width)
    self.histogram = histogram
    guard count > 0 else {
      limits = []
      medianFraction = 0
      return
    }
    let count = count
    let median = Quantile.rank(0.5, count: count)
    medianFraction = median.fraction
    let meanSquare = state.magnitude.squares.values.reduce(0, +) / Double(count)
    limits = Grids.relativeEpsilons.map { Grids.magnitude(squareAtLeast: $0 * meanSquare) }
    let ranks =
      Grids.tenths.map { Quantile.rank($0, count: count).rank }
      + [median.rank, min(median.rank + 1, count - 1)]
    for rank in ranks {
      guard let (upper, before) = histogram.upper(rank: rank) else { continue }
      let inside = Double(rank - before) + 0.5
      let place = Int32(inside / Double(histogram.bins[Int(upper)]) * 65_536)
      // The bracket whose middle half holds the place.
      let grain = MagnitudeBrackets.grain
      let start = (place - grain / 2) / grain * grain
      targets.append(
        Target(
          rank: rank, upper: upper, before: before,
          start: min(max(start, 0), 65_536 - MagnitudeBrackets.length)))
    }
  }

  /// What the next sweep has to count; nil when all is found.
  var next: Sweep? {
    guard count > 0 else { return nil }
    let open = targets.filter { $0.found == nil }
    guard below != nil else {
      return .brackets(
        MagnitudeBrackets(
          starts: Set(targets.map(\.bracket)).sorted(), limits: limits, histogram: histogram))
    }
    guard !open.isEmpty else { return nil }
    return .bins(MagnitudeBins(open.map { (Int16($0.upper), $0.start) }))
  }

  /// Takes what the sweep counted.
  mutating func take(_ sweep: Sweep) {
    switch sweep {
    case .brackets(let brackets):
      below = limits.indices.map { brackets.countBelow(limit: $0) }
      for index in targets.indices {
        let target = targets[index]
        guard let bracket = brackets.starts.firstIndex(of: target.bracket) else { continue }
        targets[index].found = brackets.magnitude(rank: target.rank, bracket: bracket)
      }
    case .bins(let bins):
      for index in targets.indices where targets[index].found == nil {
        let target = targets[index]
        guard
          let place = bins.places.firstIndex(where: {
            Int32($0.upper) == target.upper && $0.start == target.start
          }),
          let result = bins.magnitude(rank: target.rank - target.before, place: place)
        else { continue }
        targets[index].found = result.found
        // From the step's beginning, 2048 lower halves hold all of its 32.
        targets[index].start = min(result.start, 65_536 - MagnitudeBrackets.length)
      }
    case .nothing: break
    }
  }

  /// After the sweeps; nil when there are no entries.
  func thresholds(_ state: SiteState) -> QuantileThresholds? {
    let found = targets.compactMap(\.found)
    guard count > 0, let below, found.count == Grids.tenths.count + 2 else { return nil }
    let low = Double(Float(bitPattern: UInt32(found[found.count - 2])))
    let high = Double(Float(bitPattern: UInt32(found[found.count - 1])))
    let median = low + medianFraction * (high - low)
    let massiveLimit = max(Magnitude.massiveMagnitude, Magnitude.massiveMedians * median)
    let nearest = Float(massiveLimit)
    let limit = Double(nearest) > massiveLimit ? nearest.nextDown : nearest
    let pattern = Int32(bitPattern: limit.bitPattern)
    return QuantileThresholds(
      aboveQuantile: Array(found.dropLast(2)), median: median, relativeBelow: below,
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
