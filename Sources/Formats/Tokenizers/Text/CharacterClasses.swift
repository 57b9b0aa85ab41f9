/// The classes of characters that pre-tokenisers ask for, as `tokenizers` 0.23 sees them.
///
/// Its regular expressions (Oniguruma) know Unicode 16 and its Rust code Unicode 17; the standard
/// library's properties, limited by the version in which a character was assigned, agree with both
/// (Tests/Fixtures/compare_tokenizers.py compares every code point). A page of 256 characters is
/// classified when the first of them is met.
struct CharacterClasses {
  /// \p{L} in Unicode 16.
  static let letter: UInt8 = 1
  /// \p{N} in Unicode 16.
  static let number: UInt8 = 2
  /// \s, White_Space.
  static let space: UInt8 = 4
  /// Rust's `char::is_numeric`: \p{N} in Unicode 17.
  static let numeric: UInt8 = 8

  /// Where each page lies in `flags`; 0 until it was met (page 0 is always there).
  private var pages = [UInt32](repeating: 0, count: 0x1100)
  private var flags: [UInt8] = []

  init() {
    for value in UInt32(0)..<256 { flags.append(Self.classify(value)) }
  }

  /// The classes of a character, or-ed.
  @inline(__always)
  mutating func of(_ scalar: UInt32) -> UInt8 {
    if scalar < 256 { return flags[Int(scalar)] }
    let page = Int(scalar >> 8)
    if pages[page] == 0 { fill(page) }
    return flags[Int(pages[page]) + Int(scalar & 0xFF)]
  }

  private mutating func fill(_ page: Int) {
    pages[page] = UInt32(flags.count)
    for low in UInt32(0)..<256 { flags.append(Self.classify(UInt32(page) << 8 | low)) }
  }

  private static func classify(_ value: UInt32) -> UInt8 {
    guard let scalar = Unicode.Scalar(value) else { return 0 }
    let properties = scalar.properties
    guard let age = properties.age else { return 0 }
    var result: UInt8 = properties.isWhitespace ? space : 0
    switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
      if age.major <= 16 { result |= letter }
    case .decimalNumber, .letterNumber, .otherNumber:
      if age.major <= 16 { result |= number }
      if age.major <= 17 { result |= numeric }
    default: break
    }
    return result
  }

  /// Whether \w of Rust's `regex` matches: what `single_word` of an added token asks.
  static func isWord(_ value: UInt32) -> Bool {
    guard let scalar = Unicode.Scalar(value), let age = scalar.properties.age, age.major <= 16
    else { return false }
    if scalar.properties.isAlphabetic || scalar.properties.isJoinControl { return true }
    switch scalar.properties.generalCategory {
    case .decimalNumber, .connectorPunctuation, .nonspacingMark, .spacingMark, .enclosingMark:
      return true
    default: return false
    }
  }
}
