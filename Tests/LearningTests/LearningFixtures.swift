import Activations
import Checkpoints
import Files
import Foundation
import Kernels
import Learning
import Models
import Tensors
import Testing

/// Where the committed models lie.
enum Fixtures {
  static let folder =
    URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fixtures").path
}

/// A file of float32 tensors.
struct StoredTensors {
  private let file: SafetensorsFile
  private let bytes: [UInt8]

  init(_ path: String) throws {
    file = try SafetensorsFile(path: path)
    bytes = try MappedFile(path: path).copyBytes()
  }

  subscript(_ name: String) -> [Float]? {
    guard let tensor = file.tensors.first(where: { $0.name == name }) else { return nil }
    return stride(from: tensor.bytes.lowerBound, to: tensor.bytes.upperBound, by: 4).map { start in
      Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(bytes[start + $1]) << (8 * UInt32($1)) })
    }
  }

  func shape(_ name: String) -> [Int] {
    file.tensors.first { $0.name == name }?.shape ?? []
  }
}

/// A small model's configuration.
func configuration(
  hidden: Int = 32, mohd: SubDimensions? = nil, tied: Bool = false, vocabulary: Int = 48
) throws -> ModelConfiguration {
  let json = """
    {"model_type": "llama", "hidden_size": \(hidden), "intermediate_size": 40,
     "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
     "vocab_size": \(vocabulary), "max_position_embeddings": 64, "rms_norm_eps": 1e-6,
     "tie_word_embeddings": \(tied)}
    """
  var result = try JSONDecoder().decode(ModelConfiguration.self, from: Data(json.utf8))
  if let mohd {
    result.architecture = .mohd
    result.mohd = MoHDSettings(attention: mohd, ffn: mohd, layerCount: 2)
  }
  return result
}

/// Documents of one domain: walks over the vocabulary that can be learnt.
func walk(
  _ name: String, documents: Int, length: Int, vocabulary: Int = 48, seed: UInt64 = 1
) -> TokenizedDomain {
  var generator = SeededGenerator(seed: [seed, UInt64(name.utf8.count)])
  var (ids, starts): ([Int32], [Int]) = ([], [0])
  for _ in 0..<documents {
    var token = Int.random(in: 0..<vocabulary, using: &generator)
    for _ in 0..<Int.random(in: (length / 2)...length, using: &generator) {
      ids.append(Int32(token))
      token =
        Int.random(in: 0..<10, using: &generator) == 0
        ? Int.random(in: 0..<vocabulary, using: &generator) : (token * 5 + 3) % vocabulary
    }
    starts.append(ids.count)
  }
  return TokenizedDomain(
    name: name, tokens: TokenIDs(ids, vocabularySize: vocabulary), starts: starts,
    byteCounts: zip(starts, starts.dropFirst()).map { 3 * ($1 - $0) },
    digests: (0..<documents).map { SeededGenerator.mix(seed ^ UInt64($0 + 1)) },
    vocabularySize: vocabulary, tokenizer: "walk")
}
