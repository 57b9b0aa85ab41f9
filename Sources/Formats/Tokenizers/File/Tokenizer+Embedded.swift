extension Tokenizer {
  /// The tokenizer of a vocabulary that a checkpoint carries.
  ///
  /// `huggingFaceJSON` decides alone when it is there.
  /// - Throws: `TokenizerError` when the parts do not fit together or are not ones that we know.
  public convenience init(vocabulary: EmbeddedVocabulary) throws {
    let source = "vocabulary in the checkpoint"
    if let json = vocabulary.huggingFaceJSON {
      var definition = try TokenizerFile(json, file: source).definition()
      definition.bosID = vocabulary.bosID ?? definition.bosID
      definition.eosID = vocabulary.eosID ?? definition.eosID
      try self.init(definition)
      return
    }
    try EmbeddedVocabularyCheck(vocabulary, source: source).check()
    switch vocabulary.model {
    case "gpt2": try self.init(try ByteLevelVocabulary(vocabulary, source: source).definition())
    case "llama": try self.init(try PieceVocabulary(vocabulary, source: source).definition())
    default:
      throw TokenizerError.unsupported(
        file: source, field: "tokenizer.ggml.model",
        found: TokenizerError.excerpt(vocabulary.model.utf8), supported: "gpt2, llama")
    }
  }
}

/// Checks that the lists of an embedded vocabulary fit together.
struct EmbeddedVocabularyCheck {
  let vocabulary: EmbeddedVocabulary
  let source: String

  init(_ vocabulary: EmbeddedVocabulary, source: String) {
    self.vocabulary = vocabulary
    self.source = source
  }

  func check() throws(TokenizerError) {
    let count = vocabulary.tokens.count
    guard count > 0, count <= TokenTable.largestIdentifierLimit else {
      throw wrong("tokens", "1 to \(TokenTable.largestIdentifierLimit) tokens", "\(count)")
    }
    if let scores = vocabulary.scores {
      guard scores.count == count else { throw wrong("scores", "\(count)", "\(scores.count)") }
      guard scores.allSatisfy({ !$0.isNaN }) else {
        throw wrong("scores", "numbers", "a value that is none")
      }
    }
    if let types = vocabulary.tokenTypes {
      guard types.count == count else { throw wrong("token_type", "\(count)", "\(types.count)") }
      if let type = types.first(where: { $0 < 0 || $0 > 6 }) {
        throw wrong("token_type", "types from 0 to 6", "\(type)")
      }
    }
    for (name, id) in [
      ("bos_token_id", vocabulary.bosID), ("eos_token_id", vocabulary.eosID),
      ("unknown_token_id", vocabulary.unknownID),
    ] {
      if let id, id < 0 || id >= count { throw wrong(name, "an id below \(count)", "\(id)") }
    }
    for (index, token) in vocabulary.tokens.enumerated() where !UTF8Text.isValid(token.span) {
      throw wrong("tokens[\(index)]", "UTF-8", TokenizerError.excerpt(token))
    }
  }

  func wrong(_ field: String, _ expected: String, _ found: String) -> TokenizerError {
    .wrongField(
      file: source, field: "tokenizer.ggml.\(field)", expected: expected, found: found)
  }
}

/// A GGUF vocabulary of the kind "gpt2": byte-level BPE.
struct ByteLevelVocabulary {
  private let vocabulary: EmbeddedVocabulary
  private let source: String

  init(_ vocabulary: EmbeddedVocabulary, source: String) {
    self.vocabulary = vocabulary
    self.source = source
  }

  /// What a name of a pre-tokeniser stands for.
  private struct Recipe {
    var summary: String
    var normalizer: [Normalizer.Step] = []
    var steps: [PreTokenizer.Step]
    var ignoresMerges = false
    var addsBOS = false
  }

  private static let names =
    "gpt-2, default, smollm, starcoder, refact, command-r, codeshell, qwen2, llama-bpe, llama3, "
    + "llama-v3"

  private func recipe() throws(TokenizerError) -> Recipe {
    switch vocabulary.pre {
    case nil, "default", "gpt-2":
      Recipe(summary: "byte-level BPE, GPT-2 pre-tokeniser", steps: [.pattern(.gpt2)])
    case "smollm", "starcoder", "refact", "command-r", "codeshell":
      Recipe(
        summary: "byte-level BPE, SmolLM pre-tokeniser",
        steps: [.digits(individual: true), .pattern(.gpt2)])
    case "qwen2":
      Recipe(
        summary: "byte-level BPE, Qwen 2 pre-tokeniser", normalizer: [.unicode(.nfc)],
        steps: [.pattern(.qwen2)])
    case "llama-bpe", "llama3", "llama-v3":
      Recipe(
        summary: "byte-level BPE, LLaMA 3 pre-tokeniser", steps: [.pattern(.llama3)],
        ignoresMerges: true, addsBOS: true)
    case .some(let name):
      throw .unsupported(
        file: source, field: "tokenizer.ggml.pre", found: TokenizerError.excerpt(name.utf8),
        supported: Self.names)
    }
  }

  func definition() throws(TokenizerError) -> TokenizerDefinition {
    let recipe = try recipe()
    let tokens = try EmbeddedTokens(vocabulary, source: source)
    guard let lines = vocabulary.merges else {
      throw .wrongField(
        file: source, field: "tokenizer.ggml.merges", expected: "a list", found: "nothing")
    }
    var reader = MergeReader(file: source, vocabulary: tokens.table)
    for line in lines { try reader.add(line) }
    let model = BytePairModel(
      unit: .byte, vocabulary: tokens.table, words: BytePairFile.byteWords(tokens.table),
      merges: reader.merges, ignoresMerges: recipe.ignoresMerges, unknownID: -1,
      fusesUnknown: false, byteFallback: false)
    var definition = TokenizerDefinition(
      source: source, summary: recipe.summary,
      model: .bytePairs(model, PreTokenizer(steps: recipe.steps)))
    definition.normalizer = Normalizer(steps: recipe.normalizer)
    definition.addedTokens = tokens.added
    definition.bosID = vocabulary.bosID
    definition.eosID = vocabulary.eosID
    if vocabulary.addsBOS ?? recipe.addsBOS, let id = vocabulary.bosID {
      definition.prefixIDs = [Int32(id)]
    }
    if vocabulary.addsEOS ?? false, let id = vocabulary.eosID {
      definition.suffixIDs = [Int32(id)]
    }
    return definition
  }
}

/// The token list of an embedded vocabulary, as a table and as tokens to look for in the text.
struct EmbeddedTokens {
  private(set) var table: TokenTable
  /// Control and user-defined tokens.
  private(set) var added: [AddedToken] = []

  static let control: Int32 = 3
  static let userDefined: Int32 = 4

  init(_ vocabulary: EmbeddedVocabulary, source: String) throws(TokenizerError) {
    table = TokenTable(byteCount: vocabulary.tokens.count * 16)
    for (id, token) in vocabulary.tokens.enumerated() {
      let name = TokenizerError.excerpt(token)
      switch table.insert(token, id: id) {
      case .inserted: break
      case .duplicateToken: throw .duplicateToken(file: source, token: name)
      case .duplicateIdentifier:
        throw .duplicateIdentifier(file: source, token: name, id: id)
      case .identifierOutOfRange:
        throw .identifierOutOfRange(
          file: source, token: name, id: id, limit: table.identifierLimit)
      }
      let type = vocabulary.tokenTypes?[id]
      guard type == Self.control || type == Self.userDefined, !token.isEmpty else { continue }
      guard token.count <= AddedTokenMatcher.lengthLimit else {
        throw .limitExceeded(
          file: source, field: "tokenizer.ggml.tokens[\(id)] (bytes)", found: token.count,
          limit: AddedTokenMatcher.lengthLimit)
      }
      added.append(
        AddedToken(content: token, id: Int32(id), isSpecial: type == Self.control))
    }
  }
}

/// A GGUF vocabulary of the kind "llama": SentencePiece's byte pairs by score.
struct PieceVocabulary {
  private let vocabulary: EmbeddedVocabulary
  private let source: String

  init(_ vocabulary: EmbeddedVocabulary, source: String) {
    self.vocabulary = vocabulary
    self.source = source
  }

  func definition() throws(TokenizerError) -> TokenizerDefinition {
    guard let scores = vocabulary.scores, let types = vocabulary.tokenTypes else {
      throw .wrongField(
        file: source, field: "tokenizer.ggml.scores", expected: "scores and token_type",
        found: "less")
    }
    var list = SentencePieceList(byteCount: vocabulary.tokens.count * 16)
    var hasBytes = false
    var added: [AddedToken] = []
    for (id, token) in vocabulary.tokens.enumerated() {
      // A model without an unknown piece of its own names one.
      let isUnknown = id == vocabulary.unknownID && !types.contains(2)
      let type = isUnknown ? 2 : max(1, types[id])
      try list.append(token, score: scores[id], type: Int(type), file: source)
      hasBytes = hasBytes || type == 6
      if type == EmbeddedTokens.control { added.append(AddedToken(content: token, id: Int32(id))) }
    }
    let normalizer = SentencePieceNormalizer(
      rules: nil, addsDummyPrefix: vocabulary.addsSpacePrefix ?? true, removesExtraSpaces: false)
    let model = try SentencePieceModel(
      list, isUnigram: false, byteFallback: hasBytes, normalizer: normalizer, file: source)
    var definition = TokenizerDefinition(
      source: source, summary: "SentencePiece BPE", model: .sentencePieces(model))
    definition.addedTokens = added
    definition.bosID = vocabulary.bosID
    definition.eosID = vocabulary.eosID
    definition.dropsLeadingSpace = vocabulary.addsSpacePrefix ?? true
    if vocabulary.addsBOS ?? true, let id = vocabulary.bosID {
      definition.prefixIDs = [Int32(id)]
    }
    if vocabulary.addsEOS ?? false, let id = vocabulary.eosID {
      definition.suffixIDs = [Int32(id)]
    }
    return definition
  }
}
