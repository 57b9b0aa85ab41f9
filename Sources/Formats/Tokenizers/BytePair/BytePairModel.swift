/// A byte-pair vocabulary: words in, ids out.
struct BytePairModel: Sendable {
  /// What a word is made of.
  enum Unit: Sendable, Equatable {
    /// Bytes, each spelled by a character of `ByteAlphabet`.
    case byte
    /// Characters.
    case character
  }

  let unit: Unit
  /// Every token as its file spells it.
  let vocabulary: TokenTable
  /// The words that tokens spell: for `.byte` the tokens as raw bytes, else the vocabulary.
  let words: TokenTable
  let merges: MergeTable
  /// A word that is a token as a whole becomes that token, merges or not.
  let ignoresMerges: Bool
  /// What stands for a character that neither is a token nor has byte tokens; −1: it vanishes.
  let unknownID: Int32
  /// Neighbouring unknown characters become one unknown token.
  let fusesUnknown: Bool
  /// The ids of <0x00>…<0xFF>, −1 where there is none; empty without byte fallback.
  let fallbackIDs: [Int32]
  /// The ids of the 256 bytes (`.byte`) or of the ASCII characters (`.character`); −1 is none.
  private let singleIDs: [Int32]
  private let boundaries: SafeBoundaries

  init(
    unit: Unit, vocabulary: TokenTable, words: TokenTable, merges: MergeTable,
    ignoresMerges: Bool, unknownID: Int32, fusesUnknown: Bool, byteFallback: Bool
  ) {
    self.unit = unit
    self.vocabulary = vocabulary
    self.words = words
    self.merges = merges
    self.ignoresMerges = ignoresMerges
    self.unknownID = unknownID
    self.fusesUnknown = fusesUnknown
    singleIDs = (0..<(unit == .byte ? 256 : 128)).map { byte in
      words.id(of: [UInt8(byte)]).map { Int32($0) } ?? -1
    }
    fallbackIDs =
      byteFallback
      ? (0..<256).map { byte in
        vocabulary.id(of: ByteToken.spelling(UInt8(byte))).map { Int32($0) } ?? -1
      } : []
    boundaries = SafeBoundaries(
      unit: unit, words: words, merges: merges,
      // Where a unit may vanish or fuse, its neighbours are not what they seem.
      isComplete: unit == .byte ? !singleIDs.contains(-1) : fallbackIDs.allSatisfy { $0 >= 0 },
      fallbackIDs: fallbackIDs, hasFallback: byteFallback, unknownID: unknownID)
  }

  /// Whether each of the 256 bytes (or ASCII characters) is a token.
  var coversAllBytes: Bool { !singleIDs.contains(-1) }

  /// Whether a text may hold a unit that neither is a token nor has byte tokens.
  var hasUnknownUnits: Bool {
    if unit == .byte { return !coversAllBytes }
    // UTF-8 has no bytes C0, C1 and above F4.
    return fallbackIDs.isEmpty
      || fallbackIDs.indices.contains { byte in
        fallbackIDs[byte] < 0 && byte != 0xC0 && byte != 0xC1 && byte < 0xF5
      }
  }

  /// Words of more bytes than this are cut where no merge can reach across.
  private static let longWordLimit = 64

  /// Appends the ids of the word `text[range]`, which is not empty.
  func encode(
    _ text: Span<UInt8>, _ range: Range<Int>, into ids: inout [Int32],
    _ workspace: inout Workspace
  ) {
    if range.count > Self.longWordLimit {
      encodeLong(text, range, into: &ids, &workspace)
    } else {
      encodeShort(text, range, into: &ids, &workspace, asWhole: true)
    }
  }

  private func encodeLong(
    _ text: Span<UInt8>, _ range: Range<Int>, into ids: inout [Int32],
    _ workspace: inout Workspace
  ) {
    if ignoresMerges {
      let id = words.id(of: text, range)
      if id >= 0 {
        ids.append(id)
        return
      }
    }
    var start = range.lowerBound
    while start < range.upperBound {
      let end = boundaries.next(in: text, after: start, to: range.upperBound)
      encodeShort(text, start..<end, into: &ids, &workspace, asWhole: false)
      start = end
    }
  }

  /// - Parameter asWhole: whether the range is a whole word, so that `ignoresMerges` applies.
  @inline(__always)
  private func encodeShort(
    _ text: Span<UInt8>, _ range: Range<Int>, into ids: inout [Int32],
    _ workspace: inout Workspace, asWhole: Bool
  ) {
    if range.count == 1 {
      let byte = Int(text[range.lowerBound])
      if byte < singleIDs.count, singleIDs[byte] >= 0 {
        ids.append(singleIDs[byte])
        return
      }
    }
    // A part of a word and a whole word of the same bytes may have different ids.
    guard range.count <= WordCache.wordLimit, asWhole || !ignoresMerges else {
      merge(text, range, into: &ids, &workspace, asWhole: asWhole)
      return
    }
    let hash = WordCache.hash(text, range)
    if workspace.cache.append(text, range, hash: hash, to: &ids) { return }
    let first = ids.count
    merge(text, range, into: &ids, &workspace, asWhole: asWhole)
    workspace.cache.insert(text, range, hash: hash, ids: ids[first...])
  }

  private func merge(
    _ text: Span<UInt8>, _ range: Range<Int>, into ids: inout [Int32],
    _ workspace: inout Workspace, asWhole: Bool
  ) {
    if ignoresMerges, asWhole {
      let id = words.id(of: text, range)
      if id >= 0 {
        ids.append(id)
        return
      }
    }
    workspace.merger.symbols.removeAll(keepingCapacity: true)
    appendSymbols(text, range, to: &workspace.merger.symbols)
    workspace.merger.merge(with: merges)
    ids.append(contentsOf: workspace.merger.symbols)
  }

  /// Appends the ids of the single units; the order in which an unknown token that waits for
  /// another and byte tokens come is that of `tokenizers` (`BPE::merge_word`).
  private func appendSymbols(
    _ text: Span<UInt8>, _ range: Range<Int>, to symbols: inout [Int32]
  ) {
    var waitsUnknown = false
    var position = range.lowerBound
    while position < range.upperBound {
      let lead = text[position]
      let length = unit == .byte ? 1 : UTF8Text.length(lead: lead)
      let id =
        length == 1 ? singleIDs[Int(lead)] : words.id(of: text, position..<(position + length))
      defer { position += length }
      if id >= 0 {
        if waitsUnknown { symbols.append(unknownID) }
        waitsUnknown = false
        symbols.append(id)
        continue
      }
      if !fallbackIDs.isEmpty,
        (position..<(position + length)).allSatisfy({ fallbackIDs[Int(text[$0])] >= 0 })
      {
        for offset in 0..<length { symbols.append(fallbackIDs[Int(text[position + offset])]) }
        continue
      }
      guard unknownID >= 0 else { continue }
      if waitsUnknown, !fusesUnknown { symbols.append(unknownID) }
      waitsUnknown = true
    }
    if waitsUnknown { symbols.append(unknownID) }
  }
}

/// The spelling of byte tokens: <0x00> … <0xFF>, two upper-case hexadecimal digits.
enum ByteToken {
  static func spelling(_ byte: UInt8) -> [UInt8] {
    let digits = Array("0123456789ABCDEF".utf8)
    return Array("<0x".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)], UInt8(ascii: ">")]
  }

  /// The byte that a token spells, if it is spelled exactly so.
  static func byte(of token: some Collection<UInt8>) -> UInt8? {
    guard token.count == 6 else { return nil }
    let bytes = Array(token)
    guard let high = hexadecimalDigit(bytes[3]), let low = hexadecimalDigit(bytes[4]) else {
      return nil
    }
    let byte = high << 4 | low
    return spelling(byte) == bytes ? byte : nil
  }
}
