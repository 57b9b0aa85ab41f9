/// UTF-8 as bytes: checking, repairing, and stepping by scalars.
enum UTF8Text {
  /// Whether `text` is well-formed UTF-8 (Unicode 3.9, table 3-7).
  static func isValid(_ text: Span<UInt8>) -> Bool {
    var position = 0
    let count = text.count
    while position < count {
      if text[position] < 0x80 {
        position += 1
        continue
      }
      let (length, isWhole) = subpart(text, at: position)
      guard isWhole else { return false }
      position += length
    }
    return true
  }

  /// `bytes`, every maximal ill-formed subpart replaced by U+FFFD, as Python's
  /// `bytes.decode("utf-8", errors="replace")` does.
  static func repaired(_ bytes: [UInt8]) -> [UInt8] {
    let text = bytes.span
    if isValid(text) { return bytes }
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count + 64)
    var position = 0
    while position < text.count {
      let (length, isWhole) = subpart(text, at: position)
      if isWhole {
        for offset in 0..<length { result.append(text[position + offset]) }
      } else {
        result.append(0xEF)
        result.append(0xBF)
        result.append(0xBD)
      }
      position += length
    }
    return result
  }

  /// The length of the sequence at `position`, and whether it is a whole scalar; of an ill-formed
  /// one the length is that of its maximal subpart, at least 1.
  private static func subpart(
    _ text: Span<UInt8>, at position: Int
  ) -> (length: Int, isWhole: Bool) {
    let lead = text[position]
    var lowest: UInt8 = 0x80
    var highest: UInt8 = 0xBF
    let length: Int
    switch lead {
    case 0..<0x80: return (1, true)
    case 0xC2...0xDF: length = 2
    case 0xE0...0xEF:
      length = 3
      if lead == 0xE0 { lowest = 0xA0 }
      if lead == 0xED { highest = 0x9F }
    case 0xF0...0xF4:
      length = 4
      if lead == 0xF0 { lowest = 0x90 }
      if lead == 0xF4 { highest = 0x8F }
    default: return (1, false)
    }
    for offset in 1..<length {
      guard position + offset < text.count, text[position + offset] >= lowest,
        text[position + offset] <= highest
      else { return (offset, false) }
      lowest = 0x80
      highest = 0xBF
    }
    return (length, true)
  }

  /// The scalar at `position` of well-formed text, and its length in bytes.
  @inline(__always)
  static func scalar(_ text: Span<UInt8>, at position: Int) -> (value: UInt32, length: Int) {
    let lead = text[position]
    if lead < 0x80 { return (UInt32(lead), 1) }
    let second = UInt32(text[position + 1] & 0x3F)
    if lead < 0xE0 { return (UInt32(lead & 0x1F) << 6 | second, 2) }
    let third = UInt32(text[position + 2] & 0x3F)
    if lead < 0xF0 { return (UInt32(lead & 0x0F) << 12 | second << 6 | third, 3) }
    let fourth = UInt32(text[position + 3] & 0x3F)
    return (UInt32(lead & 0x07) << 18 | second << 12 | third << 6 | fourth, 4)
  }

  /// Appends a scalar.
  static func append(_ scalar: UInt32, to bytes: inout [UInt8]) {
    if scalar < 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: scalar))
      return
    }
    if scalar < 0x800 {
      bytes.append(UInt8(truncatingIfNeeded: 0xC0 | scalar >> 6))
    } else {
      if scalar < 0x10000 {
        bytes.append(UInt8(truncatingIfNeeded: 0xE0 | scalar >> 12))
      } else {
        bytes.append(UInt8(truncatingIfNeeded: 0xF0 | scalar >> 18))
        bytes.append(UInt8(truncatingIfNeeded: 0x80 | scalar >> 12 & 0x3F))
      }
      bytes.append(UInt8(truncatingIfNeeded: 0x80 | scalar >> 6 & 0x3F))
    }
    bytes.append(UInt8(truncatingIfNeeded: 0x80 | scalar & 0x3F))
  }

  /// The length of the scalar that begins with `lead`.
  @inline(__always)
  static func length(lead: UInt8) -> Int {
    lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
  }

  /// The start of the scalar that ends before `position` of well-formed text.
  @inline(__always)
  static func startBefore(_ text: Span<UInt8>, _ position: Int) -> Int {
    var start = position - 1
    while start > 0, text[start] & 0xC0 == 0x80 { start -= 1 }
    return start
  }
}
