import CKernels
import Tensors

/// Exact order statistics of magnitudes in two sweeps: a histogram of the upper halves of their bit
/// patterns, then, of the few bins that matter, histograms of the lower halves.
public struct MagnitudeHistogram: Sendable {
  /// One count for each upper half: 32768.
  public private(set) var bins = [UInt64](repeating: 0, count: 32_768)
  /// The upper halves that are looked into, ascending.
  public private(set) var uppers: [Int16] = []
  private var lower: [UInt64] = []

  public init() {}

  /// First sweep: counts the magnitudes of `x`, [tokens, width], all finite.
  public mutating func accumulate(_ x: MatrixView, variant: StatisticsVariant = .best) {
    // Safety: 32768 bins, one for each upper half; the view's storage outlives the call.
    unsafe statistics_histogram(
      variant.rawValue, x.base, x.stride, x.rowCount, x.columnCount, &bins)
    extendLifetime(x)
  }

  /// Adds another one's first sweep.
  public mutating func merge(_ other: MagnitudeHistogram) {
    for index in bins.indices { bins[index] += other.bins[index] }
  }

  /// All magnitudes seen.
  public var count: UInt64 { bins.reduce(0, +) }

  /// The upper half of the magnitude with this 0-based rank, and how many lie in lower bins.
  public func upper(rank: UInt64) -> (upper: Int16, before: UInt64)? {
    var before: UInt64 = 0
    for (index, bin) in bins.enumerated() {
      if rank < before + bin { return (Int16(index), before) }
      before += bin
    }
    return nil
  }

  /// Before the second sweep: names the bins to look into.
  public mutating func open(_ chosen: [Int16]) {
    uppers = Array(Set(chosen)).sorted()
    lower = [UInt64](repeating: 0, count: uppers.count << 16)
  }

  /// Second sweep over the same rows.
  public mutating func accumulateLower(
    _ x: MatrixView, variant: StatisticsVariant = .best
  ) {
    guard !uppers.isEmpty else { return }
    // Safety: 65536 bins for each upper half; the view's storage outlives the call.
    unsafe statistics_histogram_lower(
      variant.rawValue, x.base, x.stride, x.rowCount, x.columnCount, uppers, uppers.count, &lower)
    extendLifetime(x)
  }

  /// Adds another one's second sweep, of the same bins.
  public mutating func mergeLower(_ other: MagnitudeHistogram) {
    precondition(uppers == other.uppers, "both must have looked into the same bins")
    for index in lower.indices { lower[index] += other.lower[index] }
  }

  /// The bit pattern of the magnitude with this 0-based rank.
  ///
  /// - Precondition: its bin was opened and swept; nil when there are not so many magnitudes.
  public func magnitude(rank: UInt64) -> Int32? {
    guard let (upper, before) = upper(rank: rank), let place = uppers.firstIndex(of: upper) else {
      return nil
    }
    var seen = before
    for index in 0..<65_536 {
      seen += lower[place << 16 + index]
      if rank < seen { return Int32(upper) << 16 | Int32(index) }
    }
    return nil
  }

  /// How many magnitudes have a bit pattern below `limit`.
  ///
  /// - Precondition: the bin of `limit` was opened and swept; nil when it was not.
  public func countBelow(_ limit: Int32) -> UInt64? {
    let upper = Int(limit >> 16)
    var result: UInt64 = 0
    for index in 0..<min(upper, bins.count) { result += bins[index] }
    guard limit & 0xffff != 0 else { return result }
    guard let place = uppers.firstIndex(of: Int16(upper)) else { return nil }
    for index in 0..<Int(limit & 0xffff) { result += lower[place << 16 + index] }
    return result
  }
}
