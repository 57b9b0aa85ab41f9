/// The ratio of two sums over units that were drawn together, such as negative log-likelihood and
/// number of tokens of documents.
///
///     R = Σ y / Σ x        SE(R) = √(n / (n − 1) · Σ (y − R·x)²) / Σ x
///
/// Source: the linearised (delta-method) variance of a ratio estimator, Cochran, Sampling
/// Techniques, Section 6.4, without the finite-population factor.
package struct RatioEstimate {
  private var numerators: [Double] = []
  private var denominators: [Double] = []

  package init() {}

  package mutating func append(_ numerator: Double, over denominator: Double) {
    // A unit of nothing says nothing, and counting it would shrink the error.
    guard denominator > 0 || numerator != 0 else { return }
    numerators.append(numerator)
    denominators.append(denominator)
  }

  package var unitCount: Int { denominators.count }
  package var denominator: Double { denominators.reduce(0, +) }

  /// nil without units.
  package var estimate: Estimate? {
    let total = denominator
    guard total > 0 else { return nil }
    let ratio = numerators.reduce(0, +) / total
    guard unitCount > 1 else { return Estimate(ratio) }
    let count = Double(unitCount)
    let squares = zip(numerators, denominators).reduce(0.0) { sum, unit in
      let residual = unit.0 - ratio * unit.1
      return sum + residual * residual
    }
    return Estimate(
      ratio, standardError: (count / (count - 1) * squares).squareRoot() / total,
      degreesOfFreedom: count - 1)
  }
}
