import Foundation
import Testing
import Tokenizers

/// Folders as Tests/Fixtures/generate_tokens_beside.py describes them.
@Suite("Tokens beside a tokenizer")
struct TokensBesideTests {
  private struct Case: Decodable {
    var name: String
    /// One of Tests/Fixtures/tokenizers.
    var base: String
    /// The files beside it.
    var files: [String: String]
    var texts: [String]
    var ids: [[Int32]]
  }

  private static func cases() throws -> [Case] {
    let path = TokenizerFixtures.folder + "/../tokens_beside.json"
    return try JSONDecoder().decode([Case].self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }

  /// Calls `body` with a folder of these files, which is gone afterwards.
  private func withFolder(
    base: String, _ files: [String: String], _ body: (String) throws -> Void
  ) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "mohd-beside-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let name = base.hasSuffix(".json") ? "tokenizer.json" : "tokenizer.model"
    try FileManager.default.copyItem(
      atPath: TokenizerFixtures.path(base), toPath: folder.appendingPathComponent(name).path)
    for (name, text) in files {
      try Data(text.utf8).write(to: folder.appendingPathComponent(name))
    }
    try body(folder.path)
  }

  @Test("gives AutoTokenizer's ids")
  func equalsReference() throws {
    let cases = try Self.cases()
    #expect(cases.count > 30)
    for one in cases {
      try withFolder(base: one.base, one.files) { folder in
        let tokenizer = try Tokenizer.load(folder: folder)
        let differences = zip(one.texts, one.ids).compactMap { text, ids in
          let found = tokenizer.encode(Array(text.utf8))
          return found == ids
            ? nil : "\(text.debugDescription): expected \(ids), found \(found)"
        }
        #expect(
          differences.isEmpty,
          "\(one.name), \(one.base): \(differences.count): \(differences.prefix(2))")
      }
    }
  }

  @Test("changes nothing of a folder without such files")
  func nothingBeside() throws {
    let base = "llama3.tokenizer.json"
    let file = try Tokenizer.load(file: TokenizerFixtures.path(base))
    try withFolder(base: base, [:]) { folder in
      let tokenizer = try Tokenizer.load(folder: folder)
      #expect(tokenizer.identity == file.identity)
      #expect(tokenizer.warnings.isEmpty)
    }
  }

  @Test("says where a token's id is not the one that its file states")
  func movedIDs() throws {
    try withFolder(
      base: "gpt2.tokenizer.json", ["added_tokens.json": #"{"<x>": 700, "<y>": 5000}"#]
    ) { folder in
      let tokenizer = try Tokenizer.load(folder: folder)
      #expect(tokenizer.warnings.count == 1)
      #expect(tokenizer.warnings.first?.contains("<x> (700)") == true)
    }
  }

  @Test("refuses files that are not what they should be")
  func refuses() throws {
    for (name, text) in [
      ("added_tokens.json", #"{"<x>": "1"}"#), ("added_tokens.json", "[1]"),
      ("added_tokens.json", #"{"<x>": 1"#),
      ("tokenizer_config.json", #"{"added_tokens_decoder": {"x": {"content": "a"}}}"#),
      ("tokenizer_config.json", #"{"added_tokens_decoder": {"1": 2}}"#),
      ("tokenizer_config.json", #"{"added_tokens_decoder": 3}"#),
      ("tokenizer_config.json", #"{"additional_special_tokens": [1]}"#),
      ("special_tokens_map.json", "<!DOCTYPE html><html>Not found</html>"),
    ] {
      try withFolder(base: "gpt2.tokenizer.json", [name: text]) { folder in
        #expect(throws: (any Error).self, "\(name): \(text)") {
          try Tokenizer.load(folder: folder)
        }
      }
    }
  }
}
