import Activations
import Foundation
import Statistics
import Testing

/// What the NumPy implementation in Fixtures/statistics/reference.py says.
private struct Expected: Decodable {
  struct Curves: Decodable {
    let per_token: [Double]
    let of_mean: [Double]
    let pca_basis: [Double]
  }
  struct Fixed: Decodable {
    let long_tail: [String: Curves]
    let sparsity: SparsityResult
    let magnitude: Magnitudes
    let shared: [Shared]
    let five_tokens: [FiveTokensResult]
  }
  struct Magnitudes: Decodable {
    let mean_absolute, median_absolute, root_mean_square, maximum_absolute: Double
    let participation_ratio, spectral_participation_ratio, hoyer, excess_kurtosis: Double
    let massive_dimensions: [Int]
    let massive_count, non_finite_count: Int
  }
  struct Shared: Decodable {
    let definition: String
    let parameter: Double
    let density: Double
    let observed: [Double?]
    let static_scale: [Double]
  }
  struct Spread: Decodable {
    let mean: [Double?]
    let deviation: [Double?]
  }
  struct Drawn: Decodable {
    let long_tail: [String: [String: Spread]]
    let shared: [Spread]
  }
  let fixed: Fixed
  let drawn: Drawn
}

private struct Layout: Decodable {
  let width: Int
  let sequences: [[Int]]
}

@Suite("Agreement with the NumPy implementation")
struct OracleTests {
  /// Fixtures hold nine digits.
  private static let tolerance = 2e-8
  /// Float32 products against float64 ones in a basis: relative to shares of order 0.01 … 1.
  private static let basisTolerance = 1e-6
  /// Draws of different generators: standard deviations that no honest draw leaves, over some
  /// thousand comparisons; and what five digits of the mean cannot hold.
  private static let deviations = 6.0
  private static let meanDigits = 1e-4
  /// Long windows of few tokens: single shared dimensions come and go between draws.
  private static let rareEvents = 5e-3

  private func synthetic(_ name: String) throws -> Synthetic {
    let layout = try JSONDecoder().decode(Layout.self, from: fixture("layout.json"))
    let bytes = [UInt8](try fixture("\(name).f32"))
    let values = stride(from: 0, to: bytes.count, by: 4).map { place in
      Float(
        bitPattern: UInt32(bytes[place]) | UInt32(bytes[place + 1]) << 8
          | UInt32(bytes[place + 2]) << 16 | UInt32(bytes[place + 3]) << 24)
    }
    return Synthetic(
      width: layout.width, sequences: layout.sequences.map { ($0[0], $0[1]) },
      sites: [ActivationSite(layer: 0, hookPoint: .attentionInput): values])
  }

  private func close(_ a: Double?, _ b: Double?, _ tolerance: Double, _ what: String) {
    guard let a, let b else {
      #expect(
        a == nil && b == nil,
        "\(what): found \(String(describing: a)), not \(String(describing: b))")
      return
    }
    #expect(abs(a - b) <= tolerance * max(abs(b), 1e-3), "\(what): found \(a), not \(b)")
  }

  @Test(
    "every number is NumPy's, and every draw lies where NumPy's draws lie",
    arguments: ["gaussian", "massive", "ar1", "rank3", "relu", "scaled", "broken"])
  func agrees(name: String) throws {
    let expected = try JSONDecoder().decode(Expected.self, from: fixture("\(name).json"))
    let result = try synthetic(name).sweep().result
    let found = try #require(result.layers.first?.hookPoints["attention_input"])

    for (measure, curve) in [
      ("squared", found.longTail.squared), ("absolute", found.longTail.absolute),
    ] {
      let fixed = try #require(expected.fixed.long_tail[measure])
      for index in curve.fractions.indices {
        let at = "\(measure) \(curve.fractions[index])"
        close(curve.perToken?[index], fixed.per_token[index], Self.tolerance, "per_token \(at)")
        close(curve.ofMean?[index], fixed.of_mean[index], Self.tolerance, "of_mean \(at)")
        close(curve.pcaBasis?[index], fixed.pca_basis[index], Self.basisTolerance, "pca \(at)")
      }
      let drawn = try #require(expected.drawn.long_tail[measure])
      check(curve.perDimensionGaussian, try #require(drawn["per_dimension_gaussian"]), "gaussian")
      check(curve.columnShuffle, try #require(drawn["column_shuffle"]), "column_shuffle")
      check(curve.randomBasis, try #require(drawn["random_basis"]), "random_basis")
    }

    for (a, b) in zip(found.sparsity.fraction ?? [], expected.fixed.sparsity.fraction ?? [9]) {
      close(a, b, Self.tolerance, "fraction")
    }
    for (a, b) in zip(
      found.sparsity.relativeFraction ?? [], expected.fixed.sparsity.relativeFraction ?? [9])
    {
      close(a, b, Self.tolerance, "relative_fraction")
    }

    let sizes = expected.fixed.magnitude
    let magnitude = found.magnitude
    close(magnitude.meanAbsolute, sizes.mean_absolute, Self.tolerance, "mean")
    close(magnitude.medianAbsolute, sizes.median_absolute, Self.tolerance, "median")
    close(magnitude.rootMeanSquare, sizes.root_mean_square, Self.tolerance, "rms")
    close(magnitude.maximumAbsolute, sizes.maximum_absolute, Self.tolerance, "maximum")
    close(magnitude.participationRatio, sizes.participation_ratio, Self.tolerance, "pr")
    close(
      magnitude.spectralParticipationRatio, sizes.spectral_participation_ratio, Self.tolerance,
      "spectral")
    close(magnitude.hoyer, sizes.hoyer, Self.tolerance, "hoyer")
    close(magnitude.excessKurtosis, sizes.excess_kurtosis, Self.tolerance, "kurtosis")
    #expect(magnitude.massiveDimensions == sizes.massive_dimensions)
    #expect(magnitude.massiveCount == sizes.massive_count)
    #expect(magnitude.nonFiniteCount == sizes.non_finite_count)

    for (index, fixed) in expected.fixed.shared.enumerated() {
      let own = try #require(
        found.shared.first {
          $0.definition == fixed.definition && $0.parameter == fixed.parameter
        })
      let what = "\(fixed.definition) \(fixed.parameter)"
      close(own.density, fixed.density, Self.tolerance, what)
      for window in own.windows.indices {
        close(own.observed?[window], fixed.observed[window], Self.tolerance, "\(what) observed")
        close(
          own.staticScale?[window], fixed.static_scale[window], Self.tolerance, "\(what) static")
      }
      check(
        own.shuffled, expected.drawn.shared[index], "\(what) shuffled", slack: Self.rareEvents)
    }
    for (own, fixed) in zip(found.fiveTokens, expected.fixed.five_tokens) {
      for (a, b) in zip(own.inExactly ?? [], fixed.inExactly ?? []) {
        close(a, b, Self.tolerance, "in_exactly \(own.parameter)")
      }
      close(own.inAll, fixed.inAll, Self.tolerance, "in_all")
      close(own.uniquePerToken, fixed.uniquePerToken, Self.tolerance, "unique")
    }
    #expect(found.fiveTokens.count == expected.fixed.five_tokens.count)
  }

  private func check(_ found: [Double]?, _ drawn: Expected.Spread, _ what: String) {
    check(found.map { $0.map(Optional.some) }, drawn, what)
  }

  private func check(
    _ found: [Double?]?, _ drawn: Expected.Spread, _ what: String, slack: Double = 0
  ) {
    #expect(found?.count == drawn.mean.count, "\(what): no values")
    for (index, value) in (found ?? []).enumerated() {
      guard let value, let mean = drawn.mean[index], let deviation = drawn.deviation[index] else {
        #expect(value == nil && drawn.mean[index] == nil, "\(what) \(index)")
        continue
      }
      #expect(
        abs(value - mean) <= Self.deviations * deviation + Self.meanDigits * max(mean, 1e-2)
          + slack,
        "\(what) \(index): found \(value), not \(mean) ± \(deviation)")
    }
  }
}
