/// A SentencePiece vocabulary: text in, ids out.
struct SentencePieceModel: Sendable {
  /// The bytes of each piece, by id.
  var pieces: TokenTable { list.table }

  /// What stands before a text that follows a token found in the text, as the normaliser's dummy
  /// prefix stands before the document.
  enum FragmentPrefix: UInt8, Sendable {
    /// A space, as before every text.
    case always
    /// A space, unless the text begins with one.
    case unlessSpace
    case never
  }

  let isUnigram: Bool
  var normalizer: SentencePieceNormalizer
  var fragmentPrefix = FragmentPrefix.always
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
    byteIDs = byteFallback ? try Self.byteIDs(list, file: file) : []
    let unknown = list.kinds.indices.filter { list.kinds[$0] == .unknown }
    // With all bytes at hand nothing is unknown.
    guard unknown.count == 1 || !byteIDs.isEmpty && !isUnigram else {
      throw .wrongField(
        file: file, field: "pieces", expected: "one unknown token", found: "\(unknown.count)")
    }
    unknownID = unknown.first.map { Int32($0) } ?? -1
    let userDefined = list.kinds.indices.filter { list.kinds[$0] == .userDefined }
    let tokens = userDefined.map { id in
      AddedToken(content: list.table.bytes(of: id).map { Array($0) } ?? [], id: Int32(id))
    }
    symbols = AddedTokenMatcher(tokens, patterns: tokens.map(\.content))
    merger = isUnigram ? PieceMerger() : try PieceMerger(list, file: file)
    unigram = isUnigram ? UnigramSearch(list, unknownID: unknownID) : UnigramSearch()
  }

  /// The ids of the byte pieces; −1 for a byte that no text needs, if it is not there.
  private static func byteIDs(
    _ list: SentencePieceList, file: String
  ) throws(TokenizerError) -> [Int32] {
    var ids: [Int32] = []
    for byte in UInt8.min...UInt8.max {
      let spelling = ByteToken.spelling(byte)
      if let id = list.table.id(of: spelling), list.kinds[id] == .byte {
        ids.append(Int32(id))
        continue
      }
      // UTF-8 has no such byte, or the character is a piece of its own.
      let isNeeded =
        byte < 0x80
        ? list.table.id(of: [byte]).map { list.kinds[$0] != .normal } ?? (byte != 0x20)
        : ![0xC0, 0xC1].contains(byte) && byte < 0xF5
      guard !isNeeded else {
        throw .wrongField(
          file: file, field: "pieces", expected: "all byte pieces",
          found: "no \(TokenizerError.excerpt(spelling))")
      }
      ids.append(-1)
    }
    return ids
  }

  /// How many pieces there are, empty ones too.
  var pieceCount: Int { list.kinds.count }

  /// The control and user-defined pieces, which transformers looks for in the text itself.
  var markedPieces: [TokensBeside.Entry] {
    list.kinds.indices.compactMap { id in
      guard list.kinds[id] == .control || list.kinds[id] == .userDefined,
        let bytes = list.table.bytes(of: id)
      else { return nil }
      var entry = TokensBeside.Entry(Array(bytes))
      entry.isBare = false
      entry.isSpecial = list.kinds[id] == .control
      entry.isNormalized = false
      return entry
    }
  }

  /// The text of the unknown piece.
  var unknownPiece: [UInt8]? {
    unknownID < 0 ? nil : list.table.bytes(of: Int(unknownID)).map { Array($0) }
  }

  var hasByteFallback: Bool { !byteIDs.isEmpty }

  /// The pairs of pieces that join, most urgent first, as merges of a byte-pair model: by score, and
  /// of equal scores those with the longer left side first, as transformers orders them.
  func merges() -> [(left: [UInt8], right: [UInt8])] {
    var pairs: [(left: ArraySlice<UInt8>, right: ArraySlice<UInt8>, score: Float)] = []
    merger.merges.forEachSorted { left, right, merged in
      // Characters that are no pieces have no ids for others to merge.
      guard Int(left) < list.kinds.count, Int(right) < list.kinds.count,
        let left = list.table.bytes(of: Int(left)), let right = list.table.bytes(of: Int(right))
      else { return }
      pairs.append((left, right, list.scores[Int(merged)]))
    }
    pairs.sort {
      $0.score != $1.score
        ? $0.score > $1.score
        : ($0.left.count, $0.right.count) > ($1.left.count, $1.right.count)
    }
    return pairs.map { (Array($0.left), Array($0.right)) }
  }

  func isControl(_ id: Int32) -> Bool {
    list.kinds.indices.contains(Int(id)) && list.kinds[Int(id)] == .control
  }

  func isByte(_ id: Int32) -> Bool {
    list.kinds.indices.contains(Int(id)) && list.kinds[Int(id)] == .byte
  }

  /// Appends the ids of `text[range]`.
  ///
  /// - Parameter isFirst: whether the range begins where the document does.
  func encode(
    _ text: Span<UInt8>, _ range: Range<Int>, isFirst: Bool, into ids: inout [Int32],
    _ workspace: inout Workspace
  ) {
    let addsPrefix = isFirst || prefixesFragment(text, range)
    let normalized = normalizer.normalize(text, range, keeping: symbols, addsPrefix: addsPrefix)
    let first = ids.count
    if isUnigram {
      unigram.encode(normalized.span, into: &ids, unknown: appendUnknown)
    } else {
      encodePairs(normalized.span, into: &ids, &workspace)
    }
    if byteIDs.isEmpty { joinUnknown(&ids, from: first) }
  }

  private func prefixesFragment(_ text: Span<UInt8>, _ range: Range<Int>) -> Bool {
    switch fragmentPrefix {
    case .always: true
    case .never: false
    case .unlessSpace:
      text[range.lowerBound] != 0x20
        && !(range.count >= Metaspace.bytes.count
          && Metaspace.bytes.indices.allSatisfy {
            text[range.lowerBound + $0] == Metaspace.bytes[$0]
          })
    }
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
    if fragmentPrefix != .always { hasher.update(Int(fragmentPrefix.rawValue)) }
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
