/// A SentencePiece vocabulary: text in, ids out.
struct SentencePieceModel: Sendable {
  /// The bytes of each piece, by id.
  var pieces: TokenTable { list.table }

  let isUnigram: Bool
  let normalizer: SentencePieceNormalizer
  private let list: SentencePieceList
  private let unknownID: Int32
  /// The ids of <0x00>…<0xFF>; empty without byte fallback.
  private let byteIDs: [Int32]
  private let symbols: AddedTokenMatcher
  private let merger: PieceMerger
  private let unigram: UnigramSearch

  init(
    _ list: SentencePieceList, isUnigram: Bool, byteFallback: Bool,
    normalizer: SentencePieceNormalizer, file: String
  ) throws(TokenizerError) {
    self.list = list
    self.isUnigram = isUnigram
    self.normalizer = normalizer
    let unknown = list.kinds.indices.filter { list.kinds[$0] == .unknown }
    guard unknown.count == 1, let unknownID = unknown.first else {
      throw .wrongField(
        file: file, field: "pieces", expected: "one unknown token", found: "\(unknown.count)")
    }
    self.unknownID = Int32(unknownID)
    var byteIDs: [Int32] = []
    if byteFallback {
      for byte in 0..<256 {
        guard let id = list.table.id(of: ByteToken.spelling(UInt8(byte))),
          list.kinds[id] == .byte
        else {
          throw .wrongField(
            file: file, field: "pieces", expected: "all byte pieces",
            found: "no \(TokenizerError.excerpt(ByteToken.spelling(UInt8(byte))))")
        }
        byteIDs.append(Int32(id))
      }
    }
    self.byteIDs = byteIDs
    let userDefined = list.kinds.indices.filter { list.kinds[$0] == .userDefined }
    let tokens = userDefined.map { id in
      AddedToken(content: list.table.bytes(of: id).map { Array($0) } ?? [], id: Int32(id))
    }
    symbols = AddedTokenMatcher(tokens, patterns: tokens.map(\.content))
    merger = isUnigram ? PieceMerger() : try PieceMerger(list, file: file)
    unigram = isUnigram ? UnigramSearch(list, unknownID: Int32(unknownID)) : UnigramSearch()
  }

  func isControl(_ id: Int32) -> Bool {
    list.kinds.indices.contains(Int(id)) && list.kinds[Int(id)] == .control
  }

  func isByte(_ id: Int32) -> Bool {
    list.kinds.indices.contains(Int(id)) && list.kinds[Int(id)] == .byte
  }

  /// Appends the ids of `text[range]`.
  func encode(
    _ text: Span<UInt8>, _ range: Range<Int>, into ids: inout [Int32],
    _ workspace: inout Workspace
  ) {
    let normalized = normalizer.normalize(text, range, keeping: symbols)
    let first = ids.count
    if isUnigram {
      unigram.encode(normalized.span, into: &ids, unknown: appendUnknown)
    } else {
      encodePairs(normalized.span, into: &ids, &workspace)
    }
    if byteIDs.isEmpty { joinUnknown(&ids, from: first) }
  }

  /// A run of unknown characters is one unknown token.
  private func joinUnknown(_ ids: inout [Int32], from first: Int) {
    var kept = first
    for index in first..<ids.count {
      if ids[index] == unknownID, kept > first, ids[kept - 1] == unknownID { continue }
      ids[kept] = ids[index]
      kept += 1
    }
    ids.removeLast(ids.count - kept)
  }

  private func appendUnknown(_ text: Span<UInt8>, _ range: Range<Int>, _ ids: inout [Int32]) {
    if byteIDs.isEmpty {
      ids.append(unknownID)
    } else {
      for position in range { ids.append(byteIDs[Int(text[position])]) }
    }
  }

  // MARK: Byte pairs

  private func encodePairs(
    _ text: Span<UInt8>, into ids: inout [Int32], _ workspace: inout Workspace
  ) {
    var start = 0
    while start < text.count {
      if let (symbol, length) = symbols.longest(text, at: start, to: text.count) {
        ids.append(symbols[symbol].id)
        start += length
        continue
      }
      let end = wordEnd(text, start)
      encodeWord(text, start..<end, into: &ids, &workspace)
      start = end
    }
  }

  /// The next place where nothing can join across, or where a user-defined symbol begins.
  private func wordEnd(_ text: Span<UInt8>, _ start: Int) -> Int {
    let end = merger.boundaries.next(in: text, after: start, to: text.count)
    if symbols.isEmpty { return end }
    var position = start + UTF8Text.length(lead: text[start])
    while position < end {
      if symbols.longest(text, at: position, to: text.count) != nil { return position }
      position += UTF8Text.length(lead: text[position])
    }
    return end
  }

  private func encodeWord(
    _ text: Span<UInt8>, _ range: Range<Int>, into ids: inout [Int32],
    _ workspace: inout Workspace
  ) {
    let isCacheable = range.count <= WordCache.wordLimit
    let hash = isCacheable ? WordCache.hash(text, range) : 0
    if isCacheable, workspace.cache.append(text, range, hash: hash, to: &ids) { return }
    let first = ids.count
    workspace.merger.symbols.removeAll(keepingCapacity: true)
    var position = range.lowerBound
    while position < range.upperBound {
      let length = UTF8Text.length(lead: text[position])
      workspace.merger.symbols.append(merger.symbol(text, position..<(position + length)))
      position += length
    }
    workspace.merger.merge(with: merger.merges)
    // Symbols that are no pieces are single characters: walk the text beside them.
    position = range.lowerBound
    for symbol in workspace.merger.symbols {
      if symbol >= 0, symbol != unknownID, Int(symbol) < list.kinds.count {
        position += list.table.bytes(of: Int(symbol))?.count ?? 0
        ids.append(symbol)
      } else {
        let length = UTF8Text.length(lead: text[position])
        appendUnknown(text, position..<(position + length), &ids)
        position += length
      }
    }
    if isCacheable { workspace.cache.insert(text, range, hash: hash, ids: ids[first...]) }
  }

  func update(_ hasher: inout IdentityHasher) {
    hasher.update(isUnigram ? "unigram" : "pieces by score")
    hasher.update(byteIDs.count)
    hasher.update(normalizer.addsDummyPrefix)
    hasher.update(normalizer.removesExtraSpaces)
    normalizer.rules?.update(&hasher)
    hasher.update(list.kinds.count)
    for id in list.kinds.indices {
      hasher.update(list.table.bytes(of: id) ?? [])
      hasher.update(Int(list.scores[id].bitPattern))
      hasher.update(Int(list.kinds[id].rawValue))
    }
  }
}

extension CharacterRules {
  func update(_ hasher: inout IdentityHasher) {
    hasher.update(strings)
    hasher.update(unitCount)
    for index in 0..<unitCount { hasher.update(Int(unit(index))) }
  }
}
