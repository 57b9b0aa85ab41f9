/// Byte-pair encoding of one word: while any two neighbours have a merge, the most urgent merge
/// happens, the leftmost first.
///
/// Source: Sennrich, Haddow and Birch 2016, section 3.2. Short words look for the most urgent pair
/// again and again; long ones keep the pairs in a heap.
/// - Complexity: O(n²) for n ≤ `shortWordLimit`, else O(n log n).
struct BytePairMerger {
  /// The symbols of the word: fill this, then call `merge(with:)`.
  var symbols: [Int32] = []

  private var pairs: [UInt64] = []
  private var previous: [Int32] = []
  private var next: [Int32] = []
  private var heap = MergeHeap()

  private static let shortWordLimit = 40

  /// Merges `symbols` in place.
  mutating func merge(with merges: borrowing MergeTable) {
    if symbols.count < 2 { return }
    if symbols.count <= Self.shortWordLimit {
      mergeShort(merges)
    } else {
      mergeLong(merges)
    }
  }

  private mutating func mergeShort(_ merges: borrowing MergeTable) {
    var count = symbols.count
    pairs.removeAll(keepingCapacity: true)
    for index in 0..<(count - 1) {
      pairs.append(merges.merge(symbols[index], symbols[index + 1]))
    }
    while count > 1 {
      var best = MergeTable.none
      var position = 0
      // Ranks alone: merges of SentencePiece may share one.
      for index in 0..<(count - 1) where pairs[index] >> 32 < best >> 32 {
        best = pairs[index]
        position = index
      }
      if best == MergeTable.none { break }
      symbols[position] = Int32(truncatingIfNeeded: best)
      count -= 1
      var index = position + 1
      while index < count {
        symbols[index] = symbols[index + 1]
        pairs[index - 1] = pairs[index]
        index += 1
      }
      if position > 0 {
        pairs[position - 1] = merges.merge(symbols[position - 1], symbols[position])
      }
      if position + 1 < count {
        pairs[position] = merges.merge(symbols[position], symbols[position + 1])
      }
    }
    symbols.removeLast(symbols.count - count)
  }

  private mutating func mergeLong(_ merges: borrowing MergeTable) {
    let count = symbols.count
    pairs.removeAll(keepingCapacity: true)
    previous.removeAll(keepingCapacity: true)
    next.removeAll(keepingCapacity: true)
    heap.removeAll()
    for index in 0..<count {
      let last = index + 1 == count
      pairs.append(last ? MergeTable.none : merges.merge(symbols[index], symbols[index + 1]))
      previous.append(Int32(index - 1))
      next.append(last ? -1 : Int32(index + 1))
      if pairs[index] != MergeTable.none { heap.add(rank: pairs[index] >> 32, position: index) }
    }
    heap.order()
    while let (rank, position) = heap.removeFirst() {
      let pair = pairs[position]
      // The pair may have changed since it was put into the heap, or its left side have gone.
      guard pair != MergeTable.none, pair >> 32 == rank else { continue }
      let removed = Int(next[position])
      let after = next[removed]
      symbols[position] = Int32(truncatingIfNeeded: pair)
      symbols[removed] = -1
      pairs[removed] = MergeTable.none
      next[position] = after
      if after >= 0 { previous[Int(after)] = Int32(position) }
      update(position, merges)
      if previous[position] >= 0 { update(Int(previous[position]), merges) }
    }
    symbols.removeAll { $0 < 0 }
  }

  /// Looks up the pair that begins at `position` anew.
  private mutating func update(_ position: Int, _ merges: borrowing MergeTable) {
    let right = next[position]
    let pair =
      right < 0 ? MergeTable.none : merges.merge(symbols[position], symbols[Int(right)])
    pairs[position] = pair
    if pair != MergeTable.none { heap.add(rank: pair >> 32, position: position, ordered: true) }
  }
}

/// A binary heap of (rank, position), the smallest first. Positions are below 2³².
struct MergeHeap {
  private var keys: [UInt64] = []

  mutating func removeAll() {
    keys.removeAll(keepingCapacity: true)
  }

  /// Adds a pair; without `ordered`, call `order()` before the first removal.
  mutating func add(rank: UInt64, position: Int, ordered: Bool = false) {
    keys.append(rank << 32 | UInt64(truncatingIfNeeded: position))
    guard ordered else { return }
    var index = keys.count - 1
    let key = keys[index]
    while index > 0 {
      let parent = (index - 1) / 2
      if keys[parent] <= key { break }
      keys[index] = keys[parent]
      index = parent
    }
    keys[index] = key
  }

  /// Makes a heap of what was added.
  mutating func order() {
    var index = keys.count / 2
    while index > 0 {
      index -= 1
      sink(index)
    }
  }

  mutating func removeFirst() -> (rank: UInt64, position: Int)? {
    guard let first = keys.first, let last = keys.popLast() else { return nil }
    if !keys.isEmpty {
      keys[0] = last
      sink(0)
    }
    return (first >> 32, Int(truncatingIfNeeded: first & 0xFFFF_FFFF))
  }

  private mutating func sink(_ start: Int) {
    var index = start
    let key = keys[index]
    while true {
      var child = 2 * index + 1
      guard child < keys.count else { break }
      if child + 1 < keys.count, keys[child + 1] < keys[child] { child += 1 }
      if keys[child] >= key { break }
      keys[index] = keys[child]
      index = child
    }
    keys[index] = key
  }
}
