/// The tokens of a vocabulary: bytes by id, and ids by bytes.
///
/// All bytes lie in one buffer and the index is one open-addressing table, so that a vocabulary
/// costs about as much memory as its file. Keys are bytes: Swift strings compare canonically, and
/// two tokens may differ in their normalisation form only.
struct TokenTable: Sendable {
  private var storage: [UInt8] = []
  /// Where each id's bytes start; `none` for an id that no token has.
  private var starts: [UInt32] = []
  private var lengths: [Int32] = []
  /// Ids by hash; −1 is an empty slot.
  private var slots: [Int32]
  private var mask: Int
  /// How many tokens there are.
  private(set) var count = 0

  private static let none = UInt32.max
  /// Ids from here on are refused: memory follows the largest id.
  let identifierLimit: Int
  /// No vocabulary has more tokens than this.
  static let largestIdentifierLimit = 1 << 24
  /// Ids that a small file may have.
  private static let smallestIdentifierLimit = 1 << 18
  private static let storageLimit = 1 << 31

  /// - Parameter byteCount: the size of the file; a large file may have larger ids.
  init(byteCount: Int = 0) {
    identifierLimit = min(
      Self.largestIdentifierLimit, Self.smallestIdentifierLimit + byteCount / 16)
    slots = [Int32](repeating: -1, count: 16)
    mask = 15
  }

  /// One more than the largest id.
  var identifierCount: Int { starts.count }

  /// What `insert(_:id:)` found.
  enum Insertion { case inserted, duplicateToken, duplicateIdentifier, identifierOutOfRange }

  /// Adds a token with an id of its own.
  mutating func insert(_ token: [UInt8], id: Int) -> Insertion {
    guard id >= 0, id < identifierLimit, storage.count + token.count < Self.storageLimit else {
      return .identifierOutOfRange
    }
    if id < starts.count, starts[id] != Self.none { return .duplicateIdentifier }
    if (count + 1) * 2 > slots.count { grow() }
    var slot = hash(token.span, 0..<token.count) & mask
    while slots[slot] >= 0 {
      if holds(Int(slots[slot]), token.span, 0..<token.count) { return .duplicateToken }
      slot = (slot + 1) & mask
    }
    while starts.count <= id {
      starts.append(Self.none)
      lengths.append(0)
    }
    starts[id] = UInt32(storage.count)
    lengths[id] = Int32(token.count)
    storage.append(contentsOf: token)
    slots[slot] = Int32(id)
    count += 1
    return .inserted
  }

  /// The id of the token whose bytes are `text[range]`, or −1.
  @inline(__always)
  func id(of text: Span<UInt8>, _ range: Range<Int>) -> Int32 {
    var slot = hash(text, range) & mask
    while slots[slot] >= 0 {
      if holds(Int(slots[slot]), text, range) { return slots[slot] }
      slot = (slot + 1) & mask
    }
    return -1
  }

  /// The id of a token, or nil.
  func id(of token: [UInt8]) -> Int? {
    let found = id(of: token.span, 0..<token.count)
    return found < 0 ? nil : Int(found)
  }

  /// The bytes of a token; nil for an id that no token has.
  func bytes(of id: Int) -> ArraySlice<UInt8>? {
    guard id >= 0, id < starts.count, starts[id] != Self.none else { return nil }
    return storage[range(of: id)]
  }

  @inline(__always)
  private func holds(_ id: Int, _ text: Span<UInt8>, _ range: Range<Int>) -> Bool {
    guard Int(lengths[id]) == range.count else { return false }
    let start = Int(starts[id])
    for offset in 0..<range.count
    where storage[start + offset] != text[range.lowerBound + offset] {
      return false
    }
    return true
  }

  /// FNV-1a with a final mix, so that the low bits depend on all bytes.
  @inline(__always)
  private func hash(_ text: Span<UInt8>, _ range: Range<Int>) -> Int {
    var value: UInt64 = 0xCBF2_9CE4_8422_2325
    for position in range { value = (value ^ UInt64(text[position])) &* 0x100_0000_01B3 }
    return Int(truncatingIfNeeded: (value ^ value >> 29) &* 0x9E37_79B9_7F4A_7C15 >> 20)
  }

  private func range(of id: Int) -> Range<Int> {
    Int(starts[id])..<(Int(starts[id]) + Int(lengths[id]))
  }

  private mutating func grow() {
    let size = slots.count * 2
    slots = [Int32](repeating: -1, count: size)
    mask = size - 1
    for id in starts.indices where starts[id] != Self.none {
      var slot = hash(storage.span, range(of: id)) & mask
      while slots[slot] >= 0 { slot = (slot + 1) & mask }
      slots[slot] = Int32(id)
    }
  }
}
