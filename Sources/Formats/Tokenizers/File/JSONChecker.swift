/// Checks the grammar of a JSON text once, so that `JSONDocument` can walk it without doubts.
struct JSONChecker {
  let file: String
  private var position = 0

  init(file: String) {
    self.file = file
  }

  static func isSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
  }

  static func endsLiteral(_ byte: UInt8) -> Bool {
    isSpace(byte) || byte == UInt8(ascii: ",") || byte == UInt8(ascii: "]")
      || byte == UInt8(ascii: "}") || byte == UInt8(ascii: ":")
  }

  /// - Returns: the position of the one value that the text holds.
  mutating func check(_ text: Span<UInt8>) throws(TokenizerError) -> Int {
    skipSpace(text)
    let root = position
    try value(text, depth: 0)
    skipSpace(text)
    if position < text.count { throw failure("something after the value") }
    return root
  }

  private mutating func value(_ text: Span<UInt8>, depth: Int) throws(TokenizerError) {
    guard depth < JSONDocument.depthLimit else {
      throw failure("more than \(JSONDocument.depthLimit) nested levels")
    }
    guard position < text.count else { throw failure("the text ends early") }
    switch text[position] {
    case UInt8(ascii: "{"): try object(text, depth: depth)
    case UInt8(ascii: "["): try array(text, depth: depth)
    case UInt8(ascii: "\""): try string(text)
    case UInt8(ascii: "t"): try literal(text, "true")
    case UInt8(ascii: "f"): try literal(text, "false")
    case UInt8(ascii: "n"): try literal(text, "null")
    default: try number(text)
    }
  }

  private mutating func object(_ text: Span<UInt8>, depth: Int) throws(TokenizerError) {
    position += 1
    skipSpace(text)
    if take(text, UInt8(ascii: "}")) { return }
    while true {
      guard position < text.count, text[position] == UInt8(ascii: "\"") else {
        throw failure("no key where one should be")
      }
      try string(text)
      skipSpace(text)
      guard take(text, UInt8(ascii: ":")) else { throw failure("no colon after a key") }
      skipSpace(text)
      try value(text, depth: depth + 1)
      skipSpace(text)
      if take(text, UInt8(ascii: "}")) { return }
      guard take(text, UInt8(ascii: ",")) else { throw failure("no comma between members") }
      skipSpace(text)
    }
  }

  private mutating func array(_ text: Span<UInt8>, depth: Int) throws(TokenizerError) {
    position += 1
    skipSpace(text)
    if take(text, UInt8(ascii: "]")) { return }
    while true {
      try value(text, depth: depth + 1)
      skipSpace(text)
      if take(text, UInt8(ascii: "]")) { return }
      guard take(text, UInt8(ascii: ",")) else { throw failure("no comma between elements") }
      skipSpace(text)
    }
  }

  private mutating func string(_ text: Span<UInt8>) throws(TokenizerError) {
    position += 1
    while position < text.count {
      let byte = text[position]
      if byte == UInt8(ascii: "\"") {
        position += 1
        return
      }
      if byte < 0x20 { throw failure("a control character within a string") }
      if byte == UInt8(ascii: "\\") {
        guard position + 1 < text.count else { break }
        switch text[position + 1] {
        case UInt8(ascii: "u"):
          guard position + 6 <= text.count else { throw failure("the text ends early") }
          for digit in (position + 2)..<(position + 6)
          where hexadecimalDigit(text[digit]) == nil {
            throw failure("\\u without four hexadecimal digits")
          }
          position += 6
        case 0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74: position += 2
        default: throw failure("an unknown escape")
        }
        continue
      }
      position += 1
    }
    throw failure("a string without end")
  }

  private mutating func number(_ text: Span<UInt8>) throws(TokenizerError) {
    _ = take(text, UInt8(ascii: "-"))
    if !take(text, UInt8(ascii: "0")) {
      guard digits(text) > 0 else { throw failure("no value where one should be") }
    }
    if take(text, UInt8(ascii: ".")), digits(text) == 0 {
      throw failure("a number without digits after its point")
    }
    if take(text, UInt8(ascii: "e")) || take(text, UInt8(ascii: "E")) {
      if !take(text, UInt8(ascii: "+")) { _ = take(text, UInt8(ascii: "-")) }
      guard digits(text) > 0 else { throw failure("a number without digits in its exponent") }
    }
    try endLiteral(text)
  }

  private mutating func literal(
    _ text: Span<UInt8>, _ word: StaticString
  ) throws(TokenizerError) {
    for expected in "\(word)".utf8 {
      guard take(text, expected) else { throw failure("an unknown word") }
    }
    try endLiteral(text)
  }

  private func endLiteral(_ text: Span<UInt8>) throws(TokenizerError) {
    if position < text.count, !Self.endsLiteral(text[position]) {
      throw failure("an unknown word or number")
    }
  }

  private mutating func digits(_ text: Span<UInt8>) -> Int {
    let start = position
    while position < text.count, text[position] >= 0x30, text[position] <= 0x39 { position += 1 }
    return position - start
  }

  private mutating func take(_ text: Span<UInt8>, _ byte: UInt8) -> Bool {
    guard position < text.count, text[position] == byte else { return false }
    position += 1
    return true
  }

  private mutating func skipSpace(_ text: Span<UInt8>) {
    while position < text.count, Self.isSpace(text[position]) { position += 1 }
  }

  private func failure(_ reason: String) -> TokenizerError {
    .malformedJSON(file: file, offset: position, reason: reason)
  }
}
