import Foundation
import Kernels

/// The long tail of a token's dimensions: which share of its magnitude the largest ones carry.
///
///     c_t(p) = Σ_{top ⌈pD⌉} m / Σ m,   m = x² (`squared`) or |x| (`absolute`), averaged over tokens
///
/// Source: MoHD (arXiv 2412.05644), Eq. 1 and Fig. 3 left; the nulls are ours. A standard Gaussian
/// vector gives 71.58 % and 92.87 % at p = 1000/4096 and p = 0.5 (squared), so the curve alone is
/// no evidence of sparsity. Tokens of zeros only have no shares and are left out.
struct LongTailState: Sendable, Equatable {
  /// Σ_t c_t(p) along `Grids.fractions`.
  private(set) var squared = ExactSums(count: Grids.fractions.count)
  private(set) var absolute = ExactSums(count: Grids.fractions.count)
  /// Tokens with shares.
  private(set) var tokenCount: Int64 = 0
  private(set) var documents = DocumentSums(valueCount: 2 * Grids.fractions.count)

  init() {}

  init(
    squared: ExactSums, absolute: ExactSums, tokenCount: Int64, documents: DocumentSums
  ) {
    self.squared = squared
    self.absolute = absolute
    self.tokenCount = tokenCount
    self.documents = documents
  }

  mutating func fold(_ order: TokenOrder, tokenCount runCount: Int, document: UInt64) {
    let scored = runCount - Int(order.zeroTokenCount)
    squared.add(order.squared)
    absolute.add(order.absolute)
    tokenCount += Int64(scored)
    documents.add(order.squared + order.absolute, tokenCount: scored, document: document)
  }

  mutating func merge(_ other: LongTailState) {
    squared.merge(other.squared)
    absolute.merge(other.absolute)
    tokenCount += other.tokenCount
    documents.merge(other.documents)
  }
}

/// Which magnitude a long-tail curve sums.
enum TailMeasure: String, CaseIterable, Sendable {
  case squared
  case absolute
}

/// Two curves along `Grids.fractions`.
struct TailCurves: Sendable, Equatable {
  var squared: [Double]
  var absolute: [Double]

  func curve(_ measure: TailMeasure) -> [Double] { measure == .squared ? squared : absolute }
}

/// The nulls that need draws or a second pass; nil where they could not be computed, with reasons.
struct TailNulls: Sendable {
  var perDimensionGaussian: TailCurves?
  var columnShuffle: TailCurves?
  var randomBasis: TailCurves?
  var pcaBasis: TailCurves?
  /// Why a null is missing, by its JSON key.
  var reasons: [String: String] = [:]
}

enum LongTail {
  /// The curve of a standard Gaussian vector of infinite width:
  ///
  ///     squared: 2 (z φ(z) + Q(z)),   absolute: exp(−z²/2),   Q(z) = p/2
  static let gaussian = TailCurves(
    squared: Grids.fractions.map { gaussianShare($0, .squared) },
    absolute: Grids.fractions.map { gaussianShare($0, .absolute) })

  /// One point of the closed form; p in 0…1.
  static func gaussianShare(_ p: Double, _ measure: TailMeasure) -> Double {
    // Q(z) = erfc(z/√2)/2 falls: halve an interval until it is one Double wide.
    var low = 0.0
    var high = 40.0
    for _ in 0..<200 {
      let middle = (low + high) / 2
      if erfc(middle / 2.0.squareRoot()) / 2 > p / 2 { low = middle } else { high = middle }
    }
    let z = p >= 1 ? 0 : low
    switch measure {
    case .squared:
      return 2 * (z * exp(-z * z / 2) / (2 * Double.pi).squareRoot() + p / 2)
    case .absolute:
      return exp(-z * z / 2)
    }
  }

  /// Share of the top fractions of per-dimension means, `of_mean`; nil when all are zero.
  static func ofMean(_ means: [Double]) -> [Double]? {
    let sorted = means.sorted(by: >)
    let total = sorted.reduce(0, +)
    guard total > 0 else { return nil }
    var prefix = [0.0]
    for value in sorted { prefix.append((prefix.last ?? 0) + value) }
    return Grids.fractions.map {
      prefix[Grids.entryCount($0, of: means.count)] / (prefix.last ?? total)
    }
  }

  /// `long_tail` of one hook point and layer.
  static func result(
    _ state: LongTailState, magnitude: MagnitudeState, nulls: TailNulls,
    options: StatisticsOptions
  ) -> LongTailResult {
    let intervals = state.documents.intervals(
      resampleCount: options.resampleCount, seed: options.seed)
    func curve(_ measure: TailMeasure) -> LongTailCurve {
      let sums = measure == .squared ? state.squared : state.absolute
      let perDimension = measure == .squared ? magnitude.squares : magnitude.magnitudes
      let first = measure == .squared ? 0 : Grids.fractions.count
      let part = first..<first + Grids.fractions.count
      return LongTailCurve(
        fractions: Grids.fractions,
        perToken: state.tokenCount > 0
          ? sums.values.map { $0 / Double(state.tokenCount) } : nil,
        ofMean: ofMean(perDimension.values), gaussian: gaussian.curve(measure),
        perDimensionGaussian: nulls.perDimensionGaussian?.curve(measure),
        columnShuffle: nulls.columnShuffle?.curve(measure),
        randomBasis: nulls.randomBasis?.curve(measure), pcaBasis: nulls.pcaBasis?.curve(measure),
        intervalLow: intervals.map { Array($0.low[part]) },
        intervalHigh: intervals.map { Array($0.high[part]) })
    }
    return LongTailResult(squared: curve(.squared), absolute: curve(.absolute))
  }
}
