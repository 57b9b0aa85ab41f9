import Foundation

/// A JSON document whose bytes depend on nothing but its content: keys sorted by their UTF-8 bytes,
/// numbers with a fixed number of significant digits, what is not finite as `null`.
///
/// Markup that could end an HTML script element (`<`, `>`, `&`, U+2028, U+2029) is written as
/// `\u` escapes, so the same bytes may stand in a file and inside a page.
package indirect enum JSONValue: Equatable, Sendable {
  case null
  case bool(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])

  /// Significant digits of numbers in figures: beyond what a Float32 measurement carries.
  package static let significantDigits = 8

  package static func numbers(_ values: [Double]) -> JSONValue {
    .array(values.map { .number($0) })
  }
  package static func strings(_ values: [String]) -> JSONValue {
    .array(values.map { .string($0) })
  }

  /// The document as UTF-8, on one line.
  package var bytes: [UInt8] {
    var result: [UInt8] = []
    append(to: &result)
    return result
  }

  private func append(to result: inout [UInt8]) {
    switch self {
    case .null: result += "null".utf8
    case .bool(let value): result += (value ? "true" : "false").utf8
    case .integer(let value): result += String(value).utf8
    case .number(let value): result += Self.text(value).utf8
    case .string(let value): Self.append(value, to: &result)
    case .array(let values):
      result.append(UInt8(ascii: "["))
      for (index, value) in values.enumerated() {
        if index > 0 { result.append(UInt8(ascii: ",")) }
        value.append(to: &result)
      }
      result.append(UInt8(ascii: "]"))
    case .object(let members):
      result.append(UInt8(ascii: "{"))
      let keys = members.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
      for (index, key) in keys.enumerated() {
        if index > 0 { result.append(UInt8(ascii: ",")) }
        Self.append(key, to: &result)
        result.append(UInt8(ascii: ":"))
        members[key]?.append(to: &result)
      }
      result.append(UInt8(ascii: "}"))
    }
  }

  /// The shortest text of a number rounded to `significantDigits`; `null` when it is not finite.
  package static func text(_ value: Double) -> String {
    guard value.isFinite else { return "null" }
    if value == 0 { return "0" }
    if value == value.rounded(), abs(value) < 1e15 { return String(format: "%.0f", value) }
    return String(format: "%.*g", significantDigits, value)
  }

  private static func append(_ text: String, to result: inout [UInt8]) {
    result.append(UInt8(ascii: "\""))
    defer { result.append(UInt8(ascii: "\"")) }
    // Nearly every text is plain ASCII without anything to escape.
    let isPlain = text.utf8.allSatisfy { byte in
      switch byte {
      case 0x22, 0x26, 0x3C, 0x3E, 0x5C: false
      default: (0x20..<0x7F).contains(byte)
      }
    }
    if isPlain {
      result += text.utf8
      return
    }
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += #"\""#.utf8
      case "\\": result += #"\\"#.utf8
      case "\n": result += #"\n"#.utf8
      case "\t": result += #"\t"#.utf8
      case "\r": result += #"\r"#.utf8
      case "<", ">", "&", "\u{7F}", "\u{2028}", "\u{2029}", "\0"..."\u{1F}":
        result += String(format: "\\u%04x", scalar.value).utf8
      default: result += Character(scalar).utf8
      }
    }
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral, ExpressibleByNilLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  package init(stringLiteral value: String) { self = .string(value) }
  package init(integerLiteral value: Int) { self = .integer(value) }
  package init(floatLiteral value: Double) { self = .number(value) }
  package init(booleanLiteral value: Bool) { self = .bool(value) }
  package init(nilLiteral: ()) { self = .null }
  package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  package init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(Dictionary(elements) { _, last in last })
  }
}
