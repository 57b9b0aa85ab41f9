/// What is done to a text before it is cut.
struct Normalizer: Sendable {
  enum Step: Sendable {
    case unicode(UnicodeForm)
    case lowercase
    case strip(left: Bool, right: Bool)
    /// Something before every text that is not empty.
    case prepend([UInt8])
    /// A text, not empty, for another.
    case replace([UInt8], with: [UInt8])
    case replaceExpression(RegularExpression, with: [UInt8])
  }

  let steps: [Step]

  /// `text[range]` after all steps.
  func normalize(
    _ text: Span<UInt8>, _ range: Range<Int>, _ tables: inout NormalizationTables
  ) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(range.count + range.count / 2)
    for position in range { bytes.append(text[position]) }
    for step in steps where !bytes.isEmpty { apply(step, to: &bytes, &tables) }
    return bytes
  }

  private func apply(
    _ step: Step, to bytes: inout [UInt8], _ tables: inout NormalizationTables
  ) {
    switch step {
    case .unicode(let form): bytes = form.normalize(bytes, &tables)
    case .lowercase: bytes = lowercased(bytes)
    case .strip(let left, let right): bytes = stripped(bytes, left: left, right: right)
    case .prepend(let prefix): bytes.insert(contentsOf: prefix, at: 0)
    case .replace(let pattern, let content): bytes = replacing(bytes, pattern, content)
    case .replaceExpression(let expression, let content):
      var result: [UInt8] = []
      var last = 0
      for match in expression.matches(in: bytes.span, 0..<bytes.count) {
        result.append(contentsOf: bytes[last..<match.lowerBound])
        result.append(contentsOf: content)
        last = match.upperBound
      }
      result.append(contentsOf: bytes[last...])
      bytes = result
    }
  }

  private func replacing(_ bytes: [UInt8], _ pattern: [UInt8], _ content: [UInt8]) -> [UInt8] {
    let text = bytes.span
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count + bytes.count / 2)
    var position = 0
    while position < text.count {
      var length = 0
      while length < pattern.count, position + length < text.count,
        text[position + length] == pattern[length]
      {
        length += 1
      }
      if length == pattern.count {
        result.append(contentsOf: content)
        position += length
      } else {
        result.append(text[position])
        position += 1
      }
    }
    return result
  }

  /// Each character by itself, as Rust's `char::to_lowercase`.
  private func lowercased(_ bytes: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
      if scalar.isASCII {
        let byte = UInt8(truncatingIfNeeded: scalar.value)
        result.append(byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte)
      } else {
        result.append(contentsOf: scalar.properties.lowercaseMapping.utf8)
      }
    }
    return result
  }

  private func stripped(_ bytes: [UInt8], left: Bool, right: Bool) -> [UInt8] {
    var scalars = String(decoding: bytes, as: UTF8.self).unicodeScalars[...]
    while left, let first = scalars.first, first.properties.isWhitespace {
      scalars.removeFirst()
    }
    while right, let last = scalars.last, last.properties.isWhitespace { scalars.removeLast() }
    return Array(String(scalars).utf8)
  }
}
