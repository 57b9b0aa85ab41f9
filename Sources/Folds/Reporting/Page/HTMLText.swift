/// Text → HTML.
package enum HTMLText {
  /// Escapes what HTML would read as markup, in text and in quoted attributes alike. Control
  /// characters, which no HTML document may hold, become U+FFFD.
  package static func escape(_ text: String) -> String {
    var result = ""
    result.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      case "\t", "\n", "\r": result.unicodeScalars.append(scalar)
      case "\0"..."\u{1F}", "\u{7F}"..."\u{9F}": result += "\u{FFFD}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// Prose: escaped, with `code` and **strong** words. An unpaired mark stands for itself. A percent
  /// sign keeps to its number, as where numbers are formatted.
  package static func prose(_ text: String) -> String {
    var result = ""
    for (index, part) in paired(text, "`").enumerated() {
      if index % 2 == 1 {
        result += "<code>\(escape(part))</code>"
        continue
      }
      for (index, part) in paired(part, "**").enumerated() {
        let text = escape(part).replacing(/([0-9]) %/) { "\($0.output.1)\u{202F}%" }
        result += index % 2 == 1 ? "<strong>\(text)</strong>" : text
      }
    }
    return result
  }

  /// Splits at each mark; the parts at odd places lie between two marks.
  private static func paired(_ text: String, _ mark: String) -> [String] {
    var parts = text.split(separator: mark, omittingEmptySubsequences: false).map(String.init)
    if parts.count % 2 == 0, let last = parts.popLast(), let before = parts.popLast() {
      parts.append(before + mark + last)
    }
    return parts
  }

  /// JavaScript that may stand inside a script element: nothing in it ends the element early.
  /// Inside string and regular-expression literals, the only places where such text occurs in
  /// a program, the backslash changes nothing.
  package static func script(_ source: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(source.count + 64)
    let slash = UInt8(ascii: "/")
    for (index, byte) in source.enumerated() {
      if index > 0 && source[index - 1] == UInt8(ascii: "<") {
        if byte == slash && hasPrefix(source, at: index + 1, "script")
          || byte == UInt8(ascii: "!") && hasPrefix(source, at: index + 1, "--")
        {
          result.append(UInt8(ascii: "\\"))
        }
      }
      result.append(byte)
    }
    return result
  }

  private static func hasPrefix(_ source: [UInt8], at start: Int, _ prefix: StaticString) -> Bool {
    let wanted = Array("\(prefix)".utf8)
    guard start + wanted.count <= source.count else { return false }
    return zip(source[start...], wanted).allSatisfy { ($0 | 0x20) == ($1 | 0x20) }
  }
}
