import Checkpoints
import Conversion
import Foundation
import Models
import Tensors
import Testing

/// As in `RotatedLogitsTests`: rounding of bases that are not orthogonal, through all layers.
private let tolerance = 1e-3

@Suite("A conversion says what the dense model says, once everything is active")
struct ConversionLawTests {
  static let fixtures = [
    "pico-llama", "pico-llama-biases-llama3", "pico-llama-linear", "pico-mistral-window",
    "pico-qwen2",
  ]

  /// Shapes that the fixtures do not have.
  static let odd: [String: (keys: String, head: Bool)] = [
    "tied": (
      #""model_type": "llama", "num_attention_heads": 4, "tie_word_embeddings": true"#, false
    ),
    "trained head beside tied embeddings": (
      #""model_type": "llama", "num_attention_heads": 4, "tie_word_embeddings": true"#, true
    ),
    "one key-value head, wide heads": (
      #""model_type": "llama", "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 12"#,
      false
    ),
    "all biases": (
      #""model_type": "llama", "num_attention_heads": 2, "attention_bias": true, "mlp_bias": true"#,
      false
    ),
    "qwen2, tied, some layers slide": (
      #""model_type": "qwen2", "num_attention_heads": 4, "num_key_value_heads": 2, "#
        + #""tie_word_embeddings": true, "use_sliding_window": true, "sliding_window": 8, "#
        + #""max_window_layers": 1"#, false
    ),
    "window": (
      #""model_type": "mistral", "num_attention_heads": 4, "num_key_value_heads": 2, "#
        + #""sliding_window": 5"#, false
    ),
  ]

  @Test(
    "Half is converted, then all made active: each side",
    arguments: fixtures + odd.keys.sorted(),
    // Learned routers that never change their choice, as on random text, are written as static.
    [
      (ConversionRecipe.Router.energy, SubDimensions.SparseSide.input), (.energy, .both),
    ] as [(ConversionRecipe.Router, SubDimensions.SparseSide)])
  func law(model: String, choice: (ConversionRecipe.Router, SubDimensions.SparseSide)) throws {
    let laboratory = ConversionLaboratory()
    defer { laboratory.clear() }
    let dense =
      try Self.odd[model].map {
        try laboratory.randomModel("dense", $0.keys, head: $0.head)
      } ?? Checkpoint.open(ConversionLaboratory.fixtures.appending(path: model).path)
    var recipe = ConversionLaboratory.half(choice.0)
    recipe.sparseSide = choice.1
    _ = try laboratory.convert(dense, as: "converted", recipe)
    let other = laboratory.batch(2, vocabulary: dense.configuration.vocabularySize, seed: 2)
    let wanted = try laboratory.logits(dense, other)
    let sparse = try laboratory.logits(
      Checkpoint.open(laboratory.path("converted")), other)
    try laboratory.edit("converted", [(#""top_k" : 4"#, #""top_k" : 8"#)])
    let whole = try Checkpoint.open(laboratory.path("converted"))
    let found = try laboratory.logits(whole, other)
    #expect(laboratory.distance(found, wanted) < tolerance)
    #expect(laboratory.distance(sparse, wanted) > 10 * tolerance)
    #expect(whole.ignoredTensors.isEmpty)
  }

  @Test("A head that was trained apart is kept, and one that says the same is not")
  func heads() throws {
    let laboratory = ConversionLaboratory()
    defer { laboratory.clear() }
    let keys = #""model_type": "llama", "num_attention_heads": 4, "tie_word_embeddings": true"#
    for (name, head) in [("apart", true), ("tied", false)] {
      let dense = try laboratory.randomModel(name, keys, head: head)
      let converted = try laboratory.convert(
        dense, as: name + "-converted", ConversionLaboratory.half(.energy))
      #expect(converted.configuration.tiesWordEmbeddings != head)
      #expect(converted.tensors.contains { $0.name == "lm_head.weight" } == head)
    }
  }
}
