/// The merges of byte-pair encoding: for a pair of token ids, its rank and the id of the merged
/// token.
struct MergeTable: Sendable {
  /// left · 2³² + right; `empty` marks a free slot.
  private var keys: [UInt64]
  /// rank · 2³² + merged id.
  private var values: [UInt64]
  private var mask: Int
  private(set) var count = 0

  private static let empty = UInt64.max
  /// The value of a pair that does not merge: later than every rank.
  static let none = UInt64.max

  init() {
    keys = [UInt64](repeating: Self.empty, count: 16)
    values = [UInt64](repeating: 0, count: 16)
    mask = 15
  }

  /// Sets the merge of a pair; of two merges of one pair the later counts, as in `tokenizers`.
  mutating func set(left: Int32, right: Int32, rank: UInt32, merged: Int32) {
    if (count + 1) * 2 > keys.count { grow() }
    let key = Self.key(left, right)
    let slot = place(of: key)
    if keys[slot] == Self.empty {
      keys[slot] = key
      count += 1
    }
    values[slot] = UInt64(rank) << 32 | UInt64(UInt32(bitPattern: merged))
  }

  /// Rank · 2³² + merged id, so that the smaller is the more urgent; `none` when there is none.
  @inline(__always)
  func merge(_ left: Int32, _ right: Int32) -> UInt64 {
    let key = Self.key(left, right)
    let slot = place(of: key)
    return keys[slot] == key ? values[slot] : Self.none
  }

  /// Calls `body` with every merge, most urgent first.
  func forEachSorted(_ body: (_ left: Int32, _ right: Int32, _ merged: Int32) -> Void) {
    var used: [UInt32] = []
    used.reserveCapacity(count)
    for slot in keys.indices where keys[slot] != Self.empty { used.append(UInt32(slot)) }
    used.sort { (values[Int($0)], keys[Int($0)]) < (values[Int($1)], keys[Int($1)]) }
    for slot in used {
      let key = keys[Int(slot)]
      body(
        Int32(truncatingIfNeeded: key >> 32), Int32(truncatingIfNeeded: key),
        Int32(truncatingIfNeeded: values[Int(slot)]))
    }
  }

  @inline(__always)
  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  @inline(__always)
  private func place(of key: UInt64) -> Int {
    var slot = Int(truncatingIfNeeded: key &* 0x9E37_79B9_7F4A_7C15 >> 24) & mask
    while keys[slot] != Self.empty, keys[slot] != key { slot = (slot + 1) & mask }
    return slot
  }

  private mutating func grow() {
    let oldKeys = keys
    let oldValues = values
    keys = [UInt64](repeating: Self.empty, count: oldKeys.count * 2)
    values = [UInt64](repeating: 0, count: oldKeys.count * 2)
    mask = keys.count - 1
    for index in oldKeys.indices where oldKeys[index] != Self.empty {
      let slot = place(of: oldKeys[index])
      keys[slot] = oldKeys[index]
      values[slot] = oldValues[index]
    }
  }
}
