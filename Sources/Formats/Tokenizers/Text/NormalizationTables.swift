import Foundation

/// What normalisation asks of single characters, answered by the system once for each and
/// remembered.
///
/// The system's own normalisation of whole texts is not used: it leaves marks unordered after
/// characters like U+0F75 that decompose into marks, joins jamo that do not belong together,
/// leaves U+0CCA U+0CD5 apart, and takes time as the square of a run of marks.
struct NormalizationTables {
  private var decompositions: [UInt32: [UInt32]] = [:]
  private var compatibleDecompositions: [UInt32: [UInt32]] = [:]
  /// Where each page of 256 characters lies in `flags`, plus one; 0 until it was met.
  private var pages = [UInt32](repeating: 0, count: 0x1100)
  /// The combining class, and `decomposes` and `decomposesCompatibly`.
  private var flags: [UInt16] = []

  private static let decomposes: UInt16 = 0x100
  private static let decomposesCompatibly: UInt16 = 0x200
  /// Characters assigned after this version of Unicode are inert.
  private static let newestVersion = 9

  // Hangul syllables are made of jamo by arithmetic (Unicode Standard, 3.12).
  private static let syllables: ClosedRange<UInt32> = 0xAC00...0xD7A3
  private static let leads: Range<UInt32> = 0x1100..<0x1113
  private static let vowels: Range<UInt32> = 0x1161..<0x1176
  private static let trails: Range<UInt32> = 0x11A8..<0x11C3

  /// Appends what a character decomposes to.
  mutating func decompose(_ scalar: UInt32, _ form: UnicodeForm, into part: inout [UInt32]) {
    if Self.syllables.contains(scalar) {
      let index = scalar - 0xAC00
      part.append(0x1100 + index / 588)
      part.append(0x1161 + index % 588 / 28)
      if index % 28 > 0 { part.append(0x11A7 + index % 28) }
      return
    }
    let flag = form.isCompatible ? Self.decomposesCompatibly : Self.decomposes
    guard flags(scalar) & flag != 0 else {
      part.append(scalar)
      return
    }
    let known = form.isCompatible ? compatibleDecompositions[scalar] : decompositions[scalar]
    part.append(contentsOf: known ?? [scalar])
  }

  /// Sorts each run of marks by their classes, equal ones as they stand.
  mutating func order(_ part: inout [UInt32]) {
    var start = 0
    while start < part.count {
      var end = start
      var isSorted = true
      var last: UInt16 = 0
      while end < part.count {
        let own = combiningClass(part[end])
        if own == 0 { break }
        if own < last { isSorted = false }
        last = own
        end += 1
      }
      if !isSorted {
        var keys: [(order: UInt64, scalar: UInt32)] = []
        for index in start..<end {
          keys.append((UInt64(combiningClass(part[index])) << 32 | UInt64(index), part[index]))
        }
        keys.sort { $0.order < $1.order }
        for (offset, key) in keys.enumerated() { part[start + offset] = key.scalar }
      }
      start = max(end, start + 1)
    }
  }

  /// Joins starters and what follows them where a composed character exists and nothing between
  /// blocks it.
  mutating func compose(_ part: inout [UInt32]) {
    var count = 0
    var starter = -1
    /// The class of the last character kept after the starter; −1 when there is none.
    var between = -1
    for index in part.indices {
      let scalar = part[index]
      let own = Int(combiningClass(scalar))
      if starter >= 0, between < own, let composite = composition(part[starter], scalar) {
        part[starter] = composite
        continue
      }
      if own == 0 {
        starter = count
        between = -1
      } else {
        between = own
      }
      part[count] = scalar
      count += 1
    }
    part.removeLast(part.count - count)
  }

  private func composition(_ first: UInt32, _ second: UInt32) -> UInt32? {
    if Self.leads.contains(first), Self.vowels.contains(second) {
      return 0xAC00 + ((first - 0x1100) * 21 + second - 0x1161) * 28
    }
    if Self.syllables.contains(first), (first - 0xAC00) % 28 == 0, Self.trails.contains(second) {
      return first + second - 0x11A7
    }
    // No jamo composes with anything else.
    if first >= 0x1100, first < 0x1200 { return nil }
    let known = Self.compositions.merge(Int32(first), Int32(second))
    return known == MergeTable.none ? nil : UInt32(truncatingIfNeeded: known)
  }

  /// (first, second) → what they compose to: of every composed character the last character of
  /// its decomposition, and before it what the others compose to.
  private static let compositions: MergeTable = {
    var whole: [[UInt32]: UInt32] = [:]
    // All composed characters of Unicode 9 but Hangul lie here.
    for value in [UInt32(0xA0)...0x30FF, 0x11000...0x11FFF].joined() {
      guard let scalar = Unicode.Scalar(value), isKnown(scalar),
        !scalar.properties.isFullCompositionExclusion
      else { continue }
      let text = String(scalar).decomposedStringWithCanonicalMapping
      let decomposition = text.unicodeScalars.map(\.value)
      if decomposition.count > 1 { whole[decomposition] = value }
    }
    var table = MergeTable()
    for (decomposition, value) in whole {
      guard let last = decomposition.last else { continue }
      let others = Array(decomposition.dropLast())
      guard let first = others.count == 1 ? others[0] : whole[others] else { continue }
      table.set(left: Int32(first), right: Int32(last), rank: 0, merged: Int32(value))
    }
    return table
  }()

  private static func isKnown(_ scalar: Unicode.Scalar) -> Bool {
    guard let age = scalar.properties.age else { return false }
    return age.major <= newestVersion
  }

  private mutating func combiningClass(_ scalar: UInt32) -> UInt16 { flags(scalar) & 0xFF }

  private mutating func flags(_ scalar: UInt32) -> UInt16 {
    let page = Int(scalar >> 8)
    if pages[page] == 0 { fill(page) }
    return flags[Int(pages[page]) - 1 + Int(scalar & 0xFF)]
  }

  private mutating func fill(_ page: Int) {
    pages[page] = UInt32(flags.count + 1)
    for low in UInt32(0)..<256 { flags.append(classify(UInt32(page) << 8 | low)) }
  }

  private mutating func classify(_ value: UInt32) -> UInt16 {
    guard let scalar = Unicode.Scalar(value), Self.isKnown(scalar) else { return 0 }
    var result = UInt16(scalar.properties.canonicalCombiningClass.rawValue)
    let text = String(scalar)
    let canonical = text.decomposedStringWithCanonicalMapping.unicodeScalars.map(\.value)
    if canonical != [value] {
      result |= Self.decomposes
      decompositions[value] = canonical
    }
    let compatible = text.decomposedStringWithCompatibilityMapping.unicodeScalars.map(\.value)
    if compatible != [value] {
      result |= Self.decomposesCompatibly
      compatibleDecompositions[value] = compatible
    }
    return result
  }
}
