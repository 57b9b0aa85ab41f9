/// The ids of words met before. Bounded: when it is full it forgets everything.
struct WordCache {
  private struct Entry {
    var hash: UInt64
    var word: UInt32
    var ids: UInt32
    var wordCount: UInt8
    var idCount: UInt8
  }

  /// Longer words are not kept.
  static let wordLimit = 96
  private static let entryLimit = 1 << 17
  private static let byteLimit = 4 << 20

  /// Entry numbers by hash; 0 is an empty slot.
  private var slots: [UInt32]
  private var mask: Int
  private var entries: [Entry] = []
  private var bytes: [UInt8] = []
  private var identifiers: [Int32] = []

  init() {
    slots = [UInt32](repeating: 0, count: 1 << 12)
    mask = slots.count - 1
    entries.append(Entry(hash: 0, word: 0, ids: 0, wordCount: 0, idCount: 0))
  }

  @inline(__always)
  static func hash(_ text: Span<UInt8>, _ range: Range<Int>) -> UInt64 {
    var value: UInt64 = 0xCBF2_9CE4_8422_2325
    for position in range { value = (value ^ UInt64(text[position])) &* 0x100_0000_01B3 }
    return (value ^ value >> 29) &* 0x9E37_79B9_7F4A_7C15
  }

  /// Appends the ids of a word that is known.
  ///
  /// - Returns: whether it was.
  @inline(__always)
  func append(
    _ text: Span<UInt8>, _ range: Range<Int>, hash: UInt64, to ids: inout [Int32]
  ) -> Bool {
    var slot = Int(truncatingIfNeeded: hash >> 20) & mask
    while slots[slot] != 0 {
      let entry = entries[Int(slots[slot])]
      if entry.hash == hash, Int(entry.wordCount) == range.count,
        matches(entry, text, range)
      {
        let first = Int(entry.ids)
        for index in first..<(first + Int(entry.idCount)) { ids.append(identifiers[index]) }
        return true
      }
      slot = (slot + 1) & mask
    }
    return false
  }

  /// Keeps the ids of a word of at most `wordLimit` bytes.
  mutating func insert(
    _ text: Span<UInt8>, _ range: Range<Int>, hash: UInt64, ids: ArraySlice<Int32>
  ) {
    guard range.count <= Self.wordLimit, ids.count <= 255 else { return }
    if entries.count >= Self.entryLimit || bytes.count + range.count > Self.byteLimit {
      forget()
    }
    if entries.count * 2 > slots.count { grow() }
    entries.append(
      Entry(
        hash: hash, word: UInt32(bytes.count), ids: UInt32(identifiers.count),
        wordCount: UInt8(range.count), idCount: UInt8(ids.count)))
    for position in range { bytes.append(text[position]) }
    identifiers.append(contentsOf: ids)
    place(entries.count - 1)
  }

  @inline(__always)
  private func matches(_ entry: Entry, _ text: Span<UInt8>, _ range: Range<Int>) -> Bool {
    let start = Int(entry.word)
    for offset in 0..<range.count
    where bytes[start + offset] != text[range.lowerBound + offset] {
      return false
    }
    return true
  }

  private mutating func place(_ number: Int) {
    var slot = Int(truncatingIfNeeded: entries[number].hash >> 20) & mask
    while slots[slot] != 0 { slot = (slot + 1) & mask }
    slots[slot] = UInt32(number)
  }

  private mutating func grow() {
    slots = [UInt32](repeating: 0, count: slots.count * 4)
    mask = slots.count - 1
    for number in 1..<entries.count { place(number) }
  }

  private mutating func forget() {
    for slot in slots.indices { slots[slot] = 0 }
    entries.removeLast(entries.count - 1)
    bytes.removeAll(keepingCapacity: true)
    identifiers.removeAll(keepingCapacity: true)
  }
}
