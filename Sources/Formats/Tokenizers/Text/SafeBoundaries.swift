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

  /// Boundaries between characters, all of them safe until `addCrossing(_:_:)`.
  init() {
    unit = .character
    isUsable = true
  }

  /// Records that something may join across the boundary between two characters.
  mutating func addCrossing(_ left: UInt32, _ right: UInt32) {
    crossings.set(left: Int32(left), right: Int32(right), rank: 0, merged: 0)
  }

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
    var involvesFallback = false
    var crossings = MergeTable()
    merges.forEachSorted { leftID, rightID, _ in
      // A byte token stands for a character that it does not spell.
      if unit == .character, fallback.contains(leftID) || fallback.contains(rightID) {
        involvesFallback = true
      }
      guard let left = words.bytes(of: Int(leftID)), let right = words.bytes(of: Int(rightID)),
        let last = left.last, let first = right.first
      else { return }
      if unit == .byte {
        crossings.set(left: Int32(last), right: Int32(first), rank: 0, merged: 0)
      } else {
        let leftBytes = Array(left.suffix(4))
        let start = UTF8Text.startBefore(leftBytes.span, leftBytes.count)
        crossings.set(
          left: Int32(UTF8Text.scalar(leftBytes.span, at: start).value),
          right: Int32(UTF8Text.scalar(Array(right.prefix(4)).span, at: 0).value), rank: 0,
          merged: 0)
      }
    }
    self.crossings = crossings
    isUsable = !involvesFallback
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
