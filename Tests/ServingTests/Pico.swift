import Checkpoints
import Files
import Foundation
import Kernels
import Serving
import Tokenizers

/// A committed model of two layers and 96 words with what transformers makes of some sequences:
/// Tests/Fixtures/generate_models.py and generate_mohd.py.
struct Pico {
  let checkpoint: Checkpoint
  /// Each sequence's ids, and its logits, [tokens, vocabulary].
  let sequences: [(ids: [Int32], logits: [[Double]])]

  static let names = [
    "models/pico-llama", "models/pico-llama-biases-llama3", "models/pico-qwen2",
    "models/pico-mistral-window", "mohd/pico-mohd-paper", "mohd/pico-mohd-converted",
    "mohd/pico-mohd-per-layer", "mohd/pico-mohd-input-gates",
  ]

  private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Fixtures")

  init(_ name: String = "models/pico-llama") throws {
    let folder = Self.fixtures.appending(path: name).path
    checkpoint = try Checkpoint.open(folder)
    let path = folder + "/expected.safetensors"
    let file = try SafetensorsFile(path: path)
    let bytes = try MappedFile(path: path).copyBytes()
    func values(_ name: String) -> [Float] {
      guard let tensor = file.tensors.first(where: { $0.name == name }) else { return [] }
      return stride(from: tensor.bytes.lowerBound, to: tensor.bytes.upperBound, by: 4).map { at in
        Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(bytes[at + $1]) << (8 * UInt32($1)) })
      }
    }
    let (ids, logits) = (values("token_ids").map { Int32($0) }, values("logits"))
    let width = checkpoint.configuration.vocabularySize
    var start = 0
    sequences = values("sequence_lengths").map { length in
      let rows = start..<start + Int(length)
      start = rows.upperBound
      return (
        Array(ids[rows]), rows.map { logits[$0 * width..<($0 + 1) * width].map(Double.init) }
      )
    }
  }

  func scorer(threads: Int = 2, layerMemory: Int = .max) throws -> PromptScorer {
    guard
      let scorer = PromptScorer(
        checkpoint: checkpoint, pool: WorkerPool(workerCount: threads), layerMemory: layerMemory)
    else { throw CocoaError(.fileReadCorruptFile) }
    return scorer
  }

  /// One token for each character of a small alphabet, in bytes.
  static func tokenizer(_ name: String = "smollm") throws -> Tokenizer {
    try Tokenizer.load(file: fixtures.appending(path: "tokenizers/\(name).tokenizer.json").path)
  }
}

/// log softmax of one row, in Double.
func logProbabilities(_ logits: [Double]) -> [Double] {
  let largest = logits.max() ?? 0
  let total = largest + log(logits.reduce(0) { $0 + exp($1 - largest) })
  return logits.map { $0 - total }
}
