import Checkpoints
import Kernels
import Learning
import Models
import Testing
import Training

@Suite("What training takes")
struct TrainingCostTests {
  /// Outside embedding and head, in millions: Tables 1, 2 and 3, ±1.
  @Test(
    "Presets have the paper's active parameters",
    arguments: [
      ("355m", 289), ("355m-50%", 145), ("355m-75%", 217), ("355m-x2", 289), ("355m-x3", 289),
      ("355m-x4", 289), ("495m", 396), ("495m-50%", 198), ("495m-75%", 297), ("1.13b", 1007),
      ("1.13b-50%", 503), ("1.13b-75%", 755),
    ])
  func paper(name: String, millions: Int) throws {
    let preset = try #require(TrainingPreset(name))
    let found = Double(preset.model.activeParameters(count: .paper)) / 1e6
    #expect(abs(found - Double(millions)) <= 1, "\(found)")
    #expect(preset.tokens == 50_000 * 256 * 4096 && preset.learningRate == 3e-4)
  }

  @Test("Every preset is a model that can be built, and its parameters are counted")
  func build() throws {
    for name in TrainingPreset.names {
      let preset = try #require(TrainingPreset(name))
      try preset.model.validate(path: name)
      if name.hasPrefix("nano") {
        #expect(ModelTensors(preset.model).count == TrainingCost(preset.model).parameterCount)
      }
    }
    #expect(TrainingPreset("nano-x5") == nil && TrainingPreset("355m-") == nil)
    let nano = try #require(TrainingPreset("nano")).model
    #expect(TrainingCost(nano).backboneCount == 754_816)
  }
}
