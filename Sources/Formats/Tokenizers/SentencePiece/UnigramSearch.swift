/// The most probable pieces of a text under a unigram model, by Viterbi's algorithm.
///
///     best(end) = max over pieces p that end there of best(end − |p|) + score(p)
///
/// Source: Kudo 2018; the arithmetic (Float sums, ties to the first found, a penalty of 10 for
/// unknown characters, sums that start anew beyond 100,000) is that of sentencepiece 0.2.3,
/// `unigram_model.cc`, `EncodeOptimized`.
struct UnigramSearch: Sendable {
  private var matcher = PieceTrie()
  private var scores: [Float] = []
  private var isUserDefined: [Bool] = []
  private var unknownID: Int32 = 0
  private var unknownScore: Float = 0

  private static let unknownPenalty: Float = 10
  private static let resetThreshold: Float = 100_000

  /// No pieces.
  init() {}

  init(_ list: SentencePieceList, unknownID: Int32) {
    self.unknownID = unknownID
    scores = list.scores
    isUserDefined = list.kinds.map { $0 == .userDefined }
    let normal = list.kinds.indices.filter { list.kinds[$0] == .normal }
    unknownScore =
      (normal.map { list.scores[$0] }.min() ?? .greatestFiniteMagnitude) - Self.unknownPenalty
    matcher = PieceTrie(
      list.kinds.indices.compactMap { id in
        list.kinds[id] == .normal || list.kinds[id] == .userDefined
          ? list.table.bytes(of: id).map { (Array($0), Int32(id)) } : nil
      })
  }

  /// What a user-defined symbol scores: more than any pieces.
  private static func bonus(_ length: Int) -> Float { Float(0.1 * Double(length - 1)) }

  private struct Node {
    var start: Int32 = -1
    var id: Int32 = -1
    var score: Float = 0
  }

  /// Appends the ids of a text.
  ///
  /// - Parameter unknown: appends what stands for an unknown character.
  func encode(
    _ text: Span<UInt8>, into ids: inout [Int32],
    unknown: (Span<UInt8>, Range<Int>, inout [Int32]) -> Void
  ) {
    var nodes = [Node](repeating: Node(), count: text.count + 1)
    var start = 0
    /// The furthest end that a piece has reached.
    var frontier = 0
    while start < text.count {
      let length = UTF8Text.length(lead: text[start])
      var before = nodes[start].score
      if abs(before) > Self.resetThreshold {
        // Keeps the sums small, and so precise.
        for index in start...max(start, frontier) where index == start || nodes[index].start >= 0 {
          nodes[index].score -= before
        }
        before = 0
      }
      var hasSingle = false
      matcher.forEachPrefix(text, start) { end, id in
        frontier = max(frontier, end)
        let score = before + (isUserDefined[Int(id)] ? Self.bonus(end - start) : scores[Int(id)])
        if nodes[end].start < 0 || score > nodes[end].score {
          nodes[end] = Node(start: Int32(start), id: id, score: score)
        }
        if end - start == length { hasSingle = true }
      }
      if !hasSingle {
        frontier = max(frontier, start + length)
        let score = unknownScore + before
        if nodes[start + length].start < 0 || score > nodes[start + length].score {
          nodes[start + length] = Node(start: Int32(start), id: unknownID, score: score)
        }
      }
      start += length
    }
    var path: [(range: Range<Int>, id: Int32)] = []
    var end = text.count
    while end > 0 {
      let node = nodes[end]
      path.append((Int(node.start)..<end, node.id))
      end = Int(node.start)
    }
    for step in path.reversed() {
      if step.id == unknownID {
        unknown(text, step.range, &ids)
      } else {
        ids.append(step.id)
      }
    }
  }
}

/// Pieces in byte order, searched for all that a text begins with.
struct PieceTrie: Sendable {
  private var pieces: [(bytes: [UInt8], id: Int32)] = []
  private var firstBytes = [Range<Int>](repeating: 0..<0, count: 256)

  init() {}

  init(_ unsorted: [(bytes: [UInt8], id: Int32)]) {
    pieces = unsorted.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
    for (index, piece) in pieces.enumerated() {
      let first = Int(piece.bytes[0])
      let lower = firstBytes[first].isEmpty ? index : firstBytes[first].lowerBound
      firstBytes[first] = lower..<(index + 1)
    }
  }

  /// Calls `body` with the end and the id of each piece that stands at `start`, shortest first.
  func forEachPrefix(_ text: Span<UInt8>, _ start: Int, _ body: (Int, Int32) -> Void) {
    var candidates = firstBytes[Int(text[start])]
    var depth = 1
    while !candidates.isEmpty {
      if pieces[candidates.lowerBound].bytes.count == depth {
        body(start + depth, pieces[candidates.lowerBound].id)
        candidates = (candidates.lowerBound + 1)..<candidates.upperBound
      }
      guard start + depth < text.count else { return }
      let byte = text[start + depth]
      let lower = bound(candidates, depth) { $0 >= byte }
      candidates = lower..<bound(lower..<candidates.upperBound, depth) { $0 > byte }
      depth += 1
    }
  }

  private func bound(
    _ candidates: Range<Int>, _ depth: Int, where holds: (UInt8) -> Bool
  ) -> Int {
    var lower = candidates.lowerBound
    var upper = candidates.upperBound
    while lower < upper {
      let middle = (lower + upper) / 2
      if holds(pieces[middle].bytes[depth]) { upper = middle } else { lower = middle + 1 }
    }
    return lower
  }
}
