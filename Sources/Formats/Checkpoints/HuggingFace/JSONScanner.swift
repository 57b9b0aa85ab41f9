import Files

/// A strict reader of JSON for headers that a format defines exactly: the caller asks for what must
/// come next. No key may stand twice in an object, nothing is allocated beyond what is returned.
///
/// Foundation's decoder keeps the last of two equal keys silently, which in a safetensors header
/// would let two readers see two different models in one file.
package struct JSONScanner {
  package var cursor: ByteCursor
  private var depth = 0

  package init(_ cursor: ByteCursor) { self.cursor = cursor }

  /// - Throws: `JSONError.malformed` unless only white space remains.
  package mutating func finish() throws(JSONError) {
    skipSpace()
    if cursor.remaining > 0 { throw malformed("bytes after the last bracket") }
  }

  /// An object: calls `body` with each key; `body` must read the value.
  package mutating func object(
    _ body: (inout JSONScanner, String) throws -> Void
  ) throws {
    try open(UInt8(ascii: "{"), "an object")
    defer { depth -= 1 }
    skipSpace()
    if take(UInt8(ascii: "}")) { return }
    var keys: Set<String> = []
    repeat {
      skipSpace()
      let key = try string()
      guard keys.insert(key).inserted else {
        throw JSONError.duplicateKey(path: cursor.file.path, key: key)
      }
      skipSpace()
      guard take(UInt8(ascii: ":")) else { throw malformed("expected a colon") }
      try body(&self, key)
      skipSpace()
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "}")) else { throw malformed("expected a comma or }") }
  }

  /// An array: calls `body` before each element; `body` must read it.
  package mutating func array(_ body: (inout JSONScanner) throws -> Void) throws {
    try open(UInt8(ascii: "["), "an array")
    defer { depth -= 1 }
    skipSpace()
    if take(UInt8(ascii: "]")) { return }
    repeat {
      try body(&self)
      skipSpace()
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "]")) else { throw malformed("expected a comma or ]") }
  }

  /// A whole number of at least zero, written without sign, fraction or exponent.
  package mutating func natural() throws(JSONError) -> Int {
    skipSpace()
    var value = 0
    var digitCount = 0
    let leadingZero = cursor.peek() == UInt8(ascii: "0")
    while let byte = cursor.peek(), byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(Int(byte - UInt8(ascii: "0")))
      if overflow || carry { throw malformed("a number beyond 64 bits") }
      value = sum
      digitCount += 1
      _ = cursor.skip(1)
    }
    guard digitCount > 0, !(leadingZero && digitCount > 1) else {
      throw malformed("expected a whole number of at least 0")
    }
    if let next = cursor.peek(), [".", "e", "E"].contains(UnicodeScalar(next)) {
      throw malformed("expected a whole number")
    }
    return value
  }

  /// A string, its escapes resolved.
  package mutating func string() throws(JSONError) -> String {
    skipSpace()
    guard take(UInt8(ascii: "\"")) else { throw malformed("expected a string") }
    let start = cursor.offset
    while let byte = cursor.peek() {
      if byte == UInt8(ascii: "\"") {
        let range = start..<cursor.offset
        _ = cursor.skip(1)
        guard let text = ByteCursor.text(of: cursor.file, range) else {
          throw malformed("a string that is not UTF-8")
        }
        return text
      }
      if byte == UInt8(ascii: "\\") { return try escapedString(from: start) }
      guard byte >= 0x20 else { throw malformed("a control character in a string") }
      _ = cursor.skip(1)
    }
    throw malformed("a string without an end")
  }

  /// Any value, read and forgotten.
  package mutating func skipValue() throws {
    skipSpace()
    switch cursor.peek() {
    case UInt8(ascii: "{"): try object { scanner, _ in try scanner.skipValue() }
    case UInt8(ascii: "["): try array { scanner in try scanner.skipValue() }
    case UInt8(ascii: "\""): _ = try string()
    default: try skipWord()
    }
  }

  // MARK: - Pieces

  private mutating func open(_ bracket: UInt8, _ what: String) throws(JSONError) {
    skipSpace()
    guard take(bracket) else { throw malformed("expected \(what)") }
    depth += 1
    if depth > JSONText.depthLimit {
      throw .tooDeep(path: cursor.file.path, limit: JSONText.depthLimit)
    }
  }

  /// `true`, `false`, `null` or a number, in JSON's own grammar: no NaN, no Infinity.
  private mutating func skipWord() throws(JSONError) {
    var word: [UInt8] = []
    while let byte = cursor.peek(), word.count < 64 {
      guard
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
          || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
          || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
          || [UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: ".")].contains(byte)
      else { break }
      word.append(byte)
      _ = cursor.skip(1)
    }
    let text = String(decoding: word, as: UTF8.self)
    if ["true", "false", "null"].contains(text) { return }
    let first = word.first ?? 0
    guard first == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first),
      let value = Double(text), value.isFinite, !text.lowercased().contains("x")
    else { throw malformed("expected a value") }
  }

  private mutating func escapedString(from start: Int) throws(JSONError) -> String {
    guard let head = ByteCursor.text(of: cursor.file, start..<cursor.offset) else {
      throw malformed("a string that is not UTF-8")
    }
    var bytes = [UInt8](head.utf8)
    while let byte = cursor.peek() {
      _ = cursor.skip(1)
      switch byte {
      case UInt8(ascii: "\""):
        guard let text = String(validating: bytes, as: UTF8.self) else {
          throw malformed("a string that is not UTF-8")
        }
        return text
      case UInt8(ascii: "\\"): bytes.append(contentsOf: String(try escape()).utf8)
      case 0..<0x20: throw malformed("a control character in a string")
      default: bytes.append(byte)
      }
    }
    throw malformed("a string without an end")
  }

  private mutating func escape() throws(JSONError) -> UnicodeScalar {
    guard let byte = cursor.number(UInt8.self) else { throw malformed("a string without an end") }
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return UnicodeScalar(byte)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{c}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"): break
    default: throw malformed("an unknown escape")
    }
    var code = try hexadecimal()
    if (0xd800..<0xdc00).contains(code) {
      guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else {
        throw malformed("half of a surrogate pair")
      }
      let low = try hexadecimal()
      guard (0xdc00..<0xe000).contains(low) else { throw malformed("half of a surrogate pair") }
      code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
    }
    guard let scalar = UnicodeScalar(code) else { throw malformed("half of a surrogate pair") }
    return scalar
  }

  private mutating func hexadecimal() throws(JSONError) -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = cursor.number(UInt8.self),
        let digit = Character(UnicodeScalar(byte)).hexDigitValue
      else { throw malformed("an escape needs four hexadecimal digits") }
      code = code << 4 | UInt32(digit)
    }
    return code
  }

  private mutating func skipSpace() {
    while let byte = cursor.peek(), byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 {
      _ = cursor.skip(1)
    }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    cursor.peek() == byte && cursor.skip(1)
  }

  private func malformed(_ reason: String) -> JSONError {
    .malformed(path: cursor.file.path, reason: "\(reason) at byte \(cursor.offset)")
  }
}
