import Foundation
import Tokenizers

/// The files that Tests/Fixtures/generate_tokenizers.py makes.
enum TokenizerFixtures {
  static let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures/tokenizers").path

  static func path(_ name: String) -> String { folder + "/" + name }

  static func bytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: path(name))))
  }

  static func texts() throws -> [String] {
    try JSONDecoder().decode([String].self, from: Data(try bytes("texts.json")))
  }

  /// The ids that the reference package gives for `texts()`.
  static func expectedIDs(_ name: String) throws -> [[Int32]] {
    try JSONDecoder().decode([[Int32]].self, from: Data(try bytes("\(name).ids.json")))
  }

  /// What the ids of a tokenizer differ in: one line for each text.
  static func differences(_ tokenizer: Tokenizer, _ name: String) throws -> [String] {
    let expected = try expectedIDs(name)
    return zip(try texts(), expected).compactMap { text, ids in
      let found = tokenizer.encode(Array(text.utf8))
      return found == ids ? nil : "\(text.debugDescription): expected \(ids), found \(found)"
    }
  }
}
