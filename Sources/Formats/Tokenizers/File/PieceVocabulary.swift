/// A GGUF vocabulary of the kind "llama": SentencePiece's byte pairs by score.
///
/// Unknown, control and user-defined tokens are found in the text itself, and what stands after one
/// is a text of its own, with its own space before it (llama.cpp, `llama_vocab::impl::tokenize`).
struct PieceVocabulary {
  private let checked: CheckedVocabulary
  private var vocabulary: EmbeddedVocabulary { checked.vocabulary }
  private var source: String { checked.source }

  init(_ checked: CheckedVocabulary) {
    self.checked = checked
  }

  func definition() throws(TokenizerError) -> TokenizerDefinition {
    guard let scores = vocabulary.scores, let types = vocabulary.tokenTypes else {
      throw checked.wrong("scores", "scores and token_type", "less")
    }
    var list = SentencePieceList(byteCount: vocabulary.tokens.count * 16)
    var hasBytes = false
    var added: [AddedToken] = []
    for (id, token) in vocabulary.tokens.enumerated() {
      // A model without an unknown piece of its own names one.
      let isUnknown = id == vocabulary.unknownID && !types.contains(EmbeddedTokens.unknown)
      let type = isUnknown ? EmbeddedTokens.unknown : max(EmbeddedTokens.normal, types[id])
      guard !token.isEmpty else {
        list.appendEmpty()
        continue
      }
      try list.append(token, score: scores[id], type: Int(Self.kind(type)), file: source)
      hasBytes = hasBytes || type == 6
      if let token = try EmbeddedTokens.added(id, type, vocabulary, source: source) {
        added.append(token)
      }
    }
    let addsPrefix = vocabulary.addsSpacePrefix ?? true
    let normalizer = SentencePieceNormalizer(
      rules: nil, addsDummyPrefix: addsPrefix, removesExtraSpaces: false)
    let model = try SentencePieceModel(
      list, isUnigram: false, byteFallback: hasBytes, normalizer: normalizer, file: source)
    var definition = TokenizerDefinition(
      source: source, summary: "SentencePiece BPE", model: .sentencePieces(model))
    definition.addedTokens = added
    definition.warnings = checked.warnings
    definition.bosID = vocabulary.bosID
    definition.eosID = vocabulary.eosID
    definition.dropsLeadingSpace = addsPrefix
    if vocabulary.addsBOS ?? true, let id = try checked.needed("bos", vocabulary.bosID) {
      definition.prefixIDs = [Int32(id)]
    }
    if vocabulary.addsEOS ?? false, let id = try checked.needed("eos", vocabulary.eosID) {
      definition.suffixIDs = [Int32(id)]
    }
    return definition
  }

  /// What a token is for the merges: llama.cpp joins user-defined and unused ones like any other.
  private static func kind(_ type: Int32) -> Int32 {
    type == EmbeddedTokens.userDefined || type == EmbeddedTokens.unused
      ? EmbeddedTokens.normal : type
  }
}
