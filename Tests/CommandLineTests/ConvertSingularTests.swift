import Foundation
import Testing

private let convert = Tool(name: "mohd-convert")

@Suite("mohd-convert where activations do not span their space")
struct ConvertSingularTests {
  /// Recipes that solve, invert or decompose moments in ways of their own.
  private static let recipes = [
    [], ["--basis", "pca"], ["--basis", "identity", "--sub-dimensions", "8"],
    ["--damping", "1e-30"], ["--output-weights", "value-up"],
    ["--router", "ridge", "--sub-dimensions", "8"],
    ["--router", "centroid", "--sub-dimensions", "8"],
    ["--refit", "scale", "refit", "low-rank", "--sub-dimensions", "8"],
    ["--recover", "--distill", "0"],
    [
      "--sub-dimensions", "8", "--sparse-side", "both", "--basis", "identity", "--fusion",
      "monarch",
    ],
  ]

  /// A folder of finite numbers, or a clear refusal: never a trap, and never NaN in the weights.
  private func check(_ pico: PicoCapture, _ recipe: [String]) throws {
    let output = pico.work.url("out").path
    let result = try convert.run(
      [
        "--model", pico.model, "--corpus", "a=\(pico.text)", "--sequence-length", "64",
        "--active", "0.5", "--dtype", "float32", "--output", output, "--quiet",
      ] + recipe)
    guard result.status == 0 else {
      #expect(
        result.status == 65 && result.error.contains("covariance"),
        "\(recipe): \(result.status) \(result.error)")
      #expect(!FileManager.default.fileExists(atPath: output))
      return
    }
    let files = try tree(output).filter { $0.key.hasSuffix(".safetensors") }
    #expect(files.count == 1)
    for (name, bytes) in files {
      let count = try notFinite(bytes)
      #expect(count == 0, "\(recipe): \(name) has \(count) numbers that are not finite")
    }
  }

  /// How many numbers of all F32 tensors of a safetensors file are NaN or infinite.
  private func notFinite(_ bytes: Data) throws -> Int {
    let length = bytes.prefix(8).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
    let header = try #require(
      JSONSerialization.jsonObject(with: bytes[8..<8 + length]) as? [String: Any])
    var count = 0
    for case let tensor as [String: Any] in header.values
    where tensor["dtype"] as? String == "F32" {
      let offsets = try #require(tensor["data_offsets"] as? [Int])
      let body = [UInt8](bytes[8 + length + offsets[0]..<8 + length + offsets[1]])
      for index in stride(from: 0, to: body.count, by: 4) {
        // Little-endian: NaN and infinity have all bits of the exponent set.
        let isFinite = body[index + 3] & 0x7f != 0x7f || body[index + 2] & 0x80 == 0
        count += isFinite ? 0 : 1
      }
    }
    return count
  }

  @Test("One token over and over gives a model of finite weights", arguments: recipes)
  func oneToken(recipe: [String]) throws {
    let pico = try PicoCapture()
    // The inputs of layer 0's attention are all the same: their covariance has rank one.
    try Data(String(repeating: "a", count: 3000).utf8).write(to: URL(filePath: pico.text))
    try check(pico, recipe)
  }

  @Test(
    "A component that reads nothing but zeros gives a model of finite weights", arguments: recipes)
  func zeroGain(recipe: [String]) throws {
    for norm in ["input_layernorm", "post_attention_layernorm"] {
      let pico = try PicoCapture()
      try pico.clear("model.layers.1.\(norm).weight")
      try check(pico, recipe)
    }
  }
}
