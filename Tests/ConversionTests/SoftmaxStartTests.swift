import Checkpoints
import Conversion
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
    // Gates within half a per cent of each other.
    #expect(laboratory.distance(found, wanted) < 0.02)
    for execution in [MoHDExecution.naive, .blockSparse] {
      let other = try laboratory.logits(soft, batch, execution: execution)
      #expect(laboratory.distance(other, found) < 1e-4)
    }
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
