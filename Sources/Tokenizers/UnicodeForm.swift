import Foundation

/// A Unicode normalisation form, as `tokenizers` computes it.
///
/// Its tables are of Unicode 9: characters assigned later are inert in it. Forms are stable, so
/// the system's newer tables agree on all others, and a later character is a wall between two
/// texts that are normalised apart.
enum UnicodeForm: String, Sendable {
  case nfc = "NFC"
  case nfd = "NFD"
  case nfkc = "NFKC"
  case nfkd = "NFKD"

  /// The newest version of Unicode whose characters are known.
  private static let newestVersion = 9

  func normalize(_ bytes: [UInt8]) -> [UInt8] {
    let text = bytes.span
    var result: [UInt8] = []
    /// Everything before this is in `result`.
    var written = 0
    /// The last character that nothing before it can change; what follows may change it.
    var stable = 0
    var waits = false
    var position = 0
    while position < text.count {
      let (scalar, length) = UTF8Text.scalar(text, at: position)
      let isInert = isInert(scalar)
      if !isInert, !waits, !isWall(scalar) {
        result.append(contentsOf: bytes[written..<stable])
        written = stable
        waits = true
      } else if waits, isInert || isWall(scalar) {
        append(bytes[written..<position], to: &result)
        written = position
        waits = false
      }
      if isInert {
        stable = position
      } else if !waits {
        stable = position + length
      }
      position += length
    }
    if written == 0, !waits { return bytes }
    if waits {
      append(bytes[written...], to: &result)
    } else {
      result.append(contentsOf: bytes[written...])
    }
    return result
  }

  private func append(_ bytes: ArraySlice<UInt8>, to result: inout [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    let normalized =
      switch self {
      case .nfc: text.precomposedStringWithCanonicalMapping
      case .nfd: text.decomposedStringWithCanonicalMapping
      case .nfkc: text.precomposedStringWithCompatibilityMapping
      case .nfkd: text.decomposedStringWithCompatibilityMapping
      }
    result.append(contentsOf: normalized.utf8)
  }

  /// Whether a character stays as it is, whatever stands before it. It may change with what
  /// follows. Only blocks where this is plain are listed; the others are left to the system.
  private func isInert(_ scalar: UInt32) -> Bool {
    if scalar < 0x80 { return true }
    switch scalar {
    // Latin letters decompose; Latin-1 also has compatibility forms.
    case 0x80...0x2AF: return self == .nfc
    // Cyrillic, without its marks; Hebrew and Arabic letters.
    case 0x400...0x482, 0x48A...0x52F: return self == .nfc
    case 0x5D0...0x5EA, 0x627...0x64A: return true
    // Hiragana and katakana without voiced forms' marks.
    case 0x3041...0x3096, 0x30A1...0x30FA: return self == .nfc
    case 0x3001...0x3002, 0x3400...0x4DB5, 0x4E00...0x9FD5: return true
    case 0xAC00...0xD7A3: return self == .nfc
    case 0x2010, 0x2012...0x2016, 0x2018...0x2023, 0x200D, 0xFE0F: return true
    case 0x1F300...0x1F64F: return true
    default: return false
    }
  }

  /// Whether the tables of `tokenizers` do not know a character.
  private func isWall(_ scalar: UInt32) -> Bool {
    guard let age = Unicode.Scalar(scalar)?.properties.age else { return true }
    return age.major > Self.newestVersion
  }
}
