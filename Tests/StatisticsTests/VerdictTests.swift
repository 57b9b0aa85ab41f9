import Activations
import Foundation
import Kernels
import Statistics
import Testing

/// Synthetic activations whose answers are known.
@Suite("What the statistics say of known processes")
struct VerdictTests {
  private static let width = 256
  private static let length = 200
  private static let count = 10
  /// Sampling noise of curves of 2000 tokens, several times over.
  private static let noise = 0.006

  private func noise(_ seed: UInt64) -> [Float] {
    Synthetic.gaussian(count: Self.width * Self.length * Self.count, seed: seed)
  }

  private func statistics(of rows: [Float]) throws -> HookPointResult {
    let synthetic = Synthetic(
      width: Self.width, sequences: (0..<Self.count).map { ($0, Self.length) },
      sites: [ActivationSite(layer: 0, hookPoint: .attentionInput): rows])
    return try #require(
      synthetic.sweep(sequencesPerBatch: 4).result.layers[0].hookPoints["attention_input"])
  }

  private func half(_ curve: [Double]?, _ result: HookPointResult) throws -> Double {
    let place = try #require(result.longTail.squared.fractions.firstIndex(of: 0.5))
    return try #require(curve)[place]
  }

  /// observed − shuffled and shuffled − independent of `above_quantile` at q = 0.5, w = 3.
  private func shared(_ result: HookPointResult) throws -> (persistence: Double, scale: Double) {
    let entry = try #require(
      result.shared.first { $0.definition == "above_quantile" && $0.parameter == 0.5 })
    let shuffled = try #require(entry.shuffled?[1])
    return (
      try #require(entry.observedInSample?[1]) - shuffled,
      shuffled - (try #require(entry.independent?[1]))
    )
  }

  @Test("independent Gaussians: no long tail beyond any null, no persistence, no static scale")
  func gaussian() throws {
    let result = try statistics(of: noise(1))
    let tail = result.longTail.squared
    let observed = try half(tail.perToken, result)
    for null in [tail.gaussian, tail.perDimensionGaussian, tail.columnShuffle, tail.randomBasis] {
      #expect(abs(observed - (try half(null, result))) < Self.noise)
    }
    #expect(try half(tail.intervalLow, result) <= observed)
    #expect(try half(tail.intervalHigh, result) >= observed)
    let (persistence, scale) = try shared(result)
    #expect(abs(persistence) < Self.noise && abs(scale) < Self.noise)
    #expect(abs(try #require(result.magnitude.excessKurtosis)) < 0.05)
  }

  @Test("an AR(1) process in time: persistence, and nothing else")
  func autoregressive() throws {
    var rows = noise(2)
    let memory: Float = 0.95
    for token in 0..<Self.length * Self.count where token % Self.length != 0 {
      for dimension in 0..<Self.width {
        let place = token * Self.width + dimension
        rows[place] =
          memory * rows[place - Self.width] + (1 - memory * memory).squareRoot() * rows[place]
      }
    }
    let result = try statistics(of: rows)
    let (persistence, scale) = try shared(result)
    #expect(persistence > 0.1 && abs(scale) < 0.03)
    let tail = result.longTail.squared
    #expect(abs(try half(tail.perToken, result) - half(tail.gaussian, result)) < Self.noise)
  }

  @Test("scaled noise: static scale explains both the long tail and the shared dimensions")
  func scaled() throws {
    var rows = noise(3)
    let scales = Synthetic.gaussian(count: Self.width, seed: 4).map { exp($0) }
    for place in rows.indices { rows[place] *= scales[place % Self.width] }
    let result = try statistics(of: rows)
    let (persistence, scale) = try shared(result)
    #expect(abs(persistence) < Self.noise && scale > 0.1)
    let tail = result.longTail.squared
    let observed = try half(tail.perToken, result)
    #expect(observed - (try half(tail.gaussian, result)) > 0.04)
    #expect(abs(observed - (try half(tail.perDimensionGaussian, result))) < Self.noise)
    #expect(observed - (try half(tail.randomBasis, result)) > 0.04)
  }

  @Test("one massive dimension: it is named, and carries the tail")
  func massive() throws {
    var rows = noise(5)
    for token in 0..<Self.length * Self.count { rows[token * Self.width + 9] = 5000 }
    let result = try statistics(of: rows)
    #expect(result.magnitude.massiveDimensions == [9])
    #expect(result.magnitude.massiveCount == Self.count * (Self.length - 1))
    #expect(try #require(result.magnitude.participationRatio) < 1.01)
    #expect(try #require(result.longTail.squared.perToken?[0]) > 0.999)
  }

  @Test("a rank-3 matrix: three directions, found by its own basis only")
  func lowRank() throws {
    let factors = Synthetic.gaussian(count: Self.length * Self.count * 3, seed: 6)
    let directions = Synthetic.gaussian(count: 3 * Self.width, seed: 7)
    var rows = [Float](repeating: 0, count: Self.length * Self.count * Self.width)
    for place in rows.indices {
      for factor in 0..<3 {
        rows[place] +=
          factors[place / Self.width * 3 + factor]
          * directions[factor * Self.width + place % Self.width]
      }
    }
    let result = try statistics(of: rows)
    #expect(try #require(result.magnitude.spectralParticipationRatio) < 3.0001)
    #expect(try #require(result.magnitude.participationRatio) > 100)
    #expect(try #require(result.longTail.squared.pcaBasis?[0]) > 0.99999)
    #expect(try #require(result.longTail.squared.randomBasis?[0]) < 0.5)
  }

  @Test("a ReLU: half of the entries are zero, and Hoyer's sparsity grows")
  func rectified() throws {
    let plain = try statistics(of: noise(8))
    let result = try statistics(of: noise(8).map { max($0, 0) })
    #expect(abs(try #require(result.sparsity.fraction?[0]) - 0.5) < 0.01)
    #expect(try half(result.longTail.squared.perToken, result) > 0.99)
    #expect(
      try #require(result.magnitude.hoyer) > (try #require(plain.magnitude.hoyer)) + 0.15)
  }
}
