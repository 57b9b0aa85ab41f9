import Files

/// A tokenizer: UTF-8 text in, token ids out, and back.
///
/// The ids are those of the package `tokenizers` (`Tokenizer.encode(text).ids`) for a
/// tokenizer.json, and of `sentencepiece` for a tokenizer.model. `truncation` and `padding` of a
/// tokenizer.json are left aside, as transformers does: documents are encoded whole.
public final class Tokenizer: Sendable {
  /// One line on what this tokenizer is and where it came from.
  public let description: String
  /// SHA-256 over everything that decides the ids, whatever file it was read from.
  public let identity: String
  /// One more than the largest token id.
  public let vocabularySize: Int
  /// The id that begins a sequence, if the tokenizer's files name one.
  public let beginningOfSequenceID: Int?
  /// The id that ends a sequence, if the tokenizer's files name one.
  public let endOfSequenceID: Int?
  /// The file it was read from, for messages.
  public let source: String
  /// One line for each thing that was guessed, left out or read otherwise than the file has it.
  public let warnings: [String]

  private let definition: TokenizerDefinition
  /// Looked for in the text as it is, and in the normalised text.
  private let rawMatcher: AddedTokenMatcher
  private let normalizedMatcher: AddedTokenMatcher
  private let addedByID: [Int32: AddedToken]
  private let workspaces = WorkspacePool()

  /// A tokenizer from a definition whose parts were checked.
  init(_ definition: TokenizerDefinition) throws(TokenizerError) {
    self.definition = definition
    let spelled = definition.addedTokens.filter {
      !(definition.splitsSpecialTokens && $0.isSpecial)
    }
    let raw = spelled.filter { !$0.isNormalized }
    rawMatcher = AddedTokenMatcher(raw, patterns: raw.map(\.content))
    let normalized = spelled.filter(\.isNormalized)
    var tables = NormalizationTables()
    let patterns = normalized.map { token in
      definition.normalizer.normalize(token.content.span, 0..<token.content.count, &tables)
    }
    if let index = patterns.firstIndex(where: \.isEmpty) {
      throw .wrongField(
        file: definition.source, field: "added_tokens", expected: "a text to look for",
        found: "nothing left of \"\(TokenizerError.excerpt(normalized[index].content))\"")
    }
    let sorted = patterns.sorted { $0.lexicographicallyPrecedes($1) }
    for (one, other) in zip(sorted, sorted.dropFirst()) where one == other {
      throw .duplicateToken(file: definition.source, token: TokenizerError.excerpt(one))
    }
    normalizedMatcher = AddedTokenMatcher(normalized, patterns: patterns)
    addedByID = Dictionary(
      definition.addedTokens.map { ($0.id, $0) }, uniquingKeysWith: { _, last in last })
    let modelSize =
      switch definition.model {
      case .bytePairs(let model, _): model.vocabulary.identifierCount
      case .sentencePieces(let model): model.pieces.identifierCount
      }
    vocabularySize = max(modelSize, Int(definition.addedTokens.map(\.id).max() ?? -1) + 1)
    beginningOfSequenceID = definition.bosID
    endOfSequenceID = definition.eosID
    source = definition.source
    warnings = definition.warnings
    description =
      "\(definition.summary), \(vocabularySize) tokens (\(definition.source))"
    identity = definition.identity()
  }

  /// The warnings as one text; nil when there are none.
  public var warningText: String? {
    warnings.isEmpty ? nil : warnings.joined(separator: "; ")
  }

  /// The text of a token that is looked for in the text itself; nil for any other.
  func addedToken(_ id: Int) -> [UInt8]? {
    Int32(exactly: id).flatMap { addedByID[$0]?.content }
  }

  // MARK: Encoding

  /// The ids of a text.
  ///
  /// - Parameters:
  ///   - utf8: the text; ill-formed bytes count as U+FFFD, as Python's `errors="replace"` does.
  ///   - addSpecialTokens: whether the tokens that the tokenizer's files put before and after a
  ///     text are added. Special tokens that the text itself spells are recognised in any case.
  /// - Returns: ids from 0 to `vocabularySize` − 1.
  public func encode(_ utf8: [UInt8], addSpecialTokens: Bool = true) -> [Int32] {
    let bytes = UTF8Text.repaired(utf8)
    var ids: [Int32] = []
    ids.reserveCapacity(bytes.count / 3 + 8)
    if addSpecialTokens { ids.append(contentsOf: definition.prefixIDs) }
    workspaces.withWorkspace { workspace in
      if rawMatcher.isEmpty {
        encodeBetween(bytes.span, 0..<bytes.count, into: &ids, &workspace)
      } else {
        for piece in rawMatcher.pieces(of: bytes.span) {
          if let token = piece.token {
            ids.append(rawMatcher[token].id)
          } else {
            encodeBetween(bytes.span, piece.range, into: &ids, &workspace)
          }
        }
      }
    }
    if addSpecialTokens { ids.append(contentsOf: definition.suffixIDs) }
    return ids
  }

  /// Encodes what stands between two added tokens.
  private func encodeBetween(
    _ text: Span<UInt8>, _ range: Range<Int>, into ids: inout [Int32],
    _ workspace: inout Workspace
  ) {
    if range.isEmpty { return }
    let isFirst = range.lowerBound == 0
    guard !definition.normalizer.steps.isEmpty || !normalizedMatcher.isEmpty else {
      encodeNormalized(text, range, isFirst: isFirst, into: &ids, &workspace)
      return
    }
    let normalized = definition.normalizer.normalize(text, range, &workspace.normalization)
    guard !normalizedMatcher.isEmpty else {
      encodeNormalized(
        normalized.span, 0..<normalized.count, isFirst: isFirst, into: &ids, &workspace)
      return
    }
    for piece in normalizedMatcher.pieces(of: normalized.span) {
      if let token = piece.token {
        ids.append(normalizedMatcher[token].id)
      } else {
        encodeNormalized(
          normalized.span, piece.range, isFirst: isFirst && piece.range.lowerBound == 0,
          into: &ids, &workspace)
      }
    }
  }

  private func encodeNormalized(
    _ text: Span<UInt8>, _ range: Range<Int>, isFirst: Bool, into ids: inout [Int32],
    _ workspace: inout Workspace
  ) {
    switch definition.model {
    case .bytePairs(let model, let preTokenizer):
      preTokenizer.encode(
        text, range, isFirst: isFirst, with: model, into: &ids, &workspace)
    case .sentencePieces(let model):
      model.encode(text, range, isFirst: isFirst, into: &ids, &workspace)
    }
  }

  // MARK: Decoding

  /// The bytes that ids stand for; ids that no token has are left out.
  ///
  /// - Parameter skipsSpecialTokens: leave out special tokens too.
  public func decode(_ ids: [Int32], skipsSpecialTokens: Bool = false) -> [UInt8] {
    var result: [UInt8] = []
    for id in ids {
      if let token = addedByID[id] {
        if !(token.isSpecial && skipsSpecialTokens) { result.append(contentsOf: token.content) }
        continue
      }
      switch definition.model {
      case .bytePairs(let model, _):
        if let bytes = model.words.bytes(of: Int(id)), model.unit == .byte {
          result.append(contentsOf: bytes)
        } else if let bytes = model.vocabulary.bytes(of: Int(id)) {
          appendPiece(bytes, isByteToken: model.fallbackIDs.contains(id), to: &result)
        }
      case .sentencePieces(let model):
        if skipsSpecialTokens, model.isControl(id) { continue }
        if let bytes = model.pieces.bytes(of: Int(id)) {
          appendPiece(bytes, isByteToken: model.isByte(id), to: &result)
        }
      }
    }
    if definition.dropsLeadingSpace, result.first == 0x20 { result.removeFirst() }
    return result
  }

  private func appendPiece(
    _ bytes: ArraySlice<UInt8>, isByteToken: Bool, to result: inout [UInt8]
  ) {
    if isByteToken, let byte = ByteToken.byte(of: bytes) {
      result.append(byte)
      return
    }
    var position = bytes.startIndex
    while position < bytes.endIndex {
      if bytes[position...].starts(with: Metaspace.bytes) {
        result.append(0x20)
        position += Metaspace.bytes.count
      } else {
        result.append(bytes[position])
        position += 1
      }
    }
  }
}

/// U+2581, which SentencePiece writes for a space.
enum Metaspace {
  static let bytes: [UInt8] = [0xE2, 0x96, 0x81]
}
