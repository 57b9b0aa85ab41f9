import Tokenizers

/// What ids stand for, one by one: a tokenizer's `decode` is made for whole texts.
package struct TokenText: Sendable {
  let tokenizer: Tokenizer

  package init(tokenizer: Tokenizer) { self.tokenizer = tokenizer }

  /// The ids of a text, and how many of them the tokenizer put before and after its own.
  package func encode(
    _ text: String, addsSpecialTokens: Bool
  ) -> (ids: [Int32], around: (before: Int, after: Int)) {
    let bytes = Array(text.utf8)
    let plain = tokenizer.encode(bytes, addSpecialTokens: false)
    guard addsSpecialTokens else { return (plain, (0, 0)) }
    let ids = tokenizer.encode(bytes)
    let extra = max(0, ids.count - plain.count)
    let before = (0...extra).first { ids.dropFirst($0).starts(with: plain) } ?? 0
    return (ids, (before, extra - before))
  }

  /// The bytes of one token, its leading space included.
  func bytes(of id: Int32) -> [UInt8] {
    // Some tokenizers drop a space at the beginning of a text, so what a second token adds is asked.
    let one = tokenizer.decode([id])
    return Array(tokenizer.decode([id, id]).dropFirst(one.count))
  }

  /// One token as a string: its text, or `bytes:\xe2\x80` where it is a part of a character.
  package func string(of id: Int32) -> String { Self.string(bytes(of: id)) }

  package static func string(_ bytes: [UInt8]) -> String {
    if let text = String(validating: bytes, as: UTF8.self) { return text }
    let digits = Array("0123456789abcdef")
    return "bytes:" + bytes.map { "\\x\(digits[Int($0 >> 4)])\(digits[Int($0 & 15)])" }.joined()
  }

  /// A prompt's text, and where each of its tokens begins in it, in characters as Python counts them
  /// (Unicode scalars).
  package struct Layout: Equatable, Sendable {
    package let text: String
    package let offsets: [Int]
    /// Characters of the text.
    package let length: Int
  }

  /// - Parameters:
  ///   - text: what the ids were made of; nil: they came as ids.
  ///   - around: tokens before and after that the tokenizer put around the text. They stand for
  ///     nothing in it.
  package func layout(
    of ids: [Int32], text: String?, around: (before: Int, after: Int)
  ) -> Layout {
    let whole = text ?? String(decoding: tokenizer.decode(ids), as: UTF8.self)
    let length = whole.unicodeScalars.count
    var pieces = ids.map(bytes(of:))
    for index in 0..<around.before { pieces[index] = [] }
    for index in ids.count - around.after..<ids.count { pieces[index] = [] }
    // A space that the tokenizer put before the text is not in it.
    if let first = pieces.firstIndex(where: { !$0.isEmpty }), pieces[first].first == 0x20,
      pieces.reduce(0, { $0 + $1.count }) > whole.utf8.count
    {
      pieces[first].removeFirst()
    }
    var count = 0
    let offsets = pieces.map { piece in
      // A token that begins within a character begins where the character does.
      let isWithin = piece.first.map { $0 & 0xC0 == 0x80 } ?? false
      defer { count += piece.count { $0 & 0xC0 != 0x80 } }
      return min(length, isWithin ? max(0, count - 1) : count)
    }
    return Layout(text: whole, offsets: offsets, length: length)
  }
}
