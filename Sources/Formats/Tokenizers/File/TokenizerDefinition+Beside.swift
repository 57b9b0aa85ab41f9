extension TokenizerDefinition {
  /// Adds the tokens that the files beside the tokenizer name, as transformers does.
  ///
  /// - Parameters:
  ///   - beside: what the files say.
  ///   - pieces: the tokens that the tokenizer itself marks, if it is of the kind that does: they
  ///     stand where the files name no extra ones.
  /// - Throws: `TokenizerError` for a token that is too long or beyond every vocabulary.
  mutating func add(
    _ beside: TokensBeside, pieces: [TokensBeside.Entry]? = nil
  ) throws(TokenizerError) {
    let present = addedTokens
    var listed = beside.listed
    // With added_tokens.json, an id that both name is the tokenizer's own.
    if !beside.hasDecoder {
      let own = Set(present.map { Int($0.id) })
      listed.removeAll { entry in entry.id.map { own.contains($0) } ?? false }
    }
    let byContent = Dictionary(
      (beside.listed + (beside.hasDecoder ? [] : present.map { TokensBeside.Entry($0) })).map {
        ($0.content, $0)
      }, uniquingKeysWith: { _, last in last })
    let known = Set(present.map(\.content)).union(listed.map(\.content))
    let names = Set(beside.named.map(\.entry.content))
    var tokens = listed
    // A token that is named twice is read as it is named last; a bare text twice is one.
    var bare: Set<[UInt8]> = []
    for entry in beside.named.map({ byContent[$0.entry.content] ?? $0.entry })
      + (beside.extra ?? pieces ?? beside.additional ?? [])
    where !known.contains(entry.content) && (!entry.isBare || bare.insert(entry.content).inserted) {
      tokens.append(entry)
    }
    for index in tokens.indices where names.contains(tokens[index].content) {
      tokens[index].isSpecial = true
    }
    try add(tokens)
    splitsSpecialTokens = beside.splitsSpecialTokens
  }

  /// Adds tokens: one that the vocabulary has keeps its id, another gets the next one. A token that
  /// was added before is read as it is named last.
  private mutating func add(_ tokens: [TokensBeside.Entry]) throws(TokenizerError) {
    var places = Dictionary(
      uniqueKeysWithValues: addedTokens.enumerated().map { ($1.content, $0) })
    var next = max(vocabularyCount, Int(addedTokens.map(\.id).max() ?? -1) + 1)
    var moved: [String] = []
    for entry in tokens where !entry.content.isEmpty {
      let name = TokenizerError.excerpt(entry.content)
      guard entry.content.count <= AddedTokenMatcher.lengthLimit else {
        throw .limitExceeded(
          file: source, field: "the added token \(name) (bytes)", found: entry.content.count,
          limit: AddedTokenMatcher.lengthLimit)
      }
      let place = places[entry.content]
      let id = place.map { Int(addedTokens[$0].id) } ?? vocabularyID(of: entry.content) ?? next
      if id == next { next += 1 }
      guard id < TokenTable.largestIdentifierLimit else {
        throw .identifierOutOfRange(
          file: source, token: name, id: id, limit: TokenTable.largestIdentifierLimit)
      }
      if let stated = entry.id, stated != id { moved.append("\(name) (\(stated)) is \(id)") }
      let token = AddedToken(
        content: entry.content, id: Int32(id), isSingleWord: entry.isSingleWord,
        stripsLeft: entry.stripsLeft, stripsRight: entry.stripsRight,
        isNormalized: entry.isNormalized ?? !entry.isSpecial,
        // Once special, always special.
        isSpecial: entry.isSpecial || place.map { addedTokens[$0].isSpecial } ?? false)
      if let place {
        addedTokens[place] = token
      } else {
        places[entry.content] = addedTokens.count
        addedTokens.append(token)
      }
    }
    guard let first = moved.first else { return }
    warnings.append(
      "added tokens whose stated id is not the one that transformers gives them: \(first)"
        + (moved.count > 1 ? " (and \(moved.count - 1) more)" : ""))
  }

  private var vocabularyCount: Int {
    switch model {
    case .bytePairs(let model, _): model.vocabulary.count
    case .sentencePieces(let model): model.pieceCount
    }
  }

  private func vocabularyID(of token: [UInt8]) -> Int? {
    switch model {
    case .bytePairs(let model, _): model.vocabulary.id(of: token)
    case .sentencePieces(let model): model.pieces.id(of: token)
    }
  }

  /// The id of a token by its text.
  func id(of token: [UInt8]) -> Int? {
    addedTokens.first { $0.content == token }.map { Int($0.id) } ?? vocabularyID(of: token)
  }
}
