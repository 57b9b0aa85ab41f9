/// The string fields of one JSON object in one line.
///
/// The whole line is checked against RFC 8259's grammar while it is scanned, and nothing but the
/// wanted fields is decoded or copied, so a line costs little more than reading it. What RFC 8259
/// leaves open follows Python's `json`, which wrote most corpora: the last of equal keys wins, NaN
/// and Infinity are numbers, a byte below 0x20 inside a string is a mistake. An escaped surrogate
/// without its partner becomes U+FFFD. Numbers are checked and not converted, so none is too large.
struct JSONLine {
  /// What a wanted field holds.
  enum Value: Equatable {
    case missing
    /// Decoded, in UTF-8.
    case string([UInt8])
    /// As written.
    case number([UInt8])
    /// A value of another kind: "an array", "an object", "true", "false" or "null".
    case other(String)

    /// The kind of value, for messages.
    var kind: String {
      switch self {
      case .missing: "nothing"
      case .string: "a string"
      case .number: "a number"
      case .other(let kind): kind
      }
    }
  }

  /// The names of nested fields from the outside in: "meta.source" is ["meta", "source"].
  struct FieldPath {
    let components: [ArraySlice<UInt8>]

    init(_ dotted: String) {
      components = dotted.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        .map { ArraySlice($0) }
    }
  }

  /// Objects and arrays nested deeper are refused. Scanning does not recurse into them.
  static let depthLimit = 512

  private let bytes: [UInt8]
  private let fields: [FieldPath]
  private var position = 0
  private var values: [Value]

  /// Scans a line and returns the values of `fields`, in their order.
  ///
  /// - Parameter line: UTF-8, without its newline.
  /// - Throws: `LineProblem` when the line is not one JSON object; never for a missing field.
  static func values(
    of fields: [FieldPath], in line: [UInt8]
  ) throws(LineProblem) -> [Value] {
    var scanner = JSONLine(bytes: line, fields: fields)
    return try scanner.scan()
  }

  private init(bytes: [UInt8], fields: [FieldPath]) {
    self.bytes = bytes
    self.fields = fields
    values = Array(repeating: .missing, count: fields.count)
  }

  private mutating func scan() throws(LineProblem) -> [Value] {
    skipBlank()
    guard peek() == openBrace else {
      let value = try captureValue(depth: 0)
      throw .notAnObject(found: value.kind)
    }
    try scanObject(depth: 1, live: Array(fields.indices))
    skipBlank()
    guard position == bytes.count else { throw mistake("the end of the line") }
    return values
  }

  // MARK: - Objects that may hold a wanted field

  /// Scans an object of which the outer names match the fields `live`. Recursion goes only as deep
  /// as the longest field path.
  private mutating func scanObject(depth: Int, live: [Int]) throws(LineProblem) {
    position += 1
    skipBlank()
    if take(closeBrace) { return }
    while true {
      let key = try scanKey()
      var inner: [Int] = []
      var captured: [Int] = []
      for field in live where fields[field].components[depth - 1] == key {
        // The last of equal keys wins, so whatever an earlier one gave is void.
        values[field] = .missing
        if fields[field].components.count == depth {
          captured.append(field)
        } else {
          inner.append(field)
        }
      }
      let isObject = peek() == openBrace
      if isObject && !inner.isEmpty {
        for field in captured { values[field] = .other("an object") }
        try scanObject(depth: depth + 1, live: inner)
      } else if captured.isEmpty {
        try skipValue(depth: depth)
      } else {
        let value = try captureValue(depth: depth)
        for field in captured { values[field] = value }
      }
      skipBlank()
      if take(comma) {
        skipBlank()
        continue
      }
      guard take(closeBrace) else { throw mistake("\",\" or \"}\"") }
      return
    }
  }

  /// A key, decoded, and the colon behind it; stops at the value's first byte.
  private mutating func scanKey() throws(LineProblem) -> ArraySlice<UInt8> {
    guard peek() == quote else { throw mistake("a key in quotation marks") }
    let (content, hasEscapes) = try scanString()
    skipBlank()
    guard take(colon) else { throw mistake("\":\"") }
    skipBlank()
    return hasEscapes ? try decode(content)[...] : bytes[content]
  }

  private mutating func captureValue(depth: Int) throws(LineProblem) -> Value {
    let start = position
    switch peek() {
    case quote:
      let (content, hasEscapes) = try scanString()
      return .string(hasEscapes ? try decode(content) : Array(bytes[content]))
    case openBrace:
      try skipValue(depth: depth)
      return .other("an object")
    case openBracket:
      try skipValue(depth: depth)
      return .other("an array")
    case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"):
      try scanScalar()
      return .other(String(decoding: bytes[start..<position], as: UTF8.self))
    default:
      try scanScalar()
      return .number(Array(bytes[start..<position]))
    }
  }

  // MARK: - Values that are checked and passed over

  /// Passes over one value without recursion: `closers` is the stack of what is still open.
  private mutating func skipValue(depth: Int) throws(LineProblem) {
    var closers: [UInt8] = []
    while true {
      skipBlank()
      if let opener = peek(), opener == openBrace || opener == openBracket {
        let closer = opener == openBrace ? closeBrace : closeBracket
        position += 1
        skipBlank()
        if !take(closer) {
          closers.append(closer)
          guard depth + closers.count <= Self.depthLimit else {
            throw .tooDeep(limit: Self.depthLimit)
          }
          if closer == closeBrace { _ = try scanKey() }
          continue
        }
      } else if peek() == quote {
        _ = try scanString()
      } else {
        try scanScalar()
      }
      // A value has ended: close what ends with it, up to the comma before the next one.
      while true {
        guard let closer = closers.last else { return }
        skipBlank()
        if take(comma) {
          skipBlank()
          if closer == closeBrace { _ = try scanKey() }
          break
        }
        guard take(closer) else {
          throw mistake(closer == closeBrace ? "\",\" or \"}\"" : "\",\" or \"]\"")
        }
        closers.removeLast()
      }
    }
  }

  /// A number, true, false, null, or Python's NaN, Infinity and -Infinity.
  private mutating func scanScalar() throws(LineProblem) {
    switch peek() {
    case UInt8(ascii: "t"): try scanWord("true")
    case UInt8(ascii: "f"): try scanWord("false")
    case UInt8(ascii: "n"): try scanWord("null")
    case UInt8(ascii: "N"): try scanWord("NaN")
    case UInt8(ascii: "I"): try scanWord("Infinity")
    default: try scanNumber()
    }
  }

  private mutating func scanWord(_ word: StaticString) throws(LineProblem) {
    for byte in "\(word)".utf8 {
      guard take(byte) else { throw mistake("\(word)") }
    }
  }

  private mutating func scanNumber() throws(LineProblem) {
    if take(UInt8(ascii: "-")), peek() == UInt8(ascii: "I") { return try scanWord("Infinity") }
    guard let first = peek(), isDigit(first) else { throw mistake("a value") }
    if first == UInt8(ascii: "0") {
      position += 1
    } else {
      skipDigits()
    }
    if take(UInt8(ascii: ".")) { try scanDigits() }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      try scanDigits()
    }
  }

  private mutating func scanDigits() throws(LineProblem) {
    guard let byte = peek(), isDigit(byte) else { throw mistake("a digit") }
    skipDigits()
  }

  private mutating func skipDigits() {
    while position < bytes.count && isDigit(bytes[position]) { position += 1 }
  }

  // MARK: - Strings

  /// Passes over a string; returns where its content lies and whether it holds escapes.
  private mutating func scanString() throws(LineProblem) -> (Range<Int>, Bool) {
    let start = position + 1
    var index = start
    var hasEscapes = false
    while index < bytes.count {
      let byte = bytes[index]
      if byte == quote {
        position = index + 1
        return (start..<index, hasEscapes)
      }
      if byte == backslash {
        hasEscapes = true
        position = index
        index += try escapeLength(at: index)
      } else if byte < 0x20 {
        position = index
        throw mistake("no control character in a string")
      } else {
        index += 1
      }
    }
    position = bytes.count
    throw mistake("\"\\\"\"")
  }

  /// The length of the escape at `index`: 2, or 6 for \uXXXX.
  private func escapeLength(at index: Int) throws(LineProblem) -> Int {
    guard index + 1 < bytes.count else { throw mistake("an escape") }
    switch bytes[index + 1] {
    case quote, backslash, UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
      UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      return 2
    case UInt8(ascii: "u"):
      guard codeUnit(at: index + 2) != nil else { throw mistake("four hexadecimal digits") }
      return 6
    default: throw mistake("an escape")
    }
  }

  /// The number that four hexadecimal digits at `index` write; nil when they are not there.
  private func codeUnit(at index: Int) -> UInt32? {
    guard index + 4 <= bytes.count else { return nil }
    var value: UInt32 = 0
    for byte in bytes[index..<(index + 4)] {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt32(byte - 0x30)
      case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt32(byte - 0x61 + 10)
      case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value << 4 | UInt32(byte - 0x41 + 10)
      default: return nil
      }
    }
    return value
  }

  /// The bytes of a string's content with its escapes, all of them already checked, decoded.
  private func decode(_ content: Range<Int>) throws(LineProblem) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(content.count)
    var index = content.lowerBound
    var plain = index
    while index < content.upperBound {
      guard bytes[index] == backslash else {
        index += 1
        continue
      }
      text += bytes[plain..<index]
      switch bytes[index + 1] {
      case UInt8(ascii: "b"): text.append(0x08)
      case UInt8(ascii: "f"): text.append(0x0c)
      case UInt8(ascii: "n"): text.append(0x0a)
      case UInt8(ascii: "r"): text.append(0x0d)
      case UInt8(ascii: "t"): text.append(0x09)
      case UInt8(ascii: "u"):
        index += appendScalar(at: index, within: content, to: &text)
        plain = index
        continue
      case let byte: text.append(byte)
      }
      index += 2
      plain = index
    }
    text += bytes[plain..<content.upperBound]
    return text
  }

  /// Appends the scalar that the \uXXXX escape at `index`, with its partner, writes; returns the
  /// number of bytes read, 6 or 12.
  private func appendScalar(
    at index: Int, within content: Range<Int>, to text: inout [UInt8]
  ) -> Int {
    let unit = codeUnit(at: index + 2) ?? 0xfffd
    if (0xd800...0xdbff).contains(unit), index + 12 <= content.upperBound,
      bytes[index + 6] == backslash, bytes[index + 7] == UInt8(ascii: "u"),
      let low = codeUnit(at: index + 8), (0xdc00...0xdfff).contains(low),
      let scalar = Unicode.Scalar(0x10000 + (unit - 0xd800) << 10 + (low - 0xdc00))
    {
      text += UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter
      return 12
    }
    let scalar = Unicode.Scalar(unit) ?? "\u{fffd}"
    text += UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter
    return 6
  }

  // MARK: - Bytes

  private func peek() -> UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard position < bytes.count, bytes[position] == byte else { return false }
    position += 1
    return true
  }

  private mutating func skipBlank() {
    while position < bytes.count, isBlank(bytes[position]) { position += 1 }
  }

  private func mistake(_ expected: String) -> LineProblem {
    .notJSON(offset: position, expected: expected)
  }
}

/// JSON's white space.
func isBlank(_ byte: UInt8) -> Bool {
  byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09
}

private func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

private let quote = UInt8(ascii: "\"")
private let backslash = UInt8(ascii: "\\")
private let comma = UInt8(ascii: ",")
private let colon = UInt8(ascii: ":")
private let openBrace = UInt8(ascii: "{")
private let closeBrace = UInt8(ascii: "}")
private let openBracket = UInt8(ascii: "[")
private let closeBracket = UInt8(ascii: "]")
