/// Writes GGUF bytes field by field, right or wrong as a test asks.
struct GGUFBuilder {
  private(set) var bytes: [UInt8] = []

  init(
    magic: String = "GGUF", version: UInt32 = 3, tensorCount: UInt64 = 0, valueCount: UInt64 = 0
  ) {
    bytes = Array(magic.utf8)
    number(version)
    number(tensorCount)
    number(valueCount)
  }

  mutating func number<Number: FixedWidthInteger>(_ value: Number) {
    for index in 0..<Number.bitWidth / 8 {
      bytes.append(UInt8(truncatingIfNeeded: value >> (8 * index)))
    }
  }

  /// A text behind its length, or behind another length.
  mutating func text(_ text: String, length: UInt64? = nil) {
    number(length ?? UInt64(text.utf8.count))
    bytes.append(contentsOf: Array(text.utf8))
  }

  mutating func value<Number: FixedWidthInteger>(_ key: String, type: UInt32, _ value: Number) {
    text(key)
    number(type)
    number(value)
  }

  mutating func tensor(
    _ name: String, sides: [Int64], type: UInt32 = 0, offset: UInt64, rank: UInt32? = nil
  ) {
    text(name)
    number(rank ?? UInt32(sides.count))
    for side in sides { number(side) }
    number(type)
    number(offset)
  }

  mutating func pad(to alignment: Int = 32) {
    while bytes.count % alignment != 0 { bytes.append(0) }
  }

  mutating func data(_ count: Int) {
    bytes.append(contentsOf: Array(repeating: 0, count: count))
  }
}
