import CKernels
import Tensors

/// Which compilation of the statistics' inner loops runs. Integer results do not depend on it.
public enum StatisticsVariant: Int32, Sendable {
  /// Any x86-64 processor.
  case portable = 0
  /// AVX2, where the processor has it.
  case avx2 = 1
  /// AVX-512 with its vector population count, where the processor has it.
  case avx512 = 2

  /// The fastest that this processor can run.
  public static let best = StatisticsVariant(rawValue: statistics_best_variant()) ?? .portable

  /// All that this processor can run.
  public static let available = [portable, avx2, avx512].filter { $0.rawValue <= best.rawValue }
}

/// Sums of powers over a run of rows, in Double, in the order of the rows.
public struct RowMoments: Sendable {
  /// Σ_t x, Σ_t |x| and Σ_t x² for each dimension.
  public var sums: [Double]
  public var magnitudes: [Double]
  public var squares: [Double]
  /// Σ x³ and Σ x⁴ over all dimensions.
  public var powers: [Double] = [0, 0]

  public init(width: Int) {
    sums = [Double](repeating: 0, count: width)
    magnitudes = sums
    squares = sums
  }

  /// Forgets all sums.
  public mutating func reset() {
    for index in sums.indices {
      sums[index] = 0
      magnitudes[index] = 0
      squares[index] = 0
    }
    powers = [0, 0]
  }

  /// Adds the rows of `x`, [tokens, width], all finite.
  public mutating func accumulate(
    _ x: MatrixView, variant: StatisticsVariant = .best
  ) {
    precondition(x.columnCount == sums.count, "a run has the width of its sums")
    // Safety: the arrays hold `width` sums, as checked, and the view's storage outlives the call.
    unsafe statistics_moments(
      variant.rawValue, x.base, x.stride, x.rowCount, x.columnCount, &sums, &magnitudes, &squares,
      &powers)
    extendLifetime(x)
  }
}

/// How many values of each row are NaN or infinite.
///
/// - Parameter x: [tokens, width].
public func nonFiniteCounts(
  _ x: MatrixView, variant: StatisticsVariant = .best
) -> [Int32] {
  var counts = [Int32](repeating: 0, count: x.rowCount)
  // Safety: one count for each row; the view's storage outlives the call.
  unsafe statistics_non_finite(
    variant.rawValue, x.base, x.stride, x.rowCount, x.columnCount, &counts)
  extendLifetime(x)
  return counts
}

/// Adds to `counts` the rows in which |x_i| is above `limit`, for each dimension i.
///
/// - Parameters:
///   - x: [tokens, width].
///   - limit: the bit pattern of a magnitude.
public func countAbove(
  _ x: MatrixView, limit: Int32, into counts: inout [Int64], variant: StatisticsVariant = .best
) {
  precondition(x.columnCount == counts.count, "one count for each dimension")
  // Safety: one count for each dimension, as checked; the view's storage outlives the call.
  unsafe statistics_count_above_by_dimension(
    variant.rawValue, x.base, x.stride, x.rowCount, x.columnCount, limit, &counts)
  extendLifetime(x)
}
