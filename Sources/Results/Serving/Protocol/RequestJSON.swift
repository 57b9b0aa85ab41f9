/// JSON that a stranger sent: numbers stay together, so that a long list of ids takes no more memory
/// than its text does.
package enum RequestJSON: Equatable, Sendable {
  case null
  case boolean(Bool)
  case number(Double)
  case string(String)
  /// A list of nothing but integers; never empty.
  case integers([Int])
  case list([RequestJSON])
  case object([String: RequestJSON])

  /// Deeper nesting is refused before it is read.
  static let depthLimit = 32
  /// Values in one text, integers of a list not counted.
  static let valueLimit = 65_536

  /// - Throws: 400 for what is not JSON, nests too deep, or repeats a key.
  package init(_ text: [UInt8]) throws(ServingFailure) {
    var reader = RequestJSONReader(text)
    self = try reader.document()
  }

  /// The JSON name of the kind of value, for messages.
  var kind: String {
    switch self {
    case .null: "null"
    case .boolean: "a boolean"
    case .number: "a number"
    case .string: "a string"
    case .integers, .list: "a list"
    case .object: "an object"
    }
  }

  /// A number without a fraction.
  var integer: Int? {
    if case .number(let value) = self { return Int(exactly: value) }
    return nil
  }
}

/// One pass over the bytes.
private struct RequestJSONReader {
  private let text: [UInt8]
  private var position = 0
  private var valueCount = 0

  init(_ text: [UInt8]) { self.text = text }

  mutating func document() throws(ServingFailure) -> RequestJSON {
    let value = try value(depth: 0)
    skipSpace()
    if position < text.count { throw failure("something after the value") }
    return value
  }

  private mutating func value(depth: Int) throws(ServingFailure) -> RequestJSON {
    skipSpace()
    guard let byte = peek else { throw failure("the text ends early") }
    valueCount += 1
    guard valueCount <= RequestJSON.valueLimit else {
      throw failure("more than \(RequestJSON.valueLimit) values")
    }
    switch byte {
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      guard depth < RequestJSON.depthLimit else {
        throw failure("more than \(RequestJSON.depthLimit) nested levels")
      }
      position += 1
      return byte == UInt8(ascii: "{") ? try object(depth: depth) : try list(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .boolean(true))
    case UInt8(ascii: "f"): return try word("false", .boolean(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: return try number()
    }
  }

  private mutating func object(depth: Int) throws(ServingFailure) -> RequestJSON {
    var members: [String: RequestJSON] = [:]
    skipSpace()
    if take(UInt8(ascii: "}")) { return .object(members) }
    repeat {
      skipSpace()
      guard peek == UInt8(ascii: "\"") else { throw failure("no key where one should be") }
      let key = try string()
      skipSpace()
      guard take(UInt8(ascii: ":")) else { throw failure("no colon after a key") }
      guard members.updateValue(try value(depth: depth + 1), forKey: key) == nil else {
        throw failure("the key \"\(key.prefix(40))\" stands twice in one object")
      }
      skipSpace()
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "}")) else { throw failure("no comma between members") }
    return .object(members)
  }

  private mutating func list(depth: Int) throws(ServingFailure) -> RequestJSON {
    skipSpace()
    if take(UInt8(ascii: "]")) { return .list([]) }
    if let integers = integers() { return .integers(integers) }
    var elements: [RequestJSON] = []
    repeat {
      elements.append(try value(depth: depth + 1))
      skipSpace()
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "]")) else { throw failure("no comma between elements") }
    return .list(elements)
  }

  /// The rest of a list, where it holds plain integers only; otherwise nothing was read.
  private mutating func integers() -> [Int]? {
    let start = position
    var values: [Int] = []
    repeat {
      skipSpace()
      let isNegative = take(UInt8(ascii: "-"))
      let first = position
      var value = 0
      while let byte = peek, (0x30...0x39).contains(byte), position - first < 18 {
        value = value * 10 + Int(byte - 0x30)
        position += 1
      }
      let hasLeadingZero = position - first > 1 && text[first] == 0x30
      guard position > first, !hasLeadingZero else {
        position = start
        return nil
      }
      values.append(isNegative ? -value : value)
      skipSpace()
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "]")) else {
      position = start
      return nil
    }
    return values
  }

  private mutating func number() throws(ServingFailure) -> RequestJSON {
    let start = position
    _ = take(UInt8(ascii: "-"))
    let first = position
    skipDigits()
    var isNumber = position > first && (position - first == 1 || text[first] != 0x30)
    if take(UInt8(ascii: ".")) {
      let fraction = position
      skipDigits()
      isNumber = isNumber && position > fraction
    }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      let exponent = position
      skipDigits()
      isNumber = isNumber && position > exponent
    }
    guard isNumber, position - start <= 64,
      let value = Double(String(decoding: text[start..<position], as: UTF8.self)), value.isFinite
    else {
      position = start
      throw failure("no value where one should be, or a number out of range")
    }
    return .number(value)
  }

  private mutating func string() throws(ServingFailure) -> String {
    position += 1
    var bytes: [UInt8] = []
    var start = position
    while let byte = peek {
      switch byte {
      case UInt8(ascii: "\""):
        bytes.append(contentsOf: text[start..<position])
        position += 1
        guard let result = String(validating: bytes, as: UTF8.self) else {
          throw failure("a string that is not UTF-8")
        }
        return result
      case UInt8(ascii: "\\"):
        bytes.append(contentsOf: text[start..<position])
        position += 1
        bytes.append(contentsOf: Character(try escape()).utf8)
        start = position
      case 0..<0x20: throw failure("a control character within a string")
      default: position += 1
      }
    }
    throw failure("a string without end")
  }

  /// What follows a backslash.
  private mutating func escape() throws(ServingFailure) -> Unicode.Scalar {
    guard let byte = peek else { throw failure("a string without end") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"): break
    default: throw failure("an unknown escape")
    }
    var code = try hexadecimal()
    if (0xD800..<0xDC00).contains(code), take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) {
      let low = try hexadecimal()
      guard (0xDC00..<0xE000).contains(low) else { throw failure("half a surrogate pair") }
      code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
    }
    guard let scalar = Unicode.Scalar(code) else { throw failure("half a surrogate pair") }
    return scalar
  }

  private mutating func hexadecimal() throws(ServingFailure) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = peek, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw failure("\\u without four hexadecimal digits")
      }
      value = value << 4 + UInt32(digit)
      position += 1
    }
    return value
  }

  private mutating func word(
    _ word: StaticString, _ value: RequestJSON
  ) throws(ServingFailure) -> RequestJSON {
    for byte in "\(word)".utf8 {
      guard take(byte) else { throw failure("an unknown word") }
    }
    return value
  }

  private var peek: UInt8? { position < text.count ? text[position] : nil }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard peek == byte else { return false }
    position += 1
    return true
  }

  private mutating func skipDigits() {
    while let byte = peek, (0x30...0x39).contains(byte) { position += 1 }
  }

  private mutating func skipSpace() {
    while let byte = peek, [0x20, 0x0A, 0x0D, 0x09].contains(byte) { position += 1 }
  }

  private func failure(_ reason: String) -> ServingFailure {
    .invalid("expected a JSON object as the body, found \(reason) at byte \(position)")
  }
}
