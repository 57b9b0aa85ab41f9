/// SentencePiece's byte pairs: two neighbours merge when their texts together are a piece, the
/// piece of the highest score first, the leftmost of equals.
///
/// Which neighbours those are follows from the vocabulary alone, so the pairs are found once, as
/// merges of symbols: pieces by their ids, and beyond them single characters that only occur
/// within pieces.
struct PieceMerger: Sendable {
  private(set) var merges = MergeTable()
  private(set) var boundaries = SafeBoundaries()
  private var pieces = TokenTable()
  /// Characters that are no pieces; numbered from `pieceCount` on.
  private var characters = TokenTable(byteCount: TokenTable.largestIdentifierLimit * 16)
  private var pieceCount = 0

  /// More pairs than this, and one for each `bytesForPair` bytes of pieces, are refused.
  private static let pairLimit = 1 << 20
  private static let bytesForPair = 16

  /// No pairs.
  init() {}

  init(_ list: SentencePieceList, file: String) throws(TokenizerError) {
    pieces = list.table
    pieceCount = list.kinds.count
    let mergeable = list.kinds.indices.filter { id in
      list.kinds[id] == .normal || list.kinds[id] == .userDefined || list.kinds[id] == .unused
    }
    let isMergeable = Self.flags(mergeable, count: pieceCount)
    // Equal scores have equal ranks: position decides between them.
    let order = mergeable.sorted { list.scores[$0] > list.scores[$1] }
    var byteCount = 0
    for id in mergeable {
      guard let bytes = pieces.bytes(of: id) else { continue }
      byteCount += bytes.count
      addCharacters(Array(bytes))
    }
    var rank: UInt32 = 0
    for (index, id) in order.enumerated() {
      if index > 0, list.scores[order[index - 1]] != list.scores[id] { rank += 1 }
      guard let bytes = pieces.bytes(of: id) else { continue }
      let count = try addPairs(
        Array(bytes), id, rank, isMergeable, limit: Self.pairLimit + byteCount / Self.bytesForPair,
        file: file)
      if count > 0, list.kinds[id] == .unused {
        throw .unsupported(
          file: file, field: "pieces[\(id)].type",
          found: "an unused piece that text can form (\(TokenizerError.excerpt(bytes)))",
          supported: "unused pieces that no others make up")
      }
    }
  }

  /// The symbol of one character: a piece's id, a number beyond them, or −1.
  func symbol(_ text: Span<UInt8>, _ range: Range<Int>) -> Int32 {
    let id = pieces.id(of: text, range)
    if id >= 0 { return id }
    let character = characters.id(of: text, range)
    return character < 0 ? -1 : character + Int32(pieceCount)
  }

  private static func flags(_ ids: [Int], count: Int) -> [Bool] {
    var flags = [Bool](repeating: false, count: count)
    for id in ids { flags[id] = true }
    return flags
  }

  private mutating func addCharacters(_ piece: [UInt8]) {
    var position = 0
    var previous: UInt32?
    while position < piece.count {
      let (scalar, length) = UTF8Text.scalar(piece.span, at: position)
      let range = position..<(position + length)
      if pieces.id(of: piece.span, range) < 0 {
        _ = characters.insert(Array(piece[range]), id: characters.identifierCount)
      }
      if let previous { boundaries.addCrossing(previous, scalar) }
      previous = scalar
      position += length
    }
  }

  /// Adds every way in which two symbols make up a piece.
  private mutating func addPairs(
    _ piece: [UInt8], _ id: Int, _ rank: UInt32, _ isMergeable: [Bool], limit: Int, file: String
  ) throws(TokenizerError) -> Int {
    var count = 0
    let text = piece.span
    let first = UTF8Text.length(lead: text[0])
    var position = first
    while position < text.count {
      let lastStart = position + UTF8Text.length(lead: text[position])
      if let left = side(text, 0..<position, isCharacter: position == first, isMergeable),
        let right = side(
          text, position..<text.count, isCharacter: lastStart == text.count, isMergeable)
      {
        merges.set(left: left, right: right, rank: rank, merged: Int32(id))
        count += 1
        guard merges.count <= limit else {
          throw .limitExceeded(
            file: file, field: "pieces (pairs that make up others)", found: merges.count,
            limit: limit)
        }
      }
      position = lastStart
    }
    return count
  }

  /// The symbol that a part of a piece can be: a character, or something that merges made.
  private func side(
    _ text: Span<UInt8>, _ range: Range<Int>, isCharacter: Bool, _ isMergeable: [Bool]
  ) -> Int32? {
    if isCharacter {
      let symbol = symbol(text, range)
      return symbol < 0 ? nil : symbol
    }
    let id = pieces.id(of: text, range)
    return id >= 0 && isMergeable[Int(id)] ? id : nil
  }
}
