import Files

/// How long a text is in the units of byte and word perplexity, and its digest.
public struct TextMeasure: Sendable, Equatable {
  /// Bytes of UTF-8.
  public let byteCount: Int
  /// `len(re.split(r"\s+", text))` in Python: one more than the runs of white space, so that white
  /// space at the ends counts an empty word, and an empty text has one.
  public let wordCount: Int

  /// - Parameter text: UTF-8; bytes that are not are no white space.
  public init(_ text: [UInt8]) {
    byteCount = text.count
    var runs = 0
    var isInside = false
    var position = 0
    while position < text.count {
      let length = Self.spaceLength(text, at: position)
      if length > 0 && !isInside { runs += 1 }
      isInside = length > 0
      position += max(1, length)
    }
    wordCount = runs + 1
  }

  /// Bytes of the white space that begins here; 0 for anything else.
  ///
  /// Python's `\s` for `str`: the characters of bidirectional type B, S or WS, or category Zs.
  private static func spaceLength(_ text: [UInt8], at position: Int) -> Int {
    let first = text[position]
    switch first {
    case 0x09...0x0D, 0x1C...0x20: return 1
    case 0xC2, 0xE1, 0xE2, 0xE3: break
    default: return 0
    }
    let second = position + 1 < text.count ? text[position + 1] : 0
    if first == 0xC2 { return second == 0x85 || second == 0xA0 ? 2 : 0 }
    let third = position + 2 < text.count ? text[position + 2] : 0
    let isSpace =
      switch (first, second) {
      case (0xE1, 0x9A): third == 0x80  // U+1680
      case (0xE2, 0x80): (0x80...0x8A).contains(third) || [0xA8, 0xA9, 0xAF].contains(third)
      case (0xE2, 0x81): third == 0x9F  // U+205F
      case (0xE3, 0x80): third == 0x80  // U+3000
      default: false
      }
    return isSpace ? 3 : 0
  }
}
