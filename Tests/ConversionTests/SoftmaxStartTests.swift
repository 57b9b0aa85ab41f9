import Activations
import Checkpoints
import Conversion
import Foundation
import Models
import Testing

@Suite("The paper's gates, where a conversion starts with them")
struct SoftmaxStartTests {
  static let starts: [(SubDimensions.SparseSide, SubDimensions.GatePlace)] = [
    (.input, .everyProjection), (.both, .output), (.both, .everyProjection),
  ]

  @Test(
    "Even softmax gates say what unit gates say, whatever the scaling and wherever they multiply",
    arguments: SubDimensions.Scaling.allCases, starts)
  func start(
    scaling: SubDimensions.Scaling, place: (SubDimensions.SparseSide, SubDimensions.GatePlace)
  ) throws {
    let laboratory = ConversionLaboratory()
    defer { laboratory.clear() }
    let dense = try Checkpoint.open(
      ConversionLaboratory.fixtures.appending(path: "pico-llama").path)
    var recipe = ConversionLaboratory.half(.ridge, shared: 2)
    recipe.sparseSide = place.0
    let unit = try laboratory.convert(dense, as: "unit", recipe)
    (recipe.gate, recipe.scaling, recipe.gateAt) = (.softmax, scaling, place.1)
    let soft = try laboratory.convert(dense, as: "soft", recipe)
    let settings = try #require(soft.configuration.mohd)
    let gated = (settings.attention + settings.ffn).filter { $0.gate == .softmax }
    #expect(!gated.isEmpty, "some router chooses")
    #expect(gated.allSatisfy { $0.scaling == scaling && $0.gateAt == place.1 })
    let batch = laboratory.batch(2, vocabulary: dense.configuration.vocabularySize, seed: 2)
    let (wanted, found) = (
      try laboratory.logits(unit, batch), try laboratory.logits(soft, batch)
    )
    // Gates within half a per cent of each other. Where a later choice is all but a tie, that turns
    // it, and a token's logits with it: few do.
    let width = dense.configuration.vocabularySize
    let apart = (0..<batch.tokenCount).filter { token in
      let own = token * width..<(token + 1) * width
      return laboratory.distance(Array(found[own]), Array(wanted[own])) > 0.02
    }
    #expect(apart.count * 20 < batch.tokenCount, "\(apart.count) of \(batch.tokenCount)")
    let ratio = exp(loss(found, batch, width) - loss(wanted, batch, width))
    #expect(abs(ratio - 1) < 0.01, "\(ratio)")
    for execution in [MoHDExecution.naive, .blockSparse] {
      let other = try laboratory.logits(soft, batch, execution: execution)
      #expect(laboratory.distance(other, found) < 1e-4)
    }
  }

  /// Mean negative log-likelihood of each next token, in nats.
  private func loss(_ logits: [Float], _ batch: TokenBatch, _ width: Int) -> Double {
    var (sum, count) = (0.0, 0.0)
    for sequence in batch.sequences {
      for row in sequence.rows.dropLast() {
        let own = logits[row * width..<(row + 1) * width].map { Double($0) }
        let most = own.max() ?? 0
        let total = own.reduce(0) { $0 + exp($1 - most) }
        sum += most + log(total) - own[Int(batch.tokenIDs[row + 1])]
        count += 1
      }
    }
    return sum / count
  }

  @Test("Energies cannot be made even, and whole outputs carry no gates: both are refused")
  func refused() throws {
    let laboratory = ConversionLaboratory()
    defer { laboratory.clear() }
    let dense = try Checkpoint.open(
      ConversionLaboratory.fixtures.appending(path: "pico-llama").path)
    for (router, place) in [
      (ConversionRecipe.Router.energy, nil as SubDimensions.GatePlace?), (.ridge, .output),
    ] {
      var recipe = ConversionLaboratory.half(router)
      (recipe.gate, recipe.gateAt) = (.softmax, place)
      #expect(throws: ConversionError.self) {
        try Converter(checkpoint: dense, recipe: recipe, pool: laboratory.pool)
      }
    }
  }
}
