import Foundation

/// A seeded random source (SplitMix64).
struct SeededRandom: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
    return value ^ value >> 31
  }
}

/// Ways to break a valid file that keep most of its structure.
enum Mutation {
  /// How many mutations of each file a test tries: MOHD_MUTATIONS, else few.
  static let count =
    ProcessInfo.processInfo.environment["MOHD_MUTATIONS"].flatMap(Int.init) ?? 4000

  static let values = [
    "0", "-1", "1e400", "1099511627776", "18446744073709551616", "4294967295", "0.5", "null",
    "true", "[]", "{}", "\"\"", "\"\\ud800\"", "\"<0x-1>\"", "\"a a\"", "\"▁\"", "[[[[]]]]",
    "\"Metaspace\"", "\"ByteLevel\"", "\"Sequence\"", "\"(a*)*b\"", "\"(?:\"", "\"Regex\"",
    "16777215",
  ]

  /// One to four changes to a JSON text: values, numbers and strings swapped for others, parts
  /// removed, doubled, moved, and bytes flipped.
  static func json(_ original: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
    var bytes = original
    for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
      let place = Int.random(in: 0..<bytes.count, using: &random)
      switch Int.random(in: 0..<6, using: &random) {
      case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
      case 1, 2:
        let end = valueEnd(bytes, place)
        let value = values[Int.random(in: 0..<values.count, using: &random)]
        bytes.replaceSubrange(valueStart(bytes, place)..<end, with: Array(value.utf8))
      case 3:
        let end = min(bytes.count, place + Int.random(in: 1...40, using: &random))
        bytes.removeSubrange(place..<end)
      case 4:
        let end = min(bytes.count, place + Int.random(in: 1...60, using: &random))
        bytes.insert(contentsOf: bytes[place..<end], at: place)
      default:
        let other = Int.random(in: 0..<bytes.count, using: &random)
        let part = Array(bytes[other..<valueEnd(bytes, other)])
        bytes.replaceSubrange(valueStart(bytes, place)..<valueEnd(bytes, place), with: part)
      }
    }
    return bytes
  }

  /// One to four changes to a binary file: bytes, extreme numbers, parts removed or doubled.
  static func binary(_ original: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
    var bytes = original
    for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
      let place = Int.random(in: 0..<bytes.count, using: &random)
      switch Int.random(in: 0..<5, using: &random) {
      case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
      case 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 2:
        let number: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]
        bytes.insert(contentsOf: number.suffix(Int.random(in: 1...10, using: &random)), at: place)
      case 3:
        let end = min(bytes.count, place + Int.random(in: 1...40, using: &random))
        bytes.removeSubrange(place..<end)
      default:
        let end = min(bytes.count, place + Int.random(in: 1...60, using: &random))
        bytes.insert(contentsOf: bytes[place..<end], at: place)
      }
    }
    return bytes
  }

  private static func isBreak(_ byte: UInt8) -> Bool { ",:[]{}".utf8.contains(byte) }

  private static func valueStart(_ bytes: [UInt8], _ place: Int) -> Int {
    var start = place
    while start > 0, !isBreak(bytes[start - 1]) { start -= 1 }
    return start
  }

  private static func valueEnd(_ bytes: [UInt8], _ place: Int) -> Int {
    var end = place
    while end < bytes.count, !isBreak(bytes[end]) { end += 1 }
    return end
  }
}
