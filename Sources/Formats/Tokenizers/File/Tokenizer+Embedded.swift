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
    let checked = try CheckedVocabulary(vocabulary, source: source)
    try self.init(
      vocabulary.model == "gpt2"
        ? try ByteLevelVocabulary(checked).definition() : try PieceVocabulary(checked).definition())
  }
}

/// A GGUF vocabulary of the kind "gpt2": byte-level BPE.
struct ByteLevelVocabulary {
  private let checked: CheckedVocabulary
  private var vocabulary: EmbeddedVocabulary { checked.vocabulary }
  private var source: String { checked.source }

  init(_ checked: CheckedVocabulary) {
    self.checked = checked
  }

  /// What `tokenizer.ggml.pre` stands for; without it, a guess and the warning that it is one.
  ///
  /// - Parameter tokens: the vocabulary.
  static func recipe(
    of vocabulary: EmbeddedVocabulary, tokens: TokenTable, source: String
  ) throws(TokenizerError) -> (recipe: PreTokenizerRecipe, warning: String?) {
    guard let name = vocabulary.pre, name != "default", !name.isEmpty else {
      let guess = PreTokenizerGuess(vocabulary, tokens: tokens)
      let found = vocabulary.pre.map { "is \"\($0)\"" } ?? "is not there"
      return (
        guess.recipe,
        "tokenizer.ggml.pre \(found): text is cut by \(guess.recipe.title)'s pattern, "
          + "\(guess.reason); --tokenizer names the model's own tokenizer"
      )
    }
    guard let recipe = PreTokenizerRecipe(name: name) else {
      throw .unsupported(
        file: source, field: "tokenizer.ggml.pre", found: TokenizerError.excerpt(name.utf8),
        supported: PreTokenizerRecipe.names.joined(separator: ", "))
    }
    return (recipe, nil)
  }

  func definition() throws(TokenizerError) -> TokenizerDefinition {
    let tokens = try EmbeddedTokens(vocabulary, source: source)
    let (recipe, warning) = try Self.recipe(of: vocabulary, tokens: tokens.table, source: source)
    guard let lines = vocabulary.merges else {
      throw checked.wrong("merges", "a list", "nothing")
    }
    var reader = MergeReader(file: source, vocabulary: tokens.table)
    for line in lines { try reader.add(line) }
    let model = BytePairModel(
      unit: .byte, vocabulary: tokens.table, words: BytePairFile.byteWords(tokens.table),
      merges: reader.merges, ignoresMerges: recipe.ignoresMerges, unknownID: -1,
      fusesUnknown: false, byteFallback: false)
    let guessed = warning == nil ? "" : " (a guess)"
    var definition = TokenizerDefinition(
      source: source, summary: "byte-level BPE, \(recipe.title) pre-tokeniser\(guessed)",
      model: .bytePairs(model, PreTokenizer(steps: try recipe.steps(source: source))))
    definition.normalizer = Normalizer(steps: recipe.isComposed ? [.unicode(.nfc)] : [])
    definition.addedTokens = tokens.added
    definition.warnings = checked.warnings + [warning].compactMap { $0 }
    definition.bosID = vocabulary.bosID
    definition.eosID = vocabulary.eosID
    if vocabulary.addsBOS ?? recipe.addsBOS, let id = try checked.needed("bos", vocabulary.bosID) {
      definition.prefixIDs = [Int32(id)]
    }
    if vocabulary.addsEOS ?? false, let id = try checked.needed("eos", vocabulary.eosID) {
      definition.suffixIDs = [Int32(id)]
    }
    return definition
  }
}

/// The token list of an embedded vocabulary, as a table and as tokens to look for in the text.
struct EmbeddedTokens {
  private(set) var table: TokenTable
  /// Unknown, control and user-defined tokens.
  private(set) var added: [AddedToken] = []

  static let normal: Int32 = 1
  static let unknown: Int32 = 2
  static let control: Int32 = 3
  static let userDefined: Int32 = 4
  static let unused: Int32 = 5

  init(_ vocabulary: EmbeddedVocabulary, source: String) throws(TokenizerError) {
    table = TokenTable(byteCount: vocabulary.tokens.count * 16)
    for (id, token) in vocabulary.tokens.enumerated() where !token.isEmpty {
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
    }
    for id in vocabulary.tokens.indices {
      let type = vocabulary.tokenTypes?[id] ?? Self.type(of: id, in: vocabulary)
      if let token = try Self.added(id, type, vocabulary, source: source) { added.append(token) }
    }
  }

  /// What a token without a type is: the file's special tokens are spelled by no text otherwise.
  private static func type(of id: Int, in vocabulary: EmbeddedVocabulary) -> Int32 {
    let isSpecial = [vocabulary.bosID, vocabulary.eosID, vocabulary.paddingID].contains(id)
    // One character is a character, whatever it is used for.
    return isSpecial && vocabulary.tokens[id].count > 2 ? control : normal
  }

  /// The token as one to look for in the text, if it is.
  static func added(
    _ id: Int, _ type: Int32, _ vocabulary: EmbeddedVocabulary, source: String
  ) throws(TokenizerError) -> AddedToken? {
    let token = vocabulary.tokens[id]
    guard [unknown, control, userDefined].contains(type), !token.isEmpty else { return nil }
    guard token.count <= AddedTokenMatcher.lengthLimit else {
      throw .limitExceeded(
        file: source, field: "tokenizer.ggml.tokens[\(id)] (bytes)", found: token.count,
        limit: AddedTokenMatcher.lengthLimit)
    }
    return AddedToken(content: token, id: Int32(id), isSpecial: type != userDefined)
  }
}
