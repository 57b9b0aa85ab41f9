import Conversion
import Kernels
import Tensors
import Testing

/// Every part that a conversion can have, on data in which there is something for it to find: it
/// beats the static choice, or what was there before it, on tokens that it was not fitted on.
@Suite("Parts of a conversion, on planted data")
struct PlantedPartsTests {
  private static let (width, count, tokenCount) = (32, 8, 800)
  private static let order = Array(0..<width)

  // MARK: - Routers

  /// Each token needs one of six sub-dimensions, and the first entries say which.
  private func routed(_ generator: inout SeededGenerator) -> SharedMatrix {
    let z = SharedMatrix(rowCount: Self.tokenCount, columnCount: Self.width)
    for token in 0..<Self.tokenCount {
      let kind = generator.next(below: 6)
      for entry in 0..<Self.width {
        let isOwn = entry / 4 == 2 + kind
        z.view[token, entry] =
          Float.random(in: -1...1, using: &generator) * (isOwn ? 1 : 0.1)
          + (entry == kind ? 2 : 0)
      }
    }
    return z
  }

  @Test(
    "Learned routers find who needs what, and keep more than the best fixed choice",
    arguments: [ConversionRecipe.Router.centroid, .ridge])
  func routers(kind: ConversionRecipe.Router) throws {
    var generator = SeededGenerator(seed: [3])
    let (z, heldOut) = (routed(&generator), routed(&generator))
    let ones = [Float](repeating: 1, count: Self.width)
    func energies(_ z: SharedMatrix) -> SubDimensionEnergies {
      SubDimensionEnergies(z.view, norms: ones, order: Self.order, count: Self.count)
    }
    let task = RouterTask(
      inputs: z, energies: energies(z), heldOutInputs: heldOut,
      heldOutEnergies: energies(heldOut), sharedCount: 2, activeCount: 3, seed: 0)
    let quality = try #require(task.fit(kind)).quality
    #expect(quality.recall > 0.9 && quality.chanceRecall < 0.2, "\(quality)")
    let (left, fixed) = (1 - quality.capturedEnergy, 1 - quality.staticEnergy)
    #expect(left < 0.5 * fixed, "\(left) of \(fixed)")
  }

  // MARK: - Compensation

  /// The first half is active. What is dropped is partly what is kept, or has a mean, or lies in two
  /// directions.
  private func masked(
    _ step: ConversionRecipe.Compensation, _ generator: inout SeededGenerator
  ) -> MaskedInputs {
    let z = SharedMatrix(rowCount: Self.tokenCount, columnCount: Self.width)
    let active = SharedMatrix(rowCount: Self.tokenCount, columnCount: Self.count)
    for token in 0..<Self.tokenCount {
      func noise() -> Float { Float.random(in: -1...1, using: &generator) }
      let (a, b) = (noise(), noise())
      for entry in 0..<Self.width / 2 {
        z.view[token, entry] = noise()
        let other = Self.width / 2 + entry
        switch step {
        case .scale, .refit: z.view[token, other] = 0.8 * z.view[token, entry] + 0.2 * noise()
        case .bias: z.view[token, other] = 1 + 0.2 * noise()
        case .lowRank:
          z.view[token, other] = (entry.isMultiple(of: 2) ? a : b) + 0.1 * noise()
        }
      }
      for index in 0..<Self.count / 2 { active.view[token, index] = 1 }
    }
    return MaskedInputs(z, order: Self.order, active: active)
  }

  @Test(
    "Each step of compensation makes up for what it is made for",
    arguments: ConversionRecipe.Compensation.allCases)
  func compensation(step: ConversionRecipe.Compensation) throws {
    var generator = SeededGenerator(seed: [4])
    let weights = SharedMatrix(rowCount: 12, columnCount: Self.width)
    for row in 0..<12 {
      for entry in 0..<Self.width / 2 {
        weights.view[row, entry] = Float.random(in: -1...1, using: &generator)
        // Entries that are kept and dropped together are read alike.
        weights.view[row, Self.width / 2 + entry] = weights.view[row, entry]
      }
    }
    let (fitting, heldOut) = (masked(step, &generator), masked(step, &generator))
    func error(_ component: CompensatedComponent) -> Double {
      heldOut.error(of: component, target: weights.view, size: 4, order: Self.order)
    }
    let before = CompensatedComponent(weights: weights)
    let least = step.step(rank: 2).candidates(
      before, fitting: fitting, target: weights.view, order: Self.order
    ).map(error).min()
    #expect(try #require(least) < 0.3 * error(before))
  }
}
