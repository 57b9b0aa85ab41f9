/// A JSON value to write. Texts and keys are bytes: a Swift dictionary would take two tokens for one
/// that differ only in their normalisation form.
indirect enum JSONTree {
  case null
  case boolean(Bool)
  case integer(Int)
  case text([UInt8])
  case list([JSONTree])
  case object([(key: [UInt8], value: JSONTree)])

  static func string(_ text: String) -> JSONTree { .text(Array(text.utf8)) }

  /// An object with these members, in their order.
  static func members(_ members: KeyValuePairs<String, JSONTree>) -> JSONTree {
    .object(members.map { (Array($0.key.utf8), $0.value) })
  }

  /// The value as UTF-8, one line and a newline.
  var bytes: [UInt8] {
    var result: [UInt8] = []
    write(to: &result)
    result.append(0x0A)
    return result
  }

  private func write(to result: inout [UInt8]) {
    switch self {
    case .null: result.append(contentsOf: "null".utf8)
    case .boolean(let value): result.append(contentsOf: (value ? "true" : "false").utf8)
    case .integer(let value): result.append(contentsOf: String(value).utf8)
    case .text(let text): Self.write(text, to: &result)
    case .list(let items):
      result.append(UInt8(ascii: "["))
      for (index, item) in items.enumerated() {
        if index > 0 { result.append(UInt8(ascii: ",")) }
        item.write(to: &result)
      }
      result.append(UInt8(ascii: "]"))
    case .object(let members):
      result.append(UInt8(ascii: "{"))
      for (index, member) in members.enumerated() {
        if index > 0 { result.append(UInt8(ascii: ",")) }
        Self.write(member.key, to: &result)
        result.append(UInt8(ascii: ":"))
        member.value.write(to: &result)
      }
      result.append(UInt8(ascii: "}"))
    }
  }

  /// A string; its bytes are UTF-8 already.
  private static func write(_ text: [UInt8], to result: inout [UInt8]) {
    result.append(UInt8(ascii: "\""))
    for byte in text {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        result.append(UInt8(ascii: "\\"))
        result.append(byte)
      case 0..<0x20:
        let digits = String(byte, radix: 16)
        result.append(contentsOf: ("\\u" + String(repeating: "0", count: 4 - digits.count)).utf8)
        result.append(contentsOf: digits.utf8)
      default: result.append(byte)
      }
    }
    result.append(UInt8(ascii: "\""))
  }
}
