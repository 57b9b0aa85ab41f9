import Foundation
import Testing
import Tokenizers

/// What Tests/Fixtures/generate_embedded_tokenizers.py makes.
private struct EmbeddedFixture: Decodable {
  struct Vocabulary: Decodable {
    var model: String
    var tokens: [String]
    var types: [Int32]
    var scores: [Float]?
    var merges: [String]?
    var bos: Int?
    var eos: Int?
    var unknown: Int?

    /// As a GGUF file carries it.
    func embedded(pre: String? = nil) -> EmbeddedVocabulary {
      var result = EmbeddedVocabulary(
        model: model, pre: pre, tokens: tokens.map { Array($0.utf8) })
      result.tokenTypes = types
      result.scores = scores
      result.merges = merges?.map { Array($0.utf8) }
      (result.bosID, result.eosID, result.unknownID) = (bos, eos, unknown)
      return result
    }
  }

  struct Sample: Decodable {
    var vocabulary: Vocabulary
    var texts: [String]
    var ids: [[Int32]]
  }

  struct Named: Decodable {
    var vocabulary: Vocabulary
    var texts: [String]
    var ids: [String: [[Int32]]]
  }

  struct Learned: Decodable {
    var name: String
    var vocabulary: Vocabulary
    var texts: [String]
    var ids: [[Int32]]
  }

  var pieces: Sample
  var named: Named
  var learned: [Learned]

  static func load() throws -> EmbeddedFixture {
    let path = TokenizerFixtures.folder + "/../embedded_tokenizers.json"
    return try JSONDecoder().decode(Self.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }

  static func differences(
    _ tokenizer: Tokenizer, _ texts: [String], _ ids: [[Int32]]
  ) -> [String] {
    zip(texts, ids).compactMap { text, ids in
      let found = tokenizer.encode(Array(text.utf8))
      return found == ids ? nil : "\(text.debugDescription): expected \(ids), found \(found)"
    }
  }
}

@Suite("Embedded tokenizers")
struct EmbeddedTokenizerTests {
  @Test("finds unknown, control and user-defined pieces in the text, a text of its own after each")
  func pieces() throws {
    let sample = try EmbeddedFixture.load().pieces
    let tokenizer = try Tokenizer(vocabulary: sample.vocabulary.embedded())
    let differences = EmbeddedFixture.differences(tokenizer, sample.texts, sample.ids)
    #expect(differences.isEmpty, "\(differences.count): \(differences.prefix(3))")
    #expect(tokenizer.warnings.isEmpty)
  }

  @Test("cuts text as each name of a pre-tokeniser says")
  func names() throws {
    let named = try EmbeddedFixture.load().named
    #expect(named.ids.count > 20)
    for (name, ids) in named.ids where name != "default" {
      let tokenizer = try Tokenizer(vocabulary: Self.without(named.vocabulary, pre: name))
      let differences = EmbeddedFixture.differences(tokenizer, named.texts, ids)
      #expect(differences.isEmpty, "\(name): \(differences.count): \(differences.prefix(2))")
      #expect(tokenizer.warnings.isEmpty)
    }
  }

  @Test(
    "takes llama.cpp's own pattern, and warns, where nothing speaks for another",
    arguments: [
      nil, "default",
    ])
  func fallsBack(pre: String?) throws {
    let named = try EmbeddedFixture.load().named
    let tokenizer = try Tokenizer(vocabulary: Self.without(named.vocabulary, pre: pre))
    let ids = try #require(named.ids["default"])
    let differences = EmbeddedFixture.differences(tokenizer, named.texts, ids)
    #expect(differences.isEmpty, "\(differences.count): \(differences.prefix(3))")
    #expect(tokenizer.warnings.count == 1)
    #expect(tokenizer.warnings.allSatisfy { $0.contains("tokenizer.ggml.pre") })
    #expect(tokenizer.warnings.allSatisfy { $0.contains("--tokenizer") })
    #expect(tokenizer.description.contains("a guess"))
  }

  @Test("settles a pattern that the file does not name by the merges learned under it")
  func byMerges() throws {
    for learned in try EmbeddedFixture.load().learned {
      let tokenizer = try Tokenizer(vocabulary: learned.vocabulary.embedded())
      let differences = EmbeddedFixture.differences(tokenizer, learned.texts, learned.ids)
      #expect(
        differences.isEmpty,
        "\(learned.name): \(tokenizer.description): \(differences.prefix(2))")
      #expect(tokenizer.warnings.count == 1)
    }
  }

  @Test("settles it by the architecture and by tokens that one family has")
  func byNames() throws {
    let fixture = try EmbeddedFixture.load()
    func ids(_ name: String) throws -> [[Int32]] { try #require(fixture.named.ids[name]) }
    var vocabulary = Self.without(fixture.named.vocabulary, pre: nil)
    vocabulary.architecture = "qwen2"
    let qwen2 = try Tokenizer(vocabulary: vocabulary)
    #expect(try EmbeddedFixture.differences(qwen2, fixture.named.texts, ids("qwen2")).isEmpty)
    vocabulary.architecture = "llama"
    for name in ["<|begin_of_text|>", "<|eot_id|>"] {
      vocabulary.tokens.append(Array(name.utf8))
      vocabulary.tokenTypes?.append(3)
    }
    let llama3 = try Tokenizer(vocabulary: vocabulary)
    #expect(try EmbeddedFixture.differences(llama3, fixture.named.texts, ids("llama-bpe")).isEmpty)
    // LLaMA 3 begins a text with BOS unless the file says otherwise.
    vocabulary.bosID = vocabulary.tokens.count - 2
    #expect(
      try Tokenizer(vocabulary: vocabulary).encode([]) == [Int32(vocabulary.tokens.count - 2)])
  }

  @Test("says which names it knows of one that it does not")
  func unknownName() throws {
    let vocabulary = Self.without(try EmbeddedFixture.load().named.vocabulary, pre: "unheard-of")
    let error = #expect(throws: TokenizerError.self) { try Tokenizer(vocabulary: vocabulary) }
    #expect(error?.description.contains("deepseek-r1-qwen") == true)
  }

  @Test("goes on without special ids beyond the vocabulary, and says so, unless a text needs them")
  func specialIDs() throws {
    let sample = try EmbeddedFixture.load().pieces
    let original = sample.vocabulary.embedded()
    let count = original.tokens.count
    let expected = sample.ids
    for field in [
      \EmbeddedVocabulary.unknownID, \.paddingID, \.eosID, \.bosID, \.maskID, \.separatorID,
    ] {
      var vocabulary = original
      vocabulary[keyPath: field] = count
      // BOS and EOS fall back to those of SentencePiece's trainer, as in llama.cpp.
      let tokenizer = try Tokenizer(vocabulary: vocabulary)
      #expect(EmbeddedFixture.differences(tokenizer, sample.texts, expected).isEmpty)
      #expect(tokenizer.warnings.count == 1)
      vocabulary[keyPath: field] = -1
      let silent = try Tokenizer(vocabulary: vocabulary)
      #expect(silent.warnings.isEmpty)
    }
    // Where there is nothing to fall back to, a text that begins with BOS cannot be made.
    var byteLevel = Self.without(try EmbeddedFixture.load().named.vocabulary, pre: "gpt-2")
    byteLevel.bosID = byteLevel.tokens.count
    #expect(try Tokenizer(vocabulary: byteLevel).warnings.count == 1)
    byteLevel.addsBOS = true
    #expect(throws: TokenizerError.self) { try Tokenizer(vocabulary: byteLevel) }
  }

  @Test(
    "leaves out empty tokens, types that nobody has defined, and byte pieces that UTF-8 has not")
  func needless() throws {
    let sample = try EmbeddedFixture.load().pieces
    var vocabulary = sample.vocabulary.embedded()
    vocabulary.tokens += [[], []]
    vocabulary.scores? += [0, 0]
    vocabulary.tokenTypes? += [1, 3]
    let byte = try #require(vocabulary.tokens.firstIndex(of: Array("<0xFF>".utf8)))
    vocabulary.tokens[byte] = Array("<reserved>".utf8)
    vocabulary.tokenTypes?[byte] = 7
    let tokenizer = try Tokenizer(vocabulary: vocabulary)
    #expect(EmbeddedFixture.differences(tokenizer, sample.texts, sample.ids).isEmpty)
    #expect(tokenizer.warnings.count == 2)
    vocabulary.tokens[byte - 0x10] = Array("<reserved 2>".utf8)
    vocabulary.tokenTypes?[byte - 0x10] = 5
    #expect(throws: TokenizerError.self, "0xEF begins characters") {
      try Tokenizer(vocabulary: vocabulary)
    }
  }

  @Test("writes both kinds of vocabulary as a tokenizer.json with the same ids")
  func huggingFaceFiles() throws {
    let fixture = try EmbeddedFixture.load()
    var vocabularies = [fixture.pieces.vocabulary.embedded()]
    for name in fixture.named.ids.keys {
      vocabularies.append(Self.without(fixture.named.vocabulary, pre: name))
    }
    for var vocabulary in vocabularies {
      vocabulary.paddingID = 2
      vocabulary.chatTemplates = [.init(name: "default", template: "{{ \"é\\n\" }}")]
      let tokenizer = try Tokenizer(vocabulary: vocabulary)
      let files = try vocabulary.huggingFaceFiles()
      var written = EmbeddedVocabulary(model: "gpt2", tokens: [])
      written.huggingFaceJSON = files["tokenizer.json"]
      #expect(written.huggingFaceJSON != nil)
      let again = try Tokenizer(vocabulary: written)
      for text in fixture.pieces.texts + fixture.named.texts {
        let (found, expected) = (
          again.encode(Array(text.utf8)), tokenizer.encode(Array(text.utf8))
        )
        #expect(found == expected, "\(tokenizer.description): \(text.debugDescription)")
      }
      let configuration = try JSONDecoder().decode(
        Configuration.self, from: Data(try #require(files["tokenizer_config.json"])))
      #expect(configuration.pad_token == "</s>")
      #expect(configuration.chat_template == "{{ \"é\\n\" }}")
      #expect(configuration.model_input_names == ["input_ids", "attention_mask"])
      #expect(vocabulary.generationConfiguration != nil)
    }
  }

  private struct Configuration: Decodable {
    var pad_token: String
    var chat_template: String
    var model_input_names: [String]
  }

  /// The vocabulary without BOS, which some names put before a text.
  private static func without(
    _ vocabulary: EmbeddedFixture.Vocabulary, pre: String?
  ) -> EmbeddedVocabulary {
    var result = vocabulary.embedded(pre: pre)
    result.bosID = nil
    return result
  }
}
