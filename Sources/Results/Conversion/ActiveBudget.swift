import Checkpoints

/// How many sub-dimensions each component keeps active, under one active fraction for the model.
package struct ActiveBudget: Sendable {
  /// What one component brings to the market.
  package struct Bidder: Sendable {
    let layer: Int
    let component: MoHDComponent
    /// The loss of energy with K active, for K = S…N.
    let losses: [Double]
    let sharedCount: Int
    let count: Int
    /// Input-side weights of the whole component: what its fraction is weighted by.
    let weightCount: Int
    /// How much a loss of energy hurts: the root of the component's output's share of the residual
    /// stream's energy.
    let sensitivity: Double

    package init(
      layer: Int, component: MoHDComponent, losses: [Double], sharedCount: Int, count: Int,
      weightCount: Int, sensitivity: Double
    ) {
      (self.layer, self.component, self.losses) = (layer, component, losses)
      (self.sharedCount, self.count) = (sharedCount, count)
      (self.weightCount, self.sensitivity) = (weightCount, sensitivity)
    }
  }

  /// Weights that a sparse component multiplies and a dense one does not.
  package struct Overhead: Sendable {
    /// Whatever stays active.
    var whole = 0
    /// In proportion to what stays active.
    var kept = 0

    package init(whole: Int = 0, kept: Int = 0) {
      (self.whole, self.kept) = (whole, kept)
    }
  }

  /// Gives out the active fraction, one sub-dimension at a time, to whoever saves the most loss for
  /// its weights; ties go to the earlier component.
  ///
  /// A basis and a fusion cost multiplications of their own, so that a component of which much stays
  /// active may cost more than the dense one, which loses nothing and needs neither. As long as the
  /// whole model would multiply more than the dense one, the most wasteful component is made dense,
  /// and the others share what is left.
  ///
  /// - Parameter dense: indices of bidders that keep everything.
  /// - Returns: K for each bidder.
  /// - Throws: `ConversionError.unreachable` when the shared ones alone are more than that.
  package static func allocate(
    _ bidders: [Bidder], fraction: Double, overhead: Overhead = Overhead(), dense: Set<Int> = []
  ) throws(ConversionError) -> [Int] {
    var whole = dense
    var active = try share(bidders, fraction: fraction, whole: whole)
    func waste(_ index: Int) -> Double {
      let bidder = bidders[index]
      guard active[index] < bidder.count else { return 0 }
      let kept = Double(active[index]) / Double(bidder.count)
      return Double(overhead.whole) + kept * Double(overhead.kept)
        - (1 - kept) * Double(bidder.weightCount)
    }
    while bidders.indices.reduce(0, { $0 + waste($1) }) > 0 {
      guard let worst = bidders.indices.max(by: { waste($0) < waste($1) }), waste(worst) > 0
      else { break }
      whole.insert(worst)
      // Where the rest cannot pay for it, what was found before stays.
      guard let next = try? share(bidders, fraction: fraction, whole: whole) else { break }
      active = next
    }
    return active
  }

  /// - Parameter whole: components that keep everything.
  private static func share(
    _ bidders: [Bidder], fraction: Double, whole: Set<Int>
  ) throws(ConversionError) -> [Int] {
    let total = bidders.reduce(0.0) { $0 + Double($1.weightCount) }
    // A component without any active sub-dimension would be silent.
    var active = bidders.indices.map { index in
      whole.contains(index) ? bidders[index].count : max(bidders[index].sharedCount, 1)
    }
    func unit(_ index: Int) -> Double {
      Double(bidders[index].weightCount) / Double(bidders[index].count)
    }
    var used = active.indices.reduce(0.0) { $0 + unit($1) * Double(active[$1]) }
    let budget = fraction * total * (1 + 1e-9)
    guard used <= budget else { throw .unreachable(fraction: fraction, lowest: used / total) }
    while true {
      var best: (index: Int, gain: Double)?
      for (index, bidder) in bidders.enumerated()
      where active[index] < bidder.count && used + unit(index) <= budget {
        let at = active[index] - bidder.sharedCount
        let gain =
          bidder.sensitivity * (bidder.losses[at] - bidder.losses[at + 1]) / unit(index)
        if gain > best?.gain ?? -1 { best = (index, gain) }
      }
      guard let best else { return active }
      active[best.index] += 1
      used += unit(best.index)
    }
  }
}
