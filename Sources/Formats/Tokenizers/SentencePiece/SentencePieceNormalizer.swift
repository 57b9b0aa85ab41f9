/// SentencePiece's own normaliser: character rules, spaces written as U+2581, a dummy prefix.
///
/// Source: sentencepiece, `normalizer.cc`, `Normalizer::Normalize`.
struct SentencePieceNormalizer: Sendable {
  /// The compiled rules (nmt_nfkc and the like); nil for "identity".
  let rules: CharacterRules?
  var addsDummyPrefix: Bool
  /// Spaces at the ends vanish, and runs of them become one.
  let removesExtraSpaces: Bool

  /// - Parameters:
  ///   - symbols: user-defined symbols, which no rule touches.
  ///   - addsPrefix: false where a text goes on, so that no dummy prefix stands before it.
  func normalize(
    _ text: Span<UInt8>, _ range: Range<Int>, keeping symbols: AddedTokenMatcher,
    addsPrefix: Bool = true
  ) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(range.count + range.count / 2 + 3)
    var position = range.lowerBound
    if removesExtraSpaces {
      while position < range.upperBound {
        let prefix = prefix(text, position, range.upperBound, symbols)
        guard isSpace(text, prefix) else { break }
        position = prefix.next
      }
    }
    if position == range.upperBound { return [] }
    if addsDummyPrefix, addsPrefix { result.append(contentsOf: Metaspace.bytes) }
    var afterSpace = removesExtraSpaces
    while position < range.upperBound {
      let prefix = prefix(text, position, range.upperBound, symbols)
      switch prefix.content {
      case .text(let piece):
        for index in piece { append(text[index], to: &result, &afterSpace) }
      case .replacement(let piece):
        for index in piece { append(rules?.strings[index] ?? 0, to: &result, &afterSpace) }
      }
      position = prefix.next
    }
    if removesExtraSpaces {
      while result.count >= 3, result[(result.count - 3)...].elementsEqual(Metaspace.bytes) {
        result.removeLast(3)
      }
    }
    return result
  }

  /// What the text at a position becomes, and where the rest begins.
  private struct Prefix {
    enum Content {
      case text(Range<Int>)
      /// Bytes of `rules.strings`.
      case replacement(Range<Int>)
    }
    var content: Content
    var next: Int
  }

  private func prefix(
    _ text: Span<UInt8>, _ position: Int, _ end: Int, _ symbols: AddedTokenMatcher
  ) -> Prefix {
    if let (_, length) = symbols.longest(text, at: position, to: end) {
      return Prefix(content: .text(position..<(position + length)), next: position + length)
    }
    if let rules, let (length, replacement) = rules.longest(text, at: position, to: end) {
      return Prefix(content: .replacement(replacement), next: position + length)
    }
    let next = position + UTF8Text.length(lead: text[position])
    return Prefix(content: .text(position..<next), next: next)
  }

  private func isSpace(_ text: Span<UInt8>, _ prefix: Prefix) -> Bool {
    switch prefix.content {
    case .text(let piece): piece.count == 1 && text[piece.lowerBound] == 0x20
    case .replacement(let piece):
      piece.count == 1 && rules?.strings[piece.lowerBound] == 0x20
    }
  }

  private func append(_ byte: UInt8, to result: inout [UInt8], _ afterSpace: inout Bool) {
    guard byte == 0x20 else {
      result.append(byte)
      afterSpace = false
      return
    }
    if afterSpace { return }
    result.append(contentsOf: Metaspace.bytes)
    afterSpace = removesExtraSpaces
  }
}

/// Compiled character rules: a double-array trie (Darts-clone) from texts to replacements.
struct CharacterRules: Sendable {
  private let units: [UInt32]
  /// Replacements, each ended by a zero byte.
  let strings: [UInt8]

  /// SentencePiece looks at so many matches at most.
  private static let matchLimit = 32

  /// - Parameter blob: the size of the trie in bytes (four bytes), the trie, the replacements.
  init(_ blob: [UInt8], file: String) throws(TokenizerError) {
    func failure(_ reason: String) -> TokenizerError {
      .malformedProtobuf(file: file, offset: 0, reason: "precompiled_charsmap: \(reason)")
    }
    func word(_ start: Int) -> UInt32 {
      UInt32(blob[start]) | UInt32(blob[start + 1]) << 8 | UInt32(blob[start + 2]) << 16
        | UInt32(blob[start + 3]) << 24
    }
    guard blob.count > 4 else { throw failure("cut off") }
    let size = Int(word(0))
    guard size % 4 == 0, size < blob.count - 4, size > 0 else {
      throw failure("a trie of \(size) bytes in \(blob.count)")
    }
    units = stride(from: 4, to: 4 + size, by: 4).map(word)
    strings = Array(blob[(4 + size)...])
    guard UTF8Text.isValid(strings.span), strings.last == 0 else {
      throw failure("replacements that are not UTF-8 or have no end")
    }
  }

  /// The longest rule that matches at `start`.
  func longest(
    _ text: Span<UInt8>, at start: Int, to end: Int
  ) -> (length: Int, replacement: Range<Int>)? {
    var node = Self.offset(units[0])
    var found: (length: Int, value: Int)?
    var matches = 0
    var position = start
    while position < end, matches < Self.matchLimit {
      node ^= Int(text[position])
      guard node < units.count, units[node] & 0x8000_00FF == UInt32(text[position]) else {
        break
      }
      let unit = units[node]
      node ^= Self.offset(unit)
      position += 1
      if unit & 0x100 != 0 {
        guard node < units.count else { break }
        found = (position - start, Int(units[node] & 0x7FFF_FFFF))
        matches += 1
      }
    }
    // A rule that would cut a character, of the text or of a replacement, is not one.
    guard let (length, value) = found, value < strings.count, strings[value] & 0xC0 != 0x80,
      start + length == end || text[start + length] & 0xC0 != 0x80
    else { return nil }
    var stop = value
    while strings[stop] != 0 { stop += 1 }
    return (length, value..<stop)
  }

  /// How many units the trie has.
  var unitCount: Int { units.count }

  func unit(_ index: Int) -> UInt32 { units[index] }

  private static func offset(_ unit: UInt32) -> Int {
    Int((unit >> 10) << ((unit & 0x200) >> 6))
  }
}
