/// An embedded vocabulary whose parts fit together.
///
/// What would change ids is refused. What no text needs (a padding id beyond the vocabulary, a type
/// that nobody has defined) is left out, and a warning says so: llama.cpp does the same.
struct CheckedVocabulary {
  /// What is left, to read from.
  private(set) var vocabulary: EmbeddedVocabulary
  private(set) var warnings: [String] = []
  /// The BOS and EOS ids that are beyond the vocabulary, to refuse where they are needed.
  private var missing: [String: Int] = [:]
  let source: String

  init(_ vocabulary: EmbeddedVocabulary, source: String) throws(TokenizerError) {
    self.vocabulary = vocabulary
    self.source = source
    guard ["gpt2", "llama"].contains(vocabulary.model) else {
      throw .unsupported(
        file: source, field: "tokenizer.ggml.model",
        found: TokenizerError.excerpt(vocabulary.model.utf8), supported: "gpt2, llama")
    }
    let count = vocabulary.tokens.count
    guard count > 0, count <= TokenTable.largestIdentifierLimit else {
      throw wrong("tokens", "1 to \(TokenTable.largestIdentifierLimit) tokens", "\(count)")
    }
    for (index, token) in vocabulary.tokens.enumerated() where !UTF8Text.isValid(token.span) {
      throw wrong("tokens[\(index)]", "UTF-8", TokenizerError.excerpt(token))
    }
    try checkScores(count)
    try checkTypes(count)
    checkEmptyTokens()
    checkSpecialTokens(count)
  }

  /// The id of BOS or EOS, which every text needs.
  ///
  /// - Throws: when the file names one that the vocabulary has not.
  func needed(_ name: String, _ id: Int?) throws(TokenizerError) -> Int? {
    if let found = missing[name] {
      throw wrong(
        "\(name)_token_id", "an id below \(vocabulary.tokens.count), as every text needs it",
        "\(found)")
    }
    return id
  }

  func wrong(_ field: String, _ expected: String, _ found: String) -> TokenizerError {
    .wrongField(
      file: source, field: "tokenizer.ggml.\(field)", expected: expected, found: found)
  }

  // MARK: - Private

  private func checkScores(_ count: Int) throws(TokenizerError) {
    // Byte-level vocabularies have no use for scores.
    guard vocabulary.model == "llama", let scores = vocabulary.scores else { return }
    guard scores.count == count else { throw wrong("scores", "\(count)", "\(scores.count)") }
    guard scores.allSatisfy({ !$0.isNaN }) else {
      throw wrong("scores", "numbers", "a value that is none")
    }
  }

  private mutating func checkTypes(_ count: Int) throws(TokenizerError) {
    guard let types = vocabulary.tokenTypes else { return }
    guard types.count == count else { throw wrong("token_type", "\(count)", "\(types.count)") }
    let undefined = types.indices.filter { types[$0] < 0 || types[$0] > 6 }
    guard let first = undefined.first else { return }
    for id in undefined { vocabulary.tokenTypes?[id] = EmbeddedTokens.normal }
    warn(
      "token_type: expected types from 0 to 6, found \(types[first])"
        + Self.more(undefined.count) + "; read as normal")
  }

  private mutating func checkEmptyTokens() {
    let empty = vocabulary.tokens.indices.filter { vocabulary.tokens[$0].isEmpty }
    guard let first = empty.first else { return }
    warn("tokens[\(first)] is empty" + Self.more(empty.count) + "; no text has it")
  }

  private mutating func checkSpecialTokens(_ count: Int) {
    for (name, field) in [
      ("bos", \EmbeddedVocabulary.bosID), ("eos", \.eosID), ("unknown", \.unknownID),
      ("padding", \.paddingID), ("seperator", \.separatorID), ("mask", \.maskID),
    ] {
      guard let id = vocabulary[keyPath: field], id < 0 || id >= count else { continue }
      vocabulary[keyPath: field] = nil
      // −1, unsigned or not, is how llama.cpp writes that there is none.
      if id == -1 || id == 0xFFFF_FFFF { continue }
      var instead = "none"
      if let standard = standardID(name) {
        vocabulary[keyPath: field] = standard
        instead = "\(standard)"
      } else if name == "bos" || name == "eos" {
        missing[name] = id
      }
      warn("\(name)_token_id: expected an id below \(count), found \(id); \(instead) is taken")
    }
  }

  /// What llama.cpp falls back to: the ids that SentencePiece's trainer gives.
  private func standardID(_ name: String) -> Int? {
    guard vocabulary.model == "llama", let id = ["bos": 1, "eos": 2][name],
      let types = vocabulary.tokenTypes, id < types.count, types[id] == EmbeddedTokens.control
    else { return nil }
    return id
  }

  private mutating func warn(_ text: String) {
    warnings.append("tokenizer.ggml.\(text)")
  }

  private static func more(_ count: Int) -> String {
    count > 1 ? " (and \(count - 1) more)" : ""
  }
}
