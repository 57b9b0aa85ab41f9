/// GPT-2's alphabet: a printable character for each of the 256 bytes.
///
/// Bytes that Latin-1 prints stand for themselves; the others are numbered from U+0100 on.
/// Source: Radford et al. 2019, `encoder.py`, `bytes_to_unicode`.
enum ByteAlphabet {
  /// The character of each byte.
  static let scalars: [UInt32] = {
    var next: UInt32 = 0x100
    return (0..<256).map { byte in
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return UInt32(byte)
      default:
        defer { next += 1 }
        return next
      }
    }
  }()

  /// The byte of each character below U+0144; −1 for the characters outside the alphabet.
  private static let bytes: [Int16] = {
    var bytes = [Int16](repeating: -1, count: 0x144)
    for (byte, scalar) in scalars.enumerated() { bytes[Int(scalar)] = Int16(byte) }
    return bytes
  }()

  /// The bytes that `token` (well-formed UTF-8) spells; nil when a character is outside the
  /// alphabet.
  static func bytes(spelledBy token: [UInt8]) -> [UInt8]? {
    let text = token.span
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    var position = 0
    while position < text.count {
      let (scalar, length) = UTF8Text.scalar(text, at: position)
      guard scalar < 0x144, bytes[Int(scalar)] >= 0 else { return nil }
      result.append(UInt8(truncatingIfNeeded: bytes[Int(scalar)]))
      position += length
    }
    return result
  }
}
