import Activations
import Checkpoints
import Conversion
import Files
import Foundation
import Kernels
import Models
import Synchronization
import Tensors
import Testing

/// What tests of whole conversions share: seeded batches, logits, folders.
struct ConversionLaboratory {
  let pool = WorkerPool(workerCount: 2)
  let folder = FileManager.default.temporaryDirectory
    .appending(path: "mohd-laboratory-\(UUID().uuidString)")

  static let fixtures = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Fixtures/models")

  /// Removes everything that was made.
  func clear() { try? FileManager.default.removeItem(at: folder) }

  func path(_ name: String) -> String { folder.appending(path: name).path }

  /// Seeded tokens in sequences of equal length.
  func batch(_ count: Int, vocabulary: Int, seed: UInt64) -> TokenBatch {
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
  func logits(
    _ checkpoint: Checkpoint, _ batch: TokenBatch, execution: MoHDExecution = .automatic
  ) throws -> [Float] {
    let residual = try LayerSweep(checkpoint: checkpoint, pool: pool, execution: execution)
      .run(batch, into: NoSink())
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
  func distance(_ found: [Float], _ dense: [Float]) -> Double {
    var (most, largest) = (0.0, 0.0)
    for (a, b) in zip(found, dense) {
      guard a.isFinite, b.isFinite else { return .nan }
      (most, largest) = (max(most, Double(abs(a - b))), max(largest, Double(abs(b))))
    }
    return most / largest
  }

  /// Converts on seeded tokens; the folder is `path(name)`.
  func convert(
    _ dense: Checkpoint, as name: String, type: FloatingType = .float32,
    fileByteLimit: Int? = nil, _ recipe: ConversionRecipe
  ) throws -> Checkpoint {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let text = batch(32, vocabulary: dense.configuration.vocabularySize, seed: 1)
    _ = try ConvertedFolder(path(name), fileByteLimit: fileByteLimit).write(
      Converter(checkpoint: dense, recipe: recipe, pool: pool),
      source: .text(text, LayerSweep(checkpoint: dense, pool: pool)),
      provenance: .init(model: name, modelSHA256: "", tool: ""),
      calibration: .init(tokenCount: text.tokenCount, corpusSHA256: "", documentSHA256: []),
      tokenizerFiles: [:], type: type, progress: { _ in })
    return try Checkpoint.open(path(name))
  }

  /// Half of eight sub-dimensions in every component.
  static func half(_ router: ConversionRecipe.Router, shared: Int = 0) -> ConversionRecipe {
    let half = ConversionRecipe.Component(
      subDimensionCount: 8, sharedCount: shared, activeCount: 4)
    var recipe = ConversionRecipe(attention: half, ffn: half, activeFraction: 0.5)
    (recipe.router, recipe.budget) = (router, .uniform)
    return recipe
  }

  /// Changes words of a folder's config.json.
  func edit(_ name: String, _ replacements: [(String, String)]) throws {
    let file = folder.appending(path: name).appending(path: "config.json")
    var text = try String(contentsOf: file, encoding: .utf8)
    for (old, new) in replacements {
      #expect(text.contains(old), "\(old)")
      text = text.replacing(old, with: new)
    }
    try Data(text.utf8).write(to: file)
  }

  /// A dense model of random weights with whatever config.json says.
  ///
  /// - Parameter head: whether there is a head of its own, whatever the configuration says of it.
  func randomModel(_ name: String, _ keys: String, head: Bool = false) throws -> Checkpoint {
    let json = """
      {\(keys), "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
       "vocab_size": 96, "rms_norm_eps": 1e-5, "max_position_embeddings": 256}
      """
    let configuration = try ModelConfiguration(json: Array(json.utf8), path: "config.json")
    var generator = SeededGenerator(seed: [5])
    let tensors = LlamaWeights.all.flatMap { row -> [SafetensorsWriter.Tensor] in
      guard row.isPresent(in: configuration) || head && row.role == .outputProjection else {
        return []
      }
      let layers: [Int?] = row.role.isPerLayer ? [0, 1] : [nil]
      return layers.map { layer -> SafetensorsWriter.Tensor in
        let shape = row.shape(in: configuration)
        let matrix = SharedMatrix(
          rowCount: shape.dropLast().reduce(1, *), columnCount: shape[shape.count - 1])
        for r in 0..<matrix.view.rowCount {
          for c in 0..<matrix.view.columnCount {
            let noise = Float.random(in: -1...1, using: &generator)
            matrix.view[r, c] =
              shape.count == 1 && row.reads != nil ? 1 + 0.3 * noise : 0.3 * noise
          }
        }
        return .init(row.name(in: .safetensors, layer: layer), shape: shape, [matrix.view])
      }
    }
    let url = folder.appending(path: name)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    try SafetensorsWriter.write(tensors, to: url.path + "/model.safetensors")
    try Data(json.utf8).write(to: url.appending(path: "config.json"))
    return try Checkpoint.open(url.path)
  }
}
