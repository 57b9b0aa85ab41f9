/// A JSON text that was checked whole and is then walked in place.
///
/// Vocabularies need what Foundation's decoder does not give: keys as bytes (Swift strings compare
/// canonically, and two tokens may differ only in their normalisation form), duplicate keys seen,
/// and no tree in memory beside the file.
struct JSONDocument {
  /// A value's first byte.
  typealias Node = Int

  enum Kind: String { case object, array, string, number, boolean, null }

  let file: String
  let bytes: [UInt8]
  let root: Node

  /// Deeper nesting is refused.
  static let depthLimit = 64

  /// Checks `bytes` as one JSON value (RFC 8259) in valid UTF-8.
  init(_ bytes: [UInt8], file: String) throws(TokenizerError) {
    self.file = file
    self.bytes = bytes
    guard UTF8Text.isValid(bytes.span) else {
      throw .malformedJSON(file: file, offset: 0, reason: "the text is not UTF-8")
    }
    var checker = JSONChecker(file: file)
    self.root = try checker.check(bytes.span)
  }

  func kind(_ node: Node) -> Kind {
    switch bytes[node] {
    case UInt8(ascii: "{"): .object
    case UInt8(ascii: "["): .array
    case UInt8(ascii: "\""): .string
    case UInt8(ascii: "t"), UInt8(ascii: "f"): .boolean
    case UInt8(ascii: "n"): .null
    default: .number
    }
  }

  // MARK: Walking

  /// Calls `body` with the raw key (between the quotes) and the value of each member.
  func forEachMember(
    of node: Node, _ body: (_ key: Node, _ value: Node) throws(TokenizerError) -> Void
  ) throws(TokenizerError) {
    var position = skipSpace(node + 1)
    while bytes[position] != UInt8(ascii: "}") {
      let key = position
      position = skipSpace(skipSpace(end(of: key)) + 1)
      let value = position
      try body(key, value)
      position = skipSpace(end(of: value))
      if bytes[position] == UInt8(ascii: ",") { position = skipSpace(position + 1) }
    }
  }

  /// Calls `body` with each element.
  func forEachElement(
    of node: Node, _ body: (_ value: Node) throws(TokenizerError) -> Void
  ) throws(TokenizerError) {
    var position = skipSpace(node + 1)
    while bytes[position] != UInt8(ascii: "]") {
      try body(position)
      position = skipSpace(end(of: position))
      if bytes[position] == UInt8(ascii: ",") { position = skipSpace(position + 1) }
    }
  }

  /// The members of an object by name; a name that stands twice is refused.
  ///
  /// For small objects only: use `forEachMember(of:_:)` for vocabularies.
  func members(of node: Node, field: String) throws(TokenizerError) -> [String: Node] {
    guard kind(node) == .object else {
      throw .wrongField(
        file: file, field: field, expected: "an object", found: kind(node).rawValue)
    }
    var members: [String: Node] = [:]
    try forEachMember(of: node) { key, value throws(TokenizerError) in
      let name = String(decoding: try string(key), as: UTF8.self)
      guard members.updateValue(value, forKey: name) == nil else {
        throw .wrongField(
          file: file, field: "\(field).\(TokenizerError.excerpt(name.utf8))",
          expected: "one value", found: "the key twice")
      }
      guard members.count <= 1024 else {
        throw .limitExceeded(
          file: file, field: "\(field) (keys)", found: members.count, limit: 1024)
      }
    }
    return members
  }

  // MARK: Values

  /// The bytes of a string, its escapes resolved.
  func string(_ node: Node) throws(TokenizerError) -> [UInt8] {
    let last = end(of: node) - 1
    var result: [UInt8] = []
    result.reserveCapacity(last - node - 1)
    var position = node + 1
    while position < last {
      let byte = bytes[position]
      guard byte == UInt8(ascii: "\\") else {
        result.append(byte)
        position += 1
        continue
      }
      switch bytes[position + 1] {
      case UInt8(ascii: "n"): result.append(0x0A)
      case UInt8(ascii: "t"): result.append(0x09)
      case UInt8(ascii: "r"): result.append(0x0D)
      case UInt8(ascii: "b"): result.append(0x08)
      case UInt8(ascii: "f"): result.append(0x0C)
      case UInt8(ascii: "u"):
        var value = hexadecimal(position + 2)
        if value & 0xFC00 == 0xD800, position + 12 <= last,
          bytes[position + 6] == UInt8(ascii: "\\"), bytes[position + 7] == UInt8(ascii: "u")
        {
          let low = hexadecimal(position + 8)
          if low & 0xFC00 == 0xDC00 {
            value = 0x10000 + (value & 0x3FF) << 10 + low & 0x3FF
            position += 6
          }
        }
        guard let scalar = Unicode.Scalar(value) else {
          throw .malformedJSON(file: file, offset: position, reason: "half of a surrogate pair")
        }
        result.append(contentsOf: String(scalar).utf8)
        position += 4
      default: result.append(bytes[position + 1])
      }
      position += 2
    }
    return result
  }

  /// A number without sign, fraction and exponent; nil for any other value.
  func naturalNumber(_ node: Node) -> Int? {
    var value = 0
    var position = node
    while position < bytes.count, bytes[position] >= 0x30, bytes[position] <= 0x39 {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflow2) = product.addingReportingOverflow(Int(bytes[position] - 0x30))
      if overflow || overflow2 { return .max }
      value = sum
      position += 1
    }
    guard position > node else { return nil }
    if position < bytes.count, [0x2E, 0x45, 0x65].contains(bytes[position]) { return nil }
    return value
  }

  /// A number, as close as Double comes.
  func number(_ node: Node) -> Double? {
    guard kind(node) == .number else { return nil }
    return Double(String(decoding: bytes[node..<end(of: node)], as: UTF8.self))
  }

  /// A boolean; nil for any other value.
  func boolean(_ node: Node) -> Bool? {
    kind(node) == .boolean ? bytes[node] == UInt8(ascii: "t") : nil
  }

  /// The position after the value that begins at `node`.
  func end(of node: Node) -> Int {
    var position = node
    var depth = 0
    repeat {
      switch bytes[position] {
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        depth += 1
        position += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        depth -= 1
        position += 1
      case UInt8(ascii: "\""):
        position += 1
        while bytes[position] != UInt8(ascii: "\"") {
          position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
        }
        position += 1
      case UInt8(ascii: ","), UInt8(ascii: ":"), 0x20, 0x0A, 0x0D, 0x09:
        position += 1
      default:
        while position < bytes.count, !JSONChecker.endsLiteral(bytes[position]) { position += 1 }
      }
    } while depth > 0
    return position
  }

  private func skipSpace(_ start: Int) -> Int {
    var position = start
    while position < bytes.count, JSONChecker.isSpace(bytes[position]) { position += 1 }
    return position
  }

  private func hexadecimal(_ start: Int) -> UInt32 {
    var value: UInt32 = 0
    for position in start..<(start + 4) {
      value = value << 4 | UInt32(hexadecimalDigit(bytes[position]) ?? 0)
    }
    return value
  }
}

/// The value of one hexadecimal digit.
func hexadecimalDigit(_ byte: UInt8) -> UInt8? {
  switch byte {
  case 0x30...0x39: byte - 0x30
  case 0x41...0x46: byte - 0x41 + 10
  case 0x61...0x66: byte - 0x61 + 10
  default: nil
  }
}
