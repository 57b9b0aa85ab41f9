import Activations
import Checkpoints
import Conversion
import Foundation
import Kernels
import Models
import Synchronization
import Testing

/// How far a logit of the rotated model may be from the dense model's, as a share of the largest:
/// z = B a and W B⁻¹ are rounded to float32, and the condition of an output-aware basis is that of
/// the square root of the damped covariance, some hundreds, times float32's 6e-8, through all layers.
private let tolerance = 1e-3

@Suite("Bases, with all dimensions kept")
struct RotatedLogitsTests {
  private let pool = WorkerPool(workerCount: 2)

  /// Seeded tokens in sequences of equal length.
  private func batch(_ count: Int, vocabulary: Int, seed: UInt64) -> TokenBatch {
    let length = 64
    var generator = SeededGenerator(seed: [seed])
    return TokenBatch(
      tokenIDs: (0..<count * length).map { _ in
        Int32.random(in: 0..<Int32(vocabulary), using: &generator)
      },
      sequences: (0..<count).map {
        .init(rows: $0 * length..<($0 + 1) * length, document: $0, index: 0)
      })
  }

  /// Of every token, [tokens · vocabulary].
  private func logits(_ checkpoint: Checkpoint, _ batch: TokenBatch) throws -> [Float] {
    let residual = try LayerSweep(checkpoint: checkpoint, pool: pool).run(batch, into: NoSink())
    let width = checkpoint.configuration.vocabularySize
    let all = Mutex([Float](repeating: .nan, count: batch.tokenCount * width))
    let readout = try #require(Readout(checkpoint: checkpoint, pool: pool))
    readout.forEachPanel(residual.view) { rows, logits in
      let values = logits.elements()
      all.withLock {
        $0.replaceSubrange(rows.lowerBound * width..<rows.upperBound * width, with: values)
      }
    }
    return all.withLock { $0 }
  }

  /// The largest difference, as a share of the largest dense logit; NaN if there is one.
  private func distance(_ found: [Float], _ dense: [Float]) -> Double {
    var (most, largest) = (0.0, 0.0)
    for (a, b) in zip(found, dense) {
      guard a.isFinite, b.isFinite else { return .nan }
      (most, largest) = (max(most, Double(abs(a - b))), max(largest, Double(abs(b))))
    }
    return most / largest
  }

  @Test(
    "The rotated model's logits are the dense model's, on text that it was not made on",
    arguments: [ConversionRecipe.Basis.pca, .outputAware],
    ["pico-llama", "pico-llama-biases-llama3", "pico-mistral-window", "pico-qwen2"])
  func logits(basis: ConversionRecipe.Basis, model: String) throws {
    let fixtures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let dense = try Checkpoint.open(fixtures.appending(path: "Fixtures/models/\(model)").path)
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "mohd-rotated-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    // With everything active no basis would be written: half is converted, then all made active.
    let half = ConversionRecipe.Component(subDimensionCount: 8, sharedCount: 0, activeCount: 4)
    var recipe = ConversionRecipe(attention: half, ffn: half, activeFraction: 0.5)
    (recipe.basis, recipe.budget) = (basis, .uniform)
    let vocabulary = dense.configuration.vocabularySize
    let text = batch(32, vocabulary: vocabulary, seed: 1)
    _ = try ConvertedFolder(folder.path).write(
      Converter(checkpoint: dense, recipe: recipe, pool: pool),
      source: .text(text, LayerSweep(checkpoint: dense, pool: pool)),
      provenance: .init(model: model, modelSHA256: "", tool: ""),
      calibration: .init(tokenCount: text.tokenCount, corpusSHA256: "", documentSHA256: []),
      tokenizerFiles: [:], progress: { _ in })

    let other = batch(4, vocabulary: vocabulary, seed: 2)
    let wanted = try logits(dense, other)
    let sparse = try logits(Checkpoint.open(folder.path), other)
    #expect(distance(sparse, wanted) > 10 * tolerance, "the basis and the mask are there")

    let file = folder.appending(path: "config.json")
    let settings = try String(contentsOf: file, encoding: .utf8)
    try Data(settings.replacing("\"top_k\" : 4", with: "\"top_k\" : 8").utf8).write(to: file)
    let rotated = try Checkpoint.open(folder.path)
    for component in MoHDComponent.allCases {
      for layer in rotated.configuration.mohd?[component] ?? [] {
        #expect(layer.inputBasis == .dense && layer.activeCount == layer.count)
      }
    }
    let found = try logits(rotated, other)
    #expect(distance(found, wanted) < tolerance)
    #expect(found != wanted, "the basis is really applied")
  }
}
