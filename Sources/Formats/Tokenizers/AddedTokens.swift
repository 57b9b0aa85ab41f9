/// A token that is found in the text itself, before anything else happens.
struct AddedToken: Sendable, Equatable {
  var content: [UInt8]
  var id: Int32
  /// Matches only where no word character touches it.
  var isSingleWord = false
  /// Takes the white space on its left (right) with it.
  var stripsLeft = false
  var stripsRight = false
  /// Is looked for in the normalised text, in its own normalised form.
  var isNormalized = false
  var isSpecial = true
}

/// Finds added tokens: at each position the longest that begins there, as `tokenizers` does.
struct AddedTokenMatcher: Sendable {
  /// Longer contents are refused.
  static let lengthLimit = 4096

  /// A piece of text between tokens (`token` nil), or a token.
  struct Piece {
    var range: Range<Int>
    var token: Int?
  }

  private let tokens: [AddedToken]
  /// What each token looks like in the text, in byte order.
  private let patterns: [[UInt8]]
  private let owners: [Int]
  /// The patterns that begin with each byte.
  private let firstBytes: [Range<Int>]

  /// - Parameter patterns: what to look for, for each token; none is empty, none stands twice.
  init(_ tokens: [AddedToken], patterns unsorted: [[UInt8]]) {
    self.tokens = tokens
    let order = tokens.indices.sorted {
      unsorted[$0].lexicographicallyPrecedes(unsorted[$1])
    }
    let sorted = order.map { unsorted[$0] }
    patterns = sorted
    owners = order
    var ranges = [Range<Int>](repeating: 0..<0, count: 256)
    for (index, pattern) in sorted.enumerated() {
      let first = Int(pattern[0])
      let lower = ranges[first].isEmpty ? index : ranges[first].lowerBound
      ranges[first] = lower..<(index + 1)
    }
    firstBytes = ranges
  }

  var isEmpty: Bool { tokens.isEmpty }

  /// The token at `index` of a piece.
  subscript(index: Int) -> AddedToken { tokens[index] }

  /// Cuts `text` into tokens and the pieces between them.
  func pieces(of text: Span<UInt8>) -> [Piece] {
    var pieces: [Piece] = []
    var start = 0
    var position = 0
    while position < text.count {
      if firstBytes[Int(text[position])].isEmpty {
        position += 1
        continue
      }
      guard let (owner, length) = longest(text, at: position, to: text.count) else {
        position += 1
        continue
      }
      let token = tokens[owner]
      var lower = position
      var upper = position + length
      position = upper
      if token.isSingleWord, touchesWord(text, lower, upper) { continue }
      if token.stripsLeft {
        lower = max(spaceStart(text, before: lower), start)
      }
      if token.stripsRight { upper = spaceEnd(text, after: upper) }
      if start < lower { pieces.append(Piece(range: start..<lower, token: nil)) }
      pieces.append(Piece(range: min(lower, upper)..<upper, token: owner))
      start = upper
    }
    if start < text.count { pieces.append(Piece(range: start..<text.count, token: nil)) }
    return pieces
  }

  /// The longest token that stands at `start` and ends at `end` or before.
  func longest(
    _ text: Span<UInt8>, at start: Int, to end: Int
  ) -> (owner: Int, length: Int)? {
    var candidates = firstBytes[Int(text[start])]
    var depth = 1
    var found: (owner: Int, length: Int)?
    while !candidates.isEmpty {
      // In byte order the pattern that ends here comes first.
      if patterns[candidates.lowerBound].count == depth {
        found = (owners[candidates.lowerBound], depth)
        candidates = (candidates.lowerBound + 1)..<candidates.upperBound
      }
      guard start + depth < end, !candidates.isEmpty else { break }
      let byte = text[start + depth]
      let lower = bound(candidates, depth) { $0 >= byte }
      let upper = bound(lower..<candidates.upperBound, depth) { $0 > byte }
      candidates = lower..<upper
      depth += 1
    }
    return found
  }

  /// The first of `candidates` whose byte at `depth` holds; all of them are longer than `depth`.
  private func bound(
    _ candidates: Range<Int>, _ depth: Int, where holds: (UInt8) -> Bool
  ) -> Int {
    var lower = candidates.lowerBound
    var upper = candidates.upperBound
    while lower < upper {
      let middle = (lower + upper) / 2
      if holds(patterns[middle][depth]) { upper = middle } else { lower = middle + 1 }
    }
    return lower
  }

  private func touchesWord(_ text: Span<UInt8>, _ lower: Int, _ upper: Int) -> Bool {
    if lower > 0 {
      let before = UTF8Text.startBefore(text, lower)
      if CharacterClasses.isWord(UTF8Text.scalar(text, at: before).value) { return true }
    }
    return upper < text.count
      && CharacterClasses.isWord(UTF8Text.scalar(text, at: upper).value)
  }

  private func spaceStart(_ text: Span<UInt8>, before position: Int) -> Int {
    var start = position
    while start > 0 {
      let previous = UTF8Text.startBefore(text, start)
      guard isSpace(text, previous) else { break }
      start = previous
    }
    return start
  }

  private func spaceEnd(_ text: Span<UInt8>, after position: Int) -> Int {
    var end = position
    while end < text.count, isSpace(text, end) { end += UTF8Text.length(lead: text[end]) }
    return end
  }

  private func isSpace(_ text: Span<UInt8>, _ position: Int) -> Bool {
    Unicode.Scalar(UTF8Text.scalar(text, at: position).value)?.properties.isWhitespace ?? false
  }
}
