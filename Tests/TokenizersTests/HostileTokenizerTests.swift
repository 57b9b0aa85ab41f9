import Files
import Foundation
import Testing
import Tokenizers

/// Files that were broken on purpose: a typed error with exit status 65, or a tokenizer whose ids
/// are in range.
@Suite("Hostile tokenizers")
struct HostileTokenizerTests {
  private static let probe = Array(
    "Hello  world 123\r\n▁<s> aaaa<mask>é漢😀\u{0}'ll  <0x0A> the theme\t\t".utf8)

  /// A small tokenizer.json with every part that we read.
  static let small = """
    {"version":"1.0","truncation":null,"padding":null,"added_tokens":[\
    {"id":0,"content":"<s>","single_word":false,"lstrip":true,"rstrip":true,"normalized":false,\
    "special":true},{"id":12,"content":"<mask>","single_word":true,"lstrip":false,"rstrip":false,\
    "normalized":true,"special":false}],"normalizer":{"type":"Sequence","normalizers":[\
    {"type":"NFC"},{"type":"Replace","pattern":{"String":"x"},"content":"y"},\
    {"type":"Strip","strip_left":false,"strip_right":true},{"type":"Prepend","prepend":"e"}]},\
    "pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},\
    {"type":"Split","pattern":{"Regex":"\\\\s+(?!\\\\S)|h.l*"},"behavior":"Isolated","invert":false},\
    {"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}]},\
    "post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>",\
    "type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{"<s>":\
    {"id":"<s>","ids":[0],"tokens":["<s>"]}}},"decoder":null,"model":{"type":"BPE","dropout":null,\
    "unk_token":"<s>","continuing_subword_prefix":null,"end_of_word_suffix":null,"fuse_unk":true,\
    "byte_fallback":false,"ignore_merges":false,"vocab":{"<s>":0,"h":1,"e":2,"t":3,"th":4,"the":5,\
    "Ġ":6,"a":7,"aa":8,"l":9,"ll":10,"o":11},"merges":["t h",["th","e"],"a a","l l"]}}
    """

  /// The metaspace counterpart.
  static let smallMetaspace = """
    {"version":"1.0","added_tokens":[{"id":1,"content":"<s>","special":true,"normalized":false}],\
    "normalizer":null,"pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":\
    "first","split":false},"post_processor":null,"model":{"type":"BPE","unk_token":"<unk>",\
    "fuse_unk":true,"byte_fallback":true,"vocab":{"<unk>":0,"<s>":1,"▁":2,"h":3,"e":4,"▁h":5,\
    "<0x0A>":6,"<0xC3>":7,"<0xA9>":8,"he":9,"▁▁":10},"merges":["▁ h","h e","▁ ▁"]}}
    """

  private func check(_ load: () throws -> Tokenizer, _ label: @autoclosure () -> String) {
    do {
      let tokenizer = try load()
      let ids = tokenizer.encode(Self.probe)
      let outside = ids.first { $0 < 0 || Int($0) >= tokenizer.vocabularySize }
      if let outside { Issue.record("\(label()): id \(outside) is out of range") }
      _ = tokenizer.decode(ids)
    } catch let error as any ReportableError {
      if error.exitStatus != .badInput { Issue.record("\(label()): \(error)") }
    } catch {
      Issue.record("\(label()): \(error)")
    }
  }

  private func tokenizer(json: [UInt8]) throws -> Tokenizer {
    var vocabulary = EmbeddedVocabulary(model: "gpt2", tokens: [])
    vocabulary.huggingFaceJSON = json
    return try Tokenizer(vocabulary: vocabulary)
  }

  @Test("mutated tokenizer.json files never trap", arguments: [small, smallMetaspace])
  func mutatedJSON(text: String) throws {
    let original = Array(text.utf8)
    let valid = try tokenizer(json: original)
    #expect(!valid.encode(Self.probe).isEmpty)
    var random = SeededRandom(state: 1)
    for number in 0..<Mutation.count {
      let mutated = Mutation.json(original, &random)
      check({ try tokenizer(json: mutated) }, "mutation \(number)")
    }
  }

  @Test(
    "mutated tokenizer.model files never trap",
    arguments: ["sentencepiece_bpe", "sentencepiece_unigram", "sentencepiece_bpe_plain"])
  func mutatedModel(name: String) throws {
    let original = Array(try TokenizerFixtures.bytes("\(name).model"))
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("mohd-\(ProcessInfo.processInfo.processIdentifier)-\(name).model")
      .path
    defer { try? FileManager.default.removeItem(atPath: path) }
    var random = SeededRandom(state: 2)
    for number in 0..<(Mutation.count / 4) {
      let mutated = Mutation.binary(original, &random)
      try Data(mutated).write(to: URL(fileURLWithPath: path))
      check({ try Tokenizer.load(file: path) }, "mutation \(number)")
    }
  }

  @Test("mutated embedded vocabularies never trap", arguments: ["gpt2", "llama"])
  func mutatedVocabulary(model: String) throws {
    var random = SeededRandom(state: 3)
    let pieces = ["<unk>", "<s>", "</s>", "h", "e", "he", "▁", "▁he", "l", "ll", "Ġ", "a", "aa"]
    for number in 0..<Mutation.count {
      var vocabulary = EmbeddedVocabulary(model: model, tokens: pieces.map { Array($0.utf8) })
      vocabulary.scores = pieces.indices.map { -Float($0) }
      vocabulary.tokenTypes = [2, 3, 3] + [Int32](repeating: 1, count: pieces.count - 3)
      vocabulary.merges = ["h e", "l l", "a a"].map { Array($0.utf8) }
      vocabulary.bosID = 1
      if number > 0 { mutate(&vocabulary, &random) }
      check({ try Tokenizer(vocabulary: vocabulary) }, "mutation \(number): \(vocabulary)")
      check(
        {
          var written = EmbeddedVocabulary(model: "gpt2", tokens: [])
          written.huggingFaceJSON = try vocabulary.huggingFaceFiles()["tokenizer.json"]
          return try Tokenizer(vocabulary: written)
        }, "written mutation \(number): \(vocabulary)")
    }
  }

  private func mutate(_ vocabulary: inout EmbeddedVocabulary, _ random: inout SeededRandom) {
    func place(_ count: Int) -> Int { Int.random(in: 0..<max(1, count), using: &random) }
    let integers = [-1, 0, 1, 12, 13, 1 << 31, 1 << 40, .min, .max]
    for _ in 0..<Int.random(in: 1...3, using: &random) {
      let typeCount = vocabulary.tokenTypes?.count ?? 0
      let scoreCount = vocabulary.scores?.count ?? 0
      switch Int.random(in: 0..<11, using: &random) {
      case 0: vocabulary.bosID = integers[place(integers.count)]
      case 1: vocabulary.unknownID = integers[place(integers.count)]
      case 2:
        vocabulary.tokenTypes?[place(typeCount)] =
          [-1, 0, 2, 3, 4, 5, 6, 7, .max][place(9)]
      case 3 where scoreCount > 0:
        vocabulary.scores?[place(scoreCount)] =
          [.nan, .infinity, -.infinity, 0, 1e38][place(5)]
      case 4: vocabulary.scores?.removeLast(min(scoreCount, place(4)))
      case 5:
        vocabulary.merges?.append(Array(["e h", "x y", "", " ", "a", "a a a"][place(6)].utf8))
      case 6:
        let tokens: [[UInt8]] = [
          [], [0xFF], Array("<0x-1>".utf8), Array("<0x0A>".utf8), [0], [0x61],
        ]
        vocabulary.tokens[place(10)] = tokens[place(6)]
      case 7: vocabulary.tokens.removeLast(min(vocabulary.tokens.count - 10, 2))
      case 8: vocabulary.paddingID = integers[place(integers.count)]
      case 9: vocabulary.pre = nil
      default: vocabulary.pre = ["smollm", "qwen2", "tekken", "no such", "default"][place(5)]
      }
      if vocabulary.tokens.count < 12 { return }
    }
  }

  // MARK: Single cases

  private func expectError(
    _ old: String, _ new: String, in text: String = small, _ matches: (TokenizerError) -> Bool,
    location: SourceLocation = #_sourceLocation
  ) {
    let changed = text.replacing(old, with: new)
    #expect(changed != text, sourceLocation: location)
    do {
      _ = try tokenizer(json: Array(changed.utf8))
      Issue.record("no error", sourceLocation: location)
    } catch let error as TokenizerError {
      #expect(matches(error), "\(error)", sourceLocation: location)
      #expect(error.exitStatus == .badInput, sourceLocation: location)
    } catch {
      Issue.record("\(error)", sourceLocation: location)
    }
  }

  @Test("each way to be wrong has its error")
  func errors() {
    expectError(#""aa":8"#, #""aa":1099511627776"#) {
      if case .identifierOutOfRange = $0 { true } else { false }
    }
    expectError(#""aa":8"#, #""aa":7"#) {
      if case .duplicateIdentifier = $0 { true } else { false }
    }
    expectError(#""aa":8"#, #""aa":8,"\u0061a":13"#) {
      if case .duplicateToken = $0 { true } else { false }
    }
    expectError(#""l l""#, #""l z""#) { if case .unknownMergeToken = $0 { true } else { false } }
    expectError(#""l l""#, #""l  l""#) { if case .wrongField = $0 { true } else { false } }
    expectError(#""type":"BPE""#, #""type":"WordPiece""#) {
      if case .unsupported = $0 { true } else { false }
    }
    expectError(#""type":"NFC""#, #""type":"BertNormalizer""#) {
      $0.description.contains("NFKD")
    }
    expectError(#""type":"Digits""#, #""type":"Punctuation""#) {
      $0.description.contains("Metaspace")
    }
    expectError(#""content":"y""#, #""content":"\#(String(repeating: "y", count: 65))""#) {
      if case .limitExceeded = $0 { true } else { false }
    }
    expectError(#"h.l*"#, #"h(.l*"#) { if case .wrongField = $0 { true } else { false } }
    expectError(#""ids":[0]"#, #""ids":[99]"#) { if case .wrongField = $0 { true } else { false } }
    expectError(#""version":"1.0""#, #""version":"#) {
      if case .malformedJSON = $0 { true } else { false }
    }
    let deep = String(repeating: "[", count: 65) + String(repeating: "]", count: 65)
    expectError(#""decoder":null"#, #""decoder":\#(deep)"#) {
      if case .malformedJSON = $0 { true } else { false }
    }
  }

  @Test("an unknown token beyond the vocabulary is refused where a text may need it")
  func missingUnknown() throws {
    // Of the 256 bytes a few are tokens.
    expectError(#""unk_token":"<s>""#, #""unk_token":"<none>""#) {
      $0.description.contains("model.unk_token")
    }
    let name = "gpt2.tokenizer.json"
    let text = String(decoding: try TokenizerFixtures.bytes(name), as: UTF8.self)
    let changed = text.replacing(#""unk_token":null"#, with: #""unk_token":"<none>""#)
    #expect(changed != text)
    let tokenizer = try tokenizer(json: Array(changed.utf8))
    #expect(try TokenizerFixtures.differences(tokenizer, "gpt2").isEmpty)
    #expect(tokenizer.warnings.count == 1)
    #expect(tokenizer.warnings.first?.contains("<none>") == true)
  }

  @Test("a chain of expressions that go wrong ends soon")
  func catastrophicExpression() throws {
    let text = Self.small.replacing(#"\\s+(?!\\S)|h.l*"#, with: #"(a*)*b|(a|aa)+$|(.*)*x"#)
    let tokenizer = try tokenizer(json: Array(text.utf8))
    let start = ContinuousClock.now
    _ = tokenizer.encode([UInt8](repeating: 0x61, count: 4000))
    // Seconds only to survive a crowded machine: a pattern without limits takes ages.
    #expect(ContinuousClock.now - start < .seconds(10))
  }

  @Test("a word of two million bytes takes n log n, not n²")
  func longWord() throws {
    for name in ["gpt2", "llama2_legacy"] {
      let path = TokenizerFixtures.path("\(name).tokenizer.json")
      let tokenizer = try Tokenizer.load(file: path)
      let start = ContinuousClock.now
      let ids = tokenizer.encode([UInt8](repeating: 0x61, count: 2_000_000))
      #expect(!ids.isEmpty)
      #expect(ContinuousClock.now - start < .seconds(30))
    }
  }
}
