import CKernels
import Tensors

/// What to learn from the order of magnitudes within each token.
public struct OrderPlan: Sendable, Equatable {
  /// k of each point of the curve of top-k shares, ascending, in 1…width.
  public let curve: [Int]
  /// Sizes of the sets of the k largest, in 1…width.
  public let top: [Int]
  /// Shares of Σx² that the smallest sets must hold, in 0…1.
  public let energyShares: [Double]
  /// Sets of all magnitudes at or above a fraction of the token's maximum.
  public let maximumFractions: [Double]
  /// Bit patterns of magnitudes; how many lie below each is counted.
  public let limits: [Int32]

  public init(
    curve: [Int], top: [Int], energyShares: [Double], maximumFractions: [Double], limits: [Int32]
  ) {
    precondition(zip(curve, curve.dropFirst()).allSatisfy { $0 <= $1 }, "a curve ascends")
    self.curve = curve
    self.top = top
    self.energyShares = energyShares
    self.maximumFractions = maximumFractions
    self.limits = limits
  }

  /// Number of sets: `top`, `energyShares`, `maximumFractions`, in this order.
  public var setCount: Int { top.count + energyShares.count + maximumFractions.count }
}

/// Sorts the magnitudes of each token of a run and keeps what an `OrderPlan` asks for.
///
/// One worker's workspace; `accumulate` adds to the sums and replaces the thresholds.
public struct TokenOrder: Sendable {
  public let plan: OrderPlan
  public let width: Int
  /// Σ over tokens of the share of Σx² in the token's k largest, for each point of the curve.
  public private(set) var squared: [Double]
  /// The same with |x|.
  public private(set) var absolute: [Double]
  /// Σ over tokens of Hoyer's sparsity, (√D − Σ|x|/√Σx²) / (√D − 1).
  public private(set) var hoyer: Double = 0
  /// Tokens of zeros only, which add nothing to the three sums above.
  public private(set) var zeroTokenCount: Int64 = 0
  /// Magnitudes below each of the limits.
  public private(set) var below: [Int64]
  /// Bit pattern of the largest magnitude.
  public private(set) var maximum: Int32 = 0
  /// For each set and token of the last run, [sets, tokens]: the set is the magnitudes strictly
  /// above this …
  public private(set) var thresholds: [Int32] = []
  /// … and if not 0, of those that equal it + 1 only the first ones, up to this size.
  public private(set) var ties: [Int32] = []

  private let curve: [Int64]
  private let top: [Int64]
  private var scratch: [UInt64]

  public init(plan: OrderPlan, width: Int) {
    precondition(
      (plan.curve + plan.top).allSatisfy { $0 >= 1 && $0 <= width }, "k must be in 1…width")
    self.plan = plan
    self.width = width
    squared = [Double](repeating: 0, count: plan.curve.count)
    absolute = squared
    below = [Int64](repeating: 0, count: plan.limits.count)
    curve = plan.curve.map(Int64.init)
    top = plan.top.map(Int64.init)
    let byteCount = statistics_order_scratch(width, plan.curve.count)
    scratch = [UInt64](repeating: 0, count: byteCount / 8 + 1)
  }

  /// Forgets all sums.
  public mutating func reset() {
    for index in squared.indices {
      squared[index] = 0
      absolute[index] = 0
    }
    for index in below.indices { below[index] = 0 }
    hoyer = 0
    zeroTokenCount = 0
    maximum = 0
  }

  /// Adds the rows of `x`, [tokens, width], all finite.
  public mutating func accumulate(_ x: MatrixView, variant: StatisticsVariant = .best) {
    precondition(x.columnCount == width, "a run has the width of its workspace")
    let needed = plan.setCount * x.rowCount
    if thresholds.count != needed {
      thresholds = [Int32](repeating: 0, count: needed)
      ties = thresholds
    }
    // Safety: the plan's arrays live through the closures and every output has the size that the
    // C function states; the view's storage outlives the call.
    unsafe curve.withUnsafeBufferPointer { curve in
      unsafe top.withUnsafeBufferPointer { top in
        unsafe plan.energyShares.withUnsafeBufferPointer { shares in
          unsafe plan.maximumFractions.withUnsafeBufferPointer { fractions in
            unsafe plan.limits.withUnsafeBufferPointer { limits in
              var request = unsafe StatisticsOrderPlan(
                curve_count: curve.count, curve: curve.baseAddress, top_count: top.count,
                top: top.baseAddress, share_count: shares.count, shares: shares.baseAddress,
                maximum_count: fractions.count, maximum_fractions: fractions.baseAddress,
                limit_count: limits.count, limits: limits.baseAddress)
              unsafe statistics_order(
                variant.rawValue, x.base, x.stride, x.rowCount, x.columnCount, &request, &squared,
                &absolute, &hoyer, &zeroTokenCount, &below, &maximum, &thresholds, &ties, &scratch)
            }
          }
        }
      }
    }
    extendLifetime(x)
  }
}
