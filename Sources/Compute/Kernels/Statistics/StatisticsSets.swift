import CKernels
import Tensors

/// Sets of dimensions as bits: [sets, tokens, words], one bit for each dimension.
///
/// One worker's workspace, filled again for each run.
public struct MemberBits: Sendable {
  public let width: Int
  public let wordCount: Int
  public private(set) var setCount = 0
  public private(set) var tokenCount = 0
  private var bits: [UInt64] = []
  private var order: [UInt64] = []
  private var scratch: [UInt64] = []

  public init(width: Int) {
    self.width = width
    wordCount = (width + 63) / 64
  }

  /// Fills the bits from thresholds and ties as `TokenOrder` describes them, [sets, tokens].
  ///
  /// - Parameter x: [tokens, width], all finite.
  public mutating func fill(
    _ x: MatrixView, thresholds: [Int32], ties: [Int32], variant: StatisticsVariant = .best
  ) {
    precondition(x.columnCount == width, "a run has the width of its workspace")
    tokenCount = x.rowCount
    setCount = tokenCount == 0 ? 0 : thresholds.count / tokenCount
    precondition(
      thresholds.count == setCount * tokenCount && ties.count == thresholds.count,
      "one threshold for each set and token")
    let needed = setCount * tokenCount * wordCount
    if bits.count < needed { bits = [UInt64](repeating: 0, count: needed) }
    // Safety: sizes were checked; the view's storage outlives the call.
    unsafe statistics_member_bits(
      variant.rawValue, x.base, x.stride, x.rowCount, x.columnCount, thresholds, ties, setCount,
      &bits)
    extendLifetime(x)
  }

  /// Adds to counts[w], for w = 1…longest, the sizes of the intersections of w consecutive tokens.
  ///
  /// - Parameters:
  ///   - permutation: if given, token t of the sequence is the run's token permutation[t].
  ///   - counts: longest + 1 numbers.
  public mutating func addWindows(
    set: Int, permutation: [Int]? = nil, into counts: inout [Int64],
    variant: StatisticsVariant = .best
  ) {
    let size = tokenCount * wordCount
    if scratch.count < size { scratch = [UInt64](repeating: 0, count: size) }
    let start = range(set)
    if let permutation {
      precondition(permutation.count == tokenCount, "a permutation names every token")
      if order.count < size { order = [UInt64](repeating: 0, count: size) }
      for (token, source) in permutation.enumerated() {
        for word in 0..<wordCount {
          order[token * wordCount + word] = bits[start + source * wordCount + word]
        }
      }
      // Safety: `order` and `scratch` hold all tokens' words.
      unsafe statistics_windows(
        variant.rawValue, order, tokenCount, wordCount, counts.count - 1, &scratch, &counts)
    } else {
      // Safety: the set's bits lie within `bits`, as `range` checks.
      unsafe bits.withUnsafeBufferPointer { bits in
        guard let base = bits.baseAddress else { return }
        unsafe statistics_windows(
          variant.rawValue, base + start, tokenCount, wordCount, counts.count - 1, &scratch,
          &counts)
      }
    }
  }

  /// Adds to counts[i] the tokens whose set holds dimension i; `counts` has 64 · wordCount numbers.
  public func addDimensionCounts(
    set: Int, into counts: inout [Int64], variant: StatisticsVariant = .best
  ) {
    precondition(counts.count == wordCount * 64, "one count for each bit")
    let start = range(set)
    // Safety: as above.
    unsafe bits.withUnsafeBufferPointer { bits in
      guard let base = bits.baseAddress else { return }
      unsafe statistics_bit_counts(
        variant.rawValue, base + start, tokenCount, wordCount, &counts)
    }
  }

  /// Adds to counts[c], for c = 1…5, the dimensions that are in exactly c of five consecutive
  /// tokens' sets, over all windows; `counts` has 6 numbers.
  public func addFives(
    set: Int, into counts: inout [Int64], variant: StatisticsVariant = .best
  ) {
    precondition(counts.count == 6, "a count for each of 0…5")
    let start = range(set)
    // Safety: as above.
    unsafe bits.withUnsafeBufferPointer { bits in
      guard let base = bits.baseAddress else { return }
      unsafe statistics_five(variant.rawValue, base + start, tokenCount, wordCount, &counts)
    }
  }

  /// Whether dimension `dimension` is in the set of a token.
  public func contains(set: Int, token: Int, dimension: Int) -> Bool {
    bits[range(set) + token * wordCount + dimension / 64] >> UInt64(dimension % 64) & 1 == 1
  }

  private func range(_ set: Int) -> Int {
    precondition(set >= 0 && set < setCount, "no such set")
    return set * tokenCount * wordCount
  }
}
