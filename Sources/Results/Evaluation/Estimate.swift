import Foundation

/// A number with its standard error.
public struct Estimate: Codable, Sendable, Equatable {
  public var value: Double
  /// nil where it cannot be had: from fewer than two documents.
  public var standardError: Double?
  /// How well the error itself is known: units that it was taken over, less one. nil: exactly.
  public var degreesOfFreedom: Double?

  enum CodingKeys: String, CodingKey {
    case value
    case standardError = "standard_error"
    case degreesOfFreedom = "degrees_of_freedom"
  }

  public init(_ value: Double, standardError: Double? = nil, degreesOfFreedom: Double? = nil) {
    self.value = value
    self.standardError = standardError
    self.degreesOfFreedom = degreesOfFreedom
  }

  /// f of this number, whose error is scaled by |f′| at it (the delta method).
  func mapped(_ function: (Double) -> Double, slope: (Double) -> Double) -> Estimate {
    Estimate(
      function(value), standardError: standardError.map { $0 * abs(slope(value)) },
      degreesOfFreedom: degreesOfFreedom)
  }

  /// e to the power of this number.
  package var exponential: Estimate { mapped({ exp($0) }, slope: { exp($0) }) }

  /// Natural logarithm of this number.
  package var logarithm: Estimate { mapped({ log($0) }, slope: { 1 / $0 }) }

  /// This number times a constant.
  func scaled(by factor: Double) -> Estimate { mapped({ $0 * factor }, slope: { _ in factor }) }

  /// The mean of numbers that were drawn independently; nil of none.
  ///
  ///     SE = √(Σ SE²) / n        ν = (Σ SE²)² / Σ (SE⁴ / ν)
  ///
  /// Source of ν: Welch 1947, Satterthwaite 1946. The error is nil where that of any is.
  package static func mean(_ numbers: [Estimate]) -> Estimate? {
    guard !numbers.isEmpty else { return nil }
    let count = Double(numbers.count)
    let variances = numbers.compactMap { $0.standardError.map { $0 * $0 } }
    let mean = numbers.reduce(0) { $0 + $1.value } / count
    guard variances.count == numbers.count else { return Estimate(mean) }
    let total = variances.reduce(0, +)
    let doubt = zip(numbers, variances).reduce(0) { sum, part in
      sum + (part.0.degreesOfFreedom.map { part.1 * part.1 / $0 } ?? 0)
    }
    return Estimate(
      mean, standardError: total.squareRoot() / count,
      degreesOfFreedom: doubt > 0 ? total * total / doubt : nil)
  }

  /// Of so many intervals that are made like this one, 95 % hold the true value: Student's t, as the
  /// error is estimated from the same few documents.
  package var interval: (low: Double, high: Double)? {
    standardError.map {
      let width = StudentT.quantile975(degreesOfFreedom: degreesOfFreedom) * $0
      return (value - width, value + width)
    }
  }

  /// The same for a perplexity or a ratio: symmetric in its logarithm, so never below 0.
  package var multiplicativeInterval: (low: Double, high: Double)? {
    logarithm.interval.map { (exp($0.low), exp($0.high)) }
  }

  /// A ratio that may be 1: its interval holds it. False where the error is not known.
  package var isOneWithinError: Bool {
    multiplicativeInterval.map { $0.low <= 1 && 1 <= $0.high } ?? false
  }
}

/// Student's t distribution.
package enum StudentT {
  /// Normal distribution: the limit of many degrees of freedom.
  static let normal975 = 1.959963984540054

  /// What 97.5 % of draws are below.
  ///
  /// Source: Hill 1970, Algorithm 396, Communications of the ACM 13; to 1e-5 for whole
  /// numbers.
  ///
  /// - Parameter degreesOfFreedom: nil: without end; below 1 counts as 1.
  package static func quantile975(degreesOfFreedom: Double?) -> Double {
    let p = 0.05
    guard let degreesOfFreedom, degreesOfFreedom.isFinite else { return normal975 }
    let n = max(1, degreesOfFreedom)
    if n == 1 { return 1 / tan(p * .pi / 2) }
    if n == 2 { return (2 / (p * (2 - p)) - 2).squareRoot() }
    let a = 1 / (n - 0.5)
    let b = 48 / (a * a)
    var c = ((20700 * a / b - 98) * a - 16) * a + 96.36
    let d = ((94.5 / (b + c) - 3) / b + 1) * (a * .pi / 2).squareRoot() * n
    var y = pow(d * p, 2 / n)
    if y > 0.05 + a {
      let x = -normal975
      y = x * x
      if n < 5 { c += 0.3 * (n - 4.5) * (x + 0.6) }
      c += (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b
      y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x
      y = expm1(a * y * y)
    } else {
      let first = 1 / (((n + 6) / (n * y) - 0.089 * d - 0.822) * (n + 2) * 3)
      y = ((first + 0.5 / (n + 4)) * y - 1) * (n + 1) / (n + 2) + 1 / y
    }
    return (n * y).squareRoot()
  }
}
