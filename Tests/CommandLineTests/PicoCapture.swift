import Foundation

/// A pico LLaMA with a tokenizer, and a text: everything a capture needs, within milliseconds.
struct PicoCapture {
  let work = Workplace()
  let model: String
  let text: String

  /// - Parameter characterCount: length of the text; a token is about one character.
  init(model name: String = "pico-llama", characterCount: Int = 3000) throws {
    let source = root.appending(path: "Tests/Fixtures/models/\(name)")
    let folder = work.url("model")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    for file in ["config.json", "model.safetensors"] {
      try FileManager.default.copyItem(
        at: source.appending(path: file), to: folder.appending(path: file))
    }
    try Data(Self.tokenizer.utf8).write(to: folder.appending(path: "tokenizer.json"))
    model = folder.path
    let words = ["abc", "dead", "beef", "cafe", "a", "bad", "face", "fed"]
    var body = ""
    var state: UInt64 = 7
    while body.count < characterCount {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      body += words[Int(state >> 33) % words.count] + (state >> 60 == 0 ? "\n" : " ")
    }
    let path = work.url("text.txt")
    try Data(body.utf8).write(to: path)
    text = path.path
  }

  /// Makes one token's embedding NaN in the model's copy: activations from that token on are.
  func breakEmbedding(ofToken token: Int) throws {
    // All bits set is NaN in every float type.
    try overwrite("model.embed_tokens.weight", row: token, with: 0xff)
  }

  /// Makes one row of a tensor NaN in the model's copy.
  func spoil(_ tensor: String, row: Int) throws { try overwrite(tensor, row: row, with: 0xff) }

  /// Makes a tensor zero in the model's copy.
  func clear(_ tensor: String) throws { try overwrite(tensor, row: nil, with: 0) }

  /// - Parameter row: nil: all.
  private func overwrite(_ name: String, row: Int?, with byte: UInt8) throws {
    let url = URL(filePath: model).appending(path: "model.safetensors")
    var bytes = try Data(contentsOf: url)
    let length = bytes.prefix(8).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
    let header = try JSONSerialization.jsonObject(with: bytes[8..<8 + length]) as? [String: Any]
    guard let tensor = header?[name] as? [String: Any],
      let offsets = tensor["data_offsets"] as? [Int], let shape = tensor["shape"] as? [Int]
    else { throw CocoaError(.fileReadCorruptFile) }
    let width = row == nil ? offsets[1] - offsets[0] : (offsets[1] - offsets[0]) / shape[0]
    let start = 8 + length + offsets[0] + (row ?? 0) * width
    bytes.replaceSubrange(start..<start + width, with: Data(repeating: byte, count: width))
    try bytes.write(to: url)
  }

  func arguments(_ output: String, _ more: String...) -> [String] {
    [
      "capture", "--model", model, "--corpus", "test=\(text)", "--output", work.url(output).path,
      "--sequence-length", "64",
    ] + more
  }

  /// Byte-level BPE without merges over the first bytes that a pico vocabulary has room for.
  private static let tokenizer: String = {
    let characters = " abcdefghijklmnopqrstuvwxyz0123456789".map { $0 == " " ? "Ġ" : String($0) }
    let entries = (["<s>", "</s>", "Ċ"] + characters).enumerated()
      .map { "\"\($0.element)\": \($0.offset)" }
    return """
      {"version": "1.0", "added_tokens": [], "normalizer": null,
       "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
         "use_regex": true},
       "post_processor": null, "decoder": {"type": "ByteLevel"},
       "model": {"type": "BPE", "vocab": {\(entries.joined(separator: ", "))}, "merges": []}}
      """
  }()
}
