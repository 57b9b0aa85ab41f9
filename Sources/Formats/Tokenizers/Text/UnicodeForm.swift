/// A Unicode normalisation form, as `tokenizers` computes it: decompose, order marks by their
/// class, compose again.
///
/// Source: Unicode Standard Annex 15. Its tables are of Unicode 9, in which characters assigned
/// later are inert.
enum UnicodeForm: String, Sendable {
  case nfc = "NFC"
  case nfd = "NFD"
  case nfkc = "NFKC"
  case nfkd = "NFKD"

  var isCompatible: Bool { self == .nfkc || self == .nfkd }
  var isComposed: Bool { self == .nfc || self == .nfkc }

  /// Well-formed UTF-8 in this form.
  ///
  /// - Complexity: O(n log n) for runs of n marks.
  func normalize(_ bytes: [UInt8], _ tables: inout NormalizationTables) -> [UInt8] {
    let text = bytes.span
    var result: [UInt8] = []
    /// Everything before this is in `result`.
    var written = 0
    /// The last character that nothing before it can change; what follows may change it.
    var stable = 0
    var part: [UInt32] = []
    var waits = false
    var position = 0
    while position < text.count {
      let (scalar, length) = UTF8Text.scalar(text, at: position)
      let isInert = isInert(scalar)
      if isInert, waits {
        flush(&part, to: &result, &tables)
        written = position
        waits = false
      } else if !isInert, !waits {
        result.append(contentsOf: bytes[written..<stable])
        written = stable
        if stable < position {
          tables.decompose(UTF8Text.scalar(text, at: stable).value, self, into: &part)
        }
        waits = true
      }
      if isInert {
        stable = position
      } else {
        tables.decompose(scalar, self, into: &part)
      }
      position += length
    }
    if written == 0, !waits { return bytes }
    if waits {
      flush(&part, to: &result, &tables)
    } else {
      result.append(contentsOf: bytes[written...])
    }
    return result
  }

  private func flush(
    _ part: inout [UInt32], to result: inout [UInt8], _ tables: inout NormalizationTables
  ) {
    tables.order(&part)
    if isComposed { tables.compose(&part) }
    for scalar in part { UTF8Text.append(scalar, to: &result) }
    part.removeAll(keepingCapacity: true)
  }

  /// Whether a character stays as it is, whatever stands before it. It may change with what
  /// follows. Only blocks where this is plain are listed; all others take the long way.
  @inline(__always)
  private func isInert(_ scalar: UInt32) -> Bool {
    if scalar < 0x80 { return true }
    switch scalar {
    // Latin and Cyrillic letters decompose; Latin-1 has compatibility forms too.
    case 0x80...0x2AF, 0x400...0x482, 0x48A...0x52F: return self == .nfc
    case 0x5D0...0x5EA, 0x627...0x64A: return true
    // Hiragana, katakana, Hangul.
    case 0x3041...0x3096, 0x30A1...0x30FA, 0xAC00...0xD7A3: return self == .nfc
    case 0x3001...0x3002, 0x3400...0x4DB5, 0x4E00...0x9FD5: return true
    case 0x2010, 0x2012...0x2016, 0x2018...0x2023, 0x200D, 0xFE0F: return true
    case 0x1F300...0x1F64F: return true
    default: return false
    }
  }
}
