import CKernels
import Tensors

/// How many magnitudes lie in each range of bit patterns with the same upper half: the first sweep
/// towards exact order statistics.
public struct MagnitudeHistogram: Sendable {
  /// One count for each upper half: 32768.
  public private(set) var bins = [UInt64](repeating: 0, count: 32_768)

  public init() {}

  /// Counts the magnitudes of `x`, [tokens, width], all finite.
  public mutating func accumulate(_ x: MatrixView, variant: StatisticsVariant = .best) {
    // Safety: 32768 bins, one for each upper half; the view's storage outlives the call.
    unsafe statistics_histogram(
      variant.rawValue, x.base, x.stride, x.rowCount, x.columnCount, &bins)
    extendLifetime(x)
  }

  /// Adds another one's counts.
  public mutating func merge(_ other: MagnitudeHistogram) {
    for index in bins.indices { bins[index] += other.bins[index] }
  }

  /// The upper half of the magnitude with this 0-based rank, and how many lie in lower bins; nil
  /// when there are not so many.
  public func upper(rank: UInt64) -> (upper: Int32, before: UInt64)? {
    var before: UInt64 = 0
    for (index, bin) in bins.enumerated() {
      if rank < before + bin { return (Int32(index), before) }
      before += bin
    }
    return nil
  }
}

/// The second sweep: exact counts below some limits, and what lies in short brackets of bit
/// patterns that were guessed from the first sweep.
///
/// Only bins of the first sweep that a limit or a bracket falls into are looked into; the others
/// lie wholly below or above.
public struct MagnitudeBrackets: Sendable {
  /// Bit patterns in a bracket.
  public static let length: Int32 = 2048
  /// Where a bracket may begin: multiples of this.
  public static let grain: Int32 = 1024
  /// Where each bracket begins.
  public let starts: [Int32]
  /// Further limits below which magnitudes are counted.
  public let limits: [Int32]
  private let all: [Int32]
  /// Upper halves of all of them, without repetitions.
  private let uppers: [Int16]
  /// Magnitudes below each that lie in other bins.
  private let base: [UInt64]
  /// Magnitudes below each that lie in these bins.
  private var below: [Int64]
  private var fine: [UInt64]

  /// - Parameter histogram: of everything that this sweep will see.
  public init(starts: [Int32], limits: [Int32], histogram: MagnitudeHistogram) {
    precondition(starts.allSatisfy { $0 % Self.grain == 0 }, "brackets begin at multiples")
    self.starts = starts
    self.limits = limits
    all = starts + limits
    let uppers = Set((all + starts.map { $0 + Self.length - 1 }).map { Int16($0 >> 16) })
    self.uppers = uppers.sorted()
    var base: [Int32: UInt64] = [:]
    var sum: UInt64 = 0
    for (upper, bin) in histogram.bins.enumerated() {
      if uppers.contains(Int16(upper)) { base[Int32(upper)] = sum } else { sum += bin }
    }
    self.base = all.map { base[$0 >> 16] ?? 0 }
    below = [Int64](repeating: 0, count: all.count)
    fine = [UInt64](repeating: 0, count: starts.count * Int(Self.length))
  }

  /// Counts the magnitudes of `x`, [tokens, width], all finite.
  public mutating func accumulate(_ x: MatrixView, variant: StatisticsVariant = .best) {
    // Safety: one count for each limit and 2048 for each bracket; the view's storage outlives the
    // call.
    unsafe statistics_count_brackets(
      variant.rawValue, x.base, x.stride, x.rowCount, x.columnCount, uppers, uppers.count,
      all, all.count, &below, starts.count, &fine)
    extendLifetime(x)
  }

  /// Adds another one's counts, of the same brackets and limits.
  public mutating func merge(_ other: MagnitudeBrackets) {
    precondition(all == other.all, "both must have looked at the same places")
    for index in below.indices { below[index] += other.below[index] }
    for index in fine.indices { fine[index] += other.fine[index] }
  }

  /// Magnitudes below limit number `index`.
  public func countBelow(limit index: Int) -> UInt64 {
    base[starts.count + index] + UInt64(below[starts.count + index])
  }

  /// The bit pattern of the magnitude with this 0-based rank; nil when the bracket misses it.
  public func magnitude(rank: UInt64, bracket: Int) -> Int32? {
    var seen = base[bracket] + UInt64(below[bracket])
    guard rank >= seen else { return nil }
    for index in 0..<Int(Self.length) {
      seen += fine[bracket * Int(Self.length) + index]
      if rank < seen { return starts[bracket] + Int32(index) }
    }
    return nil
  }
}

/// The second sweep for data that brackets miss, such as half-precision numbers: whole bins of the
/// first sweep in steps of 32 bit patterns, remembering where all numbers of a step are the same.
public struct MagnitudeBins: Sendable {
  /// Upper halves, ascending, and for each a stretch of 2048 lower halves in full detail.
  public let places: [(upper: Int16, start: Int32)]
  private let uppers: [Int16]
  private let starts: [Int32]
  private var coarse: [UInt64]
  private var single: [UInt8]
  private var fine: [UInt64]

  private static let mixed: UInt8 = 255

  public init(_ places: [(upper: Int16, start: Int32)]) {
    self.places = places.sorted { ($0.upper, $0.start) < ($1.upper, $1.start) }
    uppers = self.places.map(\.upper)
    starts = self.places.map(\.start)
    coarse = [UInt64](repeating: 0, count: uppers.count * 2048)
    single = [UInt8](repeating: 0, count: uppers.count * 2048)
    fine = coarse
  }

  /// Counts the magnitudes of `x`, [tokens, width], all finite.
  public mutating func accumulate(_ x: MatrixView, variant: StatisticsVariant = .best) {
    // Safety: 2048 numbers in each array for each place; the view's storage outlives the call.
    unsafe statistics_histogram_lower(
      variant.rawValue, x.base, x.stride, x.rowCount, x.columnCount, uppers, starts,
      uppers.count, &coarse, &single, &fine)
    extendLifetime(x)
  }

  /// Adds another one's counts, of the same places.
  public mutating func merge(_ other: MagnitudeBins) {
    precondition(uppers == other.uppers && starts == other.starts, "both must be of one kind")
    for index in coarse.indices {
      coarse[index] += other.coarse[index]
      fine[index] += other.fine[index]
      if single[index] == 0 {
        single[index] = other.single[index]
      } else if other.single[index] != 0 && other.single[index] != single[index] {
        single[index] = Self.mixed
      }
    }
  }

  /// The magnitude with this rank among those of place number `index`: its bit pattern, or where
  /// the stretch of full detail must begin to find it.
  public func magnitude(rank: UInt64, place index: Int) -> (found: Int32?, start: Int32)? {
    let base = Int32(uppers[index]) << 16
    var seen: UInt64 = 0
    for step in 0..<2048 {
      let count = coarse[index * 2048 + step]
      if rank < seen + count {
        let first = Int32(step) << 5
        let same = single[index * 2048 + step]
        if same != Self.mixed { return (base | first | Int32(same - 1), first) }
        let offset = first - starts[index]
        guard offset >= 0, offset + 32 <= 2048 else { return (nil, first) }
        for low in 0..<32 {
          seen += fine[index * 2048 + Int(offset) + low]
          if rank < seen { return (base | first | Int32(low), first) }
        }
        return nil
      }
      seen += count
    }
    return nil
  }
}
