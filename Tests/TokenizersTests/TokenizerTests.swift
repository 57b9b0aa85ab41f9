import Files
import Foundation
import Testing
import Tokenizers

@Suite("Tokenizer")
struct TokenizerTests {
  @Test(
    "gives the ids of the package tokenizers",
    arguments: [
      "gpt2", "smollm", "llama3", "qwen2", "llama2_legacy", "llama2_first", "llama2_always",
      "llama2_never", "added_gpt2", "added_llama2", "expressions", "nfd", "nfkd",
    ])
  func equalsReference(name: String) throws {
    let path = TokenizerFixtures.path("\(name).tokenizer.json")
    let tokenizer = try Tokenizer.load(file: path)
    let differences = try TokenizerFixtures.differences(tokenizer, name)
    #expect(differences.isEmpty, "\(differences.count): \(differences.prefix(3))")
  }

  @Test(
    "gives the ids of the package sentencepiece",
    arguments: ["sentencepiece_bpe", "sentencepiece_bpe_plain", "sentencepiece_unigram"])
  func equalsSentencePiece(name: String) throws {
    let tokenizer = try Tokenizer.load(file: TokenizerFixtures.path("\(name).model"))
    let differences = try TokenizerFixtures.differences(tokenizer, name)
    #expect(differences.isEmpty, "\(differences.count): \(differences.prefix(3))")
  }

  @Test("gives the ids of a tokenizer.json for its vocabulary within GGUF")
  func embedded() throws {
    struct File: Decodable {
      struct Model: Decodable {
        var vocab: [String: Int]
        var merges: [[String]]
      }
      var model: Model
    }
    let bytes = try TokenizerFixtures.bytes("smollm.tokenizer.json")
    let model = try JSONDecoder().decode(File.self, from: Data(bytes)).model
    let tokens = model.vocab.sorted { $0.value < $1.value }.map { Array($0.key.utf8) }
    var vocabulary = EmbeddedVocabulary(model: "gpt2", pre: "smollm", tokens: tokens)
    vocabulary.merges = model.merges.map { Array($0.joined(separator: " ").utf8) }
    vocabulary.tokenTypes = tokens.indices.map { $0 < 3 ? 3 : 1 }
    vocabulary.bosID = 1
    vocabulary.addsBOS = false
    let tokenizer = try Tokenizer(vocabulary: vocabulary)
    #expect(try TokenizerFixtures.differences(tokenizer, "smollm").isEmpty)
    let file = try Tokenizer.load(file: TokenizerFixtures.path("smollm.tokenizer.json"))
    #expect(tokenizer.identity == file.identity)
    #expect(tokenizer.beginningOfSequenceID == 1)

    vocabulary.addsBOS = true
    let text = Array("one".utf8)
    #expect(
      try Tokenizer(vocabulary: vocabulary).encode(text) == [1] + tokenizer.encode(text))
    vocabulary.pre = "unheard-of"
    #expect(throws: TokenizerError.self) { try Tokenizer(vocabulary: vocabulary) }
  }

  @Test("joins the pieces of a GGUF vocabulary by score, its control tokens found in the text")
  func embeddedPieces() throws {
    let pieces = ["<unk>", "<s>", "</s>", "▁", "a", "b", "ab", "▁ab", "ba"]
    var vocabulary = EmbeddedVocabulary(model: "llama", tokens: pieces.map { Array($0.utf8) })
    vocabulary.scores = [0, 0, 0, -5, -6, -7, -1, -3, -2]
    vocabulary.tokenTypes = [2, 3, 3, 1, 1, 1, 1, 1, 1]
    vocabulary.bosID = 1
    let tokenizer = try Tokenizer(vocabulary: vocabulary)
    #expect(tokenizer.encode(Array("abab".utf8)) == [1, 7, 6])
    // "ab" is more urgent than "ba"; z and y are one unknown token.
    #expect(tokenizer.encode(Array("babzy</s>a".utf8)) == [1, 3, 5, 6, 0, 2, 3, 4])
    vocabulary.addsSpacePrefix = false
    vocabulary.addsBOS = false
    #expect(try Tokenizer(vocabulary: vocabulary).encode(Array("ab ab".utf8)) == [6, 7])
  }

  @Test(
    "gives ids from files named by the environment, for comparison with the packages",
    .enabled(
      if: ProcessInfo.processInfo.environment["MOHD_TOKENIZER_JOBS"] != nil,
      "compare_tokenizers.py sets MOHD_TOKENIZER_JOBS"))
  func writesJobs() throws {
    struct Job: Decodable {
      var tokenizer: String
      var text: String
      var ids: String
    }
    let list = ProcessInfo.processInfo.environment["MOHD_TOKENIZER_JOBS"] ?? ""
    let jobs = try JSONDecoder().decode(
      [Job].self, from: Data(contentsOf: URL(fileURLWithPath: list)))
    for job in jobs {
      let tokenizer = try Tokenizer.load(file: job.tokenizer)
      let text = [UInt8](try Data(contentsOf: URL(fileURLWithPath: job.text)))
      let ids = tokenizer.encode(text).map { "\($0)\n" }.joined()
      try Data(ids.utf8).write(to: URL(fileURLWithPath: job.ids))
    }
  }

  @Test("gives the same ids again, with warm caches and from several threads")
  func isStable() async throws {
    let path = TokenizerFixtures.path("smollm.tokenizer.json")
    let tokenizer = try Tokenizer.load(file: path)
    let text = Array(try TokenizerFixtures.texts().joined(separator: "\n").utf8)
    let first = tokenizer.encode(text)
    await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<4 { group.addTask { tokenizer.encode(text) == first } }
      for await isEqual in group { #expect(isEqual) }
    }
  }

  @Test("puts the special tokens of its files around a text, once")
  func addsSpecialTokens() throws {
    let tokenizer = try Tokenizer.load(
      file: TokenizerFixtures.path("llama3.tokenizer.json"))
    let inner = tokenizer.encode(Array("one".utf8), addSpecialTokens: false)
    let all = tokenizer.encode(Array("one".utf8))
    #expect(all == [1] + inner + [2])
    #expect(tokenizer.beginningOfSequenceID == 1)
    #expect(tokenizer.endOfSequenceID == 2)
    #expect(tokenizer.encode([]) == [1, 2])
  }

  @Test(
    "decodes what it encoded", arguments: ["gpt2", "smollm", "llama3", "llama2_legacy"])
  func decodes(name: String) throws {
    let path = TokenizerFixtures.path("\(name).tokenizer.json")
    let tokenizer = try Tokenizer.load(file: path)
    for text in try TokenizerFixtures.texts()
    where !text.contains("\u{2581}") && !(name.contains("llama2") && text.contains(/<.*>/)) {
      let ids = tokenizer.encode(Array(text.utf8), addSpecialTokens: false)
      #expect(
        String(decoding: tokenizer.decode(ids), as: UTF8.self).unicodeScalars.elementsEqual(
          text.unicodeScalars), "\(text.debugDescription)")
    }
  }

  @Test("leaves special tokens out of decoded text when asked")
  func skipsSpecialTokens() throws {
    let tokenizer = try Tokenizer.load(
      file: TokenizerFixtures.path("llama3.tokenizer.json"))
    let ids = tokenizer.encode(Array("one".utf8))
    #expect(tokenizer.decode(ids) == Array("<|im_start|>one<|im_end|>".utf8))
    #expect(tokenizer.decode(ids, skipsSpecialTokens: true) == Array("one".utf8))
    #expect(tokenizer.decode([-1, .max]).isEmpty)
  }

  @Test("takes ill-formed bytes for U+FFFD, as Python does")
  func repairsText() throws {
    let tokenizer = try Tokenizer.load(file: TokenizerFixtures.path("gpt2.tokenizer.json"))
    let mark: [UInt8] = [0xEF, 0xBF, 0xBD]
    let cases: [([UInt8], [UInt8])] = [
      ([0x61, 0xFF, 0x62], [0x61] + mark + [0x62]),
      ([0xED, 0xA0, 0x80], mark + mark + mark),
      ([0xF0, 0x9F, 0x98], mark),
      ([0xF0, 0x9F, 0x98, 0x61], mark + [0x61]),
      ([0xC0, 0xAF], mark + mark),
      ([0xE2, 0x82, 0xE2, 0x82, 0xAC], mark + [0xE2, 0x82, 0xAC]),
      ([0xF4, 0x90, 0x80, 0x80], mark + mark + mark + mark),
    ]
    for (broken, repaired) in cases {
      #expect(tokenizer.encode(broken) == tokenizer.encode(repaired), "\(broken)")
    }
  }

  @Test("has an identity that follows what decides the ids, and nothing else")
  func identity() throws {
    let bytes = try TokenizerFixtures.bytes("smollm.tokenizer.json")
    let text = String(decoding: bytes, as: UTF8.self)
    func identity(_ text: String) throws -> String {
      var vocabulary = EmbeddedVocabulary(model: "gpt2", tokens: [])
      vocabulary.huggingFaceJSON = Array(text.utf8)
      return try Tokenizer(vocabulary: vocabulary).identity
    }
    let original = try identity(text)
    #expect(original.count == 64)
    #expect(
      try identity(text.replacing(#""trim_offsets":true"#, with: #""trim_offsets":false"#))
        == original)
    #expect(
      try identity(
        text.replacing(#""individual_digits":true"#, with: #""individual_digits":false"#))
        != original)
  }

  @Test("says that a folder holds no tokenizer, with exit status 66")
  func missing() {
    let error = #expect(throws: TokenizerError.self) {
      try Tokenizer.load(folder: "/nonexistent")
    }
    #expect(error?.exitStatus == .missingInput)
  }
}
