import Foundation
import Kernels

/// The parameters at which every statistic is taken: the same for all models, so that reports can
/// be laid side by side.
public enum Grids {
  /// p of the long-tail curve: 1/32 … 32/32 and the paper's 1000/4096, ascending.
  public static let fractions: [Double] =
    ((1...32).map { Double($0) / 32 } + [1000.0 / 4096]).sorted()
  /// ε of Eq. 2, compared with x².
  public static let epsilons: [Double] = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.04, 0.1, 0.25, 0.5, 1]
  /// ε in units of the mean of x² of the hook point and layer.
  public static let relativeEpsilons: [Double] = [1e-4, 1e-3, 1e-2, 0.1, 0.25, 0.5, 1]
  /// q, p and f of the definitions of highly activated dimensions.
  public static let tenths: [Double] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
  /// e: shares of a token's Σx².
  public static let energyShares: [Double] = [0.5, 0.8, 0.9, 0.95]
  /// w: lengths of windows in tokens.
  public static let windows: [Int] = Array(2...20)
  /// Tokens in the windows of Fig. 5.
  public static let fiveTokenCount = 5

  /// A top fraction p of `width` entries is ⌈p·width − 1e-9⌉ entries, at least one.
  public static func entryCount(_ fraction: Double, of width: Int) -> Int {
    max(1, Int((fraction * Double(width) - 1e-9).rounded(.up)))
  }

  /// The bit pattern of the smallest magnitude whose square, in exact arithmetic, is at least
  /// `limit`: magnitudes strictly below it are those with x² < limit.
  static func magnitude(squareAtLeast limit: Double) -> Int32 {
    var low: Int32 = 0
    var high: Int32 = 0x7f80_0000
    while low < high {
      let middle = low + (high - low) / 2
      let value = Double(Float(bitPattern: UInt32(middle)))
      if value * value < limit { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// What is learnt from the order of magnitudes within each token of `width` dimensions.
  static func orderPlan(width: Int) -> OrderPlan {
    OrderPlan(
      curve: fractions.map { entryCount($0, of: width) },
      top: tenths.map { entryCount($0, of: width) }, energyShares: energyShares,
      maximumFractions: tenths, limits: epsilons.map { magnitude(squareAtLeast: $0) })
  }

  /// The same for nulls, of which only the curve is wanted.
  static func curvePlan(width: Int) -> OrderPlan {
    OrderPlan(
      curve: fractions.map { entryCount($0, of: width) }, top: [], energyShares: [],
      maximumFractions: [], limits: [])
  }
}
