/// Where a long word may be cut without changing its ids.
///
/// Merges join neighbours only. If no merge has a left side that ends in x and a right side that
/// begins with y, then nothing ever joins across "xy", and both sides merge as if they were alone.
/// So the set of such (x, y), gathered from all merges, proves every other boundary safe.
struct SafeBoundaries: Sendable {
  private let unit: BytePairModel.Unit
  /// Whether any boundary can be proved at all.
  private let isUsable: Bool
  /// (last unit of a left side, first unit of a right side) of every merge.
  private var crossings = MergeTable()

  init(
    unit: BytePairModel.Unit, words: TokenTable, merges: MergeTable, isComplete: Bool,
    fallbackIDs: [Int32], hasFallback: Bool, unknownID: Int32
  ) {
    self.unit = unit
    guard isComplete, unit == .byte || hasFallback else {
      isUsable = false
      return
    }
    let fallback = Set(fallbackIDs)
    for merge in merges.sorted() {
      // A byte token stands for a character that it does not spell.
      if unit == .character, fallback.contains(merge.left) || fallback.contains(merge.right) {
        isUsable = false
        return
      }
      guard let left = words.bytes(of: Int(merge.left)),
        let right = words.bytes(of: Int(merge.right)), let last = left.last,
        let first = right.first
      else { continue }
      if unit == .byte {
        crossings.set(left: Int32(last), right: Int32(first), rank: 0, merged: 0)
      } else {
        let leftBytes = Array(left)
        let rightBytes = Array(right)
        let start = UTF8Text.startBefore(leftBytes.span, leftBytes.count)
        crossings.set(
          left: Int32(UTF8Text.scalar(leftBytes.span, at: start).value),
          right: Int32(UTF8Text.scalar(rightBytes.span, at: 0).value), rank: 0, merged: 0)
      }
    }
    isUsable = true
  }

  /// The first safe boundary after `start`, at most `end`.
  func next(in text: Span<UInt8>, after start: Int, to end: Int) -> Int {
    guard isUsable else { return end }
    if unit == .byte {
      var position = start + 1
      while position < end,
        crossings.merge(Int32(text[position - 1]), Int32(text[position])) != MergeTable.none
      {
        position += 1
      }
      return position
    }
    var (scalar, length) = UTF8Text.scalar(text, at: start)
    var position = start + length
    while position < end {
      let left = Int32(scalar)
      (scalar, length) = UTF8Text.scalar(text, at: position)
      if crossings.merge(left, Int32(scalar)) == MergeTable.none { break }
      position += length
    }
    return position
  }
}
