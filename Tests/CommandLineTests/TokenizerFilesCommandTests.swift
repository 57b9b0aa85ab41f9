import Foundation
import Testing

private let convert = Tool(name: "mohd-convert")
private let eval = Tool(name: "mohd-eval")
private let probe = Tool(name: "mohd-probe")

/// Tokenizers that stand beside weights, are written with them, or are something else.
@Suite("Tokenizer files, as a user has them")
struct TokenizerFilesCommandTests {
  /// A folder with another tokenizer than the model's, its tokens in another order.
  private func otherTokenizer(_ pico: PicoCapture) throws -> String {
    let folder = pico.work.url("other")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let own = try String(contentsOfFile: pico.model + "/tokenizer.json", encoding: .utf8)
    let other = own.replacing("\"a\": 4, \"b\": 5", with: "\"b\": 4, \"a\": 5")
    try #require(other != own)
    try Data(other.utf8).write(to: folder.appending(path: "tokenizer.json"))
    try Data(#"{"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "</s>"}"#.utf8)
      .write(to: folder.appending(path: "tokenizer_config.json"))
    return folder.path
  }

  private func converted(
    _ pico: PicoCapture, _ output: String, _ more: [String]
  ) throws -> String {
    let path = pico.work.url(output).path
    let result = try convert.run(
      [
        "--model", pico.model, "--corpus", "a=\(pico.text)", "--sequence-length", "64",
        "--active", "0.5", "--output", path, "--quiet",
      ] + more)
    #expect(result.status == 0, "\(result.error)")
    return path
  }

  @Test(
    "A converted folder has the tokenizer that calibrated it: the model's, a folder's, a file's")
  func written() throws {
    let pico = try PicoCapture()
    let other = try otherTokenizer(pico)
    func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(filePath: path)) }
    let own = try converted(pico, "own", [])
    #expect(try bytes(own + "/tokenizer.json") == bytes(pico.model + "/tokenizer.json"))
    let folder = try converted(pico, "folder", ["--tokenizer", other])
    for name in ["/tokenizer.json", "/tokenizer_config.json"] {
      #expect(try bytes(folder + name) == bytes(other + name))
    }
    let file = try converted(pico, "file", ["--tokenizer", other + "/tokenizer.json"])
    #expect(try bytes(file + "/tokenizer.json") == bytes(other + "/tokenizer.json"))
    // A model without one has that one.
    try FileManager.default.removeItem(atPath: pico.model + "/tokenizer.json")
    let without = try converted(pico, "without", ["--tokenizer", other])
    #expect(try bytes(without + "/tokenizer.json") == bytes(other + "/tokenizer.json"))
  }

  @Test("A model that a sweep keeps has the tokenizer that was used")
  func kept() throws {
    let pico = try PicoCapture()
    let other = try otherTokenizer(pico)
    let output = pico.work.url("sweep").path
    let result = try eval.run([
      "sweep", pico.model, "--calibration-corpus", "a=\(pico.text)", "--corpus",
      "a=\(pico.text)", "--calibration-tokens", "1024", "--sequence-length", "64",
      "--max-tokens", "512", "--rounds", "0", "--no-pictures", "--quiet", "--over", "shared",
      "--keep", "--tokenizer", other, "--output", output,
    ])
    #expect(result.status == 0, "\(result.error)")
    let models = try FileManager.default.contentsOfDirectory(atPath: output + "/models")
    #expect(!models.isEmpty)
    for model in models {
      #expect(
        try Data(contentsOf: URL(filePath: output + "/models/\(model)/tokenizer.json"))
          == Data(contentsOf: URL(filePath: other + "/tokenizer.json")))
    }
  }

  @Test("A tokenizer that cannot be read stops only what needs it, and the error says what helps")
  func unreadable() throws {
    let pico = try PicoCapture()
    let other = try otherTokenizer(pico)
    let pointer =
      "version https://git-lfs.github.com/spec/v1\noid sha256:"
      + String(repeating: "a", count: 64) + "\nsize 9085657\n"
    for (text, status, words) in [
      (pointer, 65 as Int32, ["Git LFS", "lfs pull", "--tokenizer"]),
      ("<!DOCTYPE html><html>Entry not found</html>", 65, ["web page", "--tokenizer"]),
      ("{\"model\": 3}", 65, ["--tokenizer"]), (nil, 66, ["--tokenizer"]),
    ] as [(String?, Int32, [String])] {
      let path = pico.model + "/tokenizer.json"
      try? FileManager.default.removeItem(atPath: path)
      if let text { try Data(text.utf8).write(to: URL(filePath: path)) }
      let output = pico.work.url("logits.h5").path
      let arguments = [
        "logits", "--model", pico.model, "--corpus", pico.text, "--without-logits", "--quiet",
        "--output", output,
      ]
      let failed = try probe.run(arguments)
      #expect(failed.status == status, "\(failed.error)")
      for word in words { #expect(failed.error.contains(word), "\(word): \(failed.error)") }
      let inspected = try probe("inspect", pico.model)
      #expect(inspected.status == 0, "\(inspected.error)")
      let helped = try probe.run(arguments + ["--tokenizer", other])
      #expect(helped.status == 0, "\(helped.error)")
      try FileManager.default.removeItem(atPath: output)
    }
  }
}
