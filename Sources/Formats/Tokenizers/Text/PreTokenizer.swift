/// How a text is cut into words before the merges.
struct PreTokenizer: Sendable {
  /// What a split does with its matches; as in `tokenizers`.
  enum SplitBehaviour: String, Sendable {
    case removed = "Removed"
    case isolated = "Isolated"
    case mergedWithPrevious = "MergedWithPrevious"
    case mergedWithNext = "MergedWithNext"
    case contiguous = "Contiguous"
  }

  /// Where a metaspace is put before a piece that does not begin with one.
  enum PrependScheme: String, Sendable {
    case always, first, never
  }

  enum Step: Sendable {
    /// Number characters (`char::is_numeric`) apart from the rest, each alone or in runs.
    case digits(individual: Bool)
    /// A known pattern whose matches tile the text, each a piece.
    case pattern(KnownPattern)
    /// Any other regular expression.
    case expression(RegularExpression, behaviour: SplitBehaviour, isInverted: Bool)
    /// A space before pieces that begin with none.
    case prefixSpace
    /// Spaces become `replacement`; pieces may begin with one more.
    case metaspace(replacement: [UInt8], scheme: PrependScheme, splits: Bool)
  }

  let steps: [Step]

  /// Cuts `text[range]` and encodes its words.
  ///
  /// - Parameter isFirst: whether the range begins where the document does.
  func encode(
    _ text: Span<UInt8>, _ range: Range<Int>, isFirst: Bool, with model: borrowing BytePairModel,
    into ids: inout [Int32], _ workspace: inout Workspace
  ) {
    run(0, text, range, isFirst: isFirst, model, &ids, &workspace)
  }

  private func run(
    _ index: Int, _ text: Span<UInt8>, _ range: Range<Int>, isFirst: Bool,
    _ model: borrowing BytePairModel, _ ids: inout [Int32], _ workspace: inout Workspace
  ) {
    if range.isEmpty { return }
    guard index < steps.count else {
      model.encode(text, range, into: &ids, &workspace)
      return
    }
    let isLast = index + 1 == steps.count
    switch steps[index] {
    case .pattern(let pattern):
      var start = range.lowerBound
      while start < range.upperBound {
        let end = pattern.matchEnd(text, from: start, to: range.upperBound, &workspace.classes)
        if isLast {
          model.encode(text, start..<end, into: &ids, &workspace)
        } else {
          run(
            index + 1, text, start..<end, isFirst: isFirst && start == range.lowerBound, model,
            &ids, &workspace)
        }
        start = end
      }
    case .digits(let individual):
      var start = range.lowerBound
      while start < range.upperBound {
        let end = digitsEnd(text, start, range.upperBound, individual, &workspace.classes)
        run(
          index + 1, text, start..<end, isFirst: isFirst && start == range.lowerBound, model,
          &ids, &workspace)
        start = end
      }
    case .expression(let expression, let behaviour, let isInverted):
      for piece in split(text, range, expression, behaviour, isInverted) {
        run(
          index + 1, text, piece, isFirst: isFirst && piece.lowerBound == range.lowerBound, model,
          &ids, &workspace)
      }
    case .prefixSpace:
      guard text[range.lowerBound] != 0x20 else {
        run(index + 1, text, range, isFirst: isFirst, model, &ids, &workspace)
        return
      }
      var copy: [UInt8] = [0x20]
      copy.reserveCapacity(range.count + 1)
      for position in range { copy.append(text[position]) }
      run(index + 1, copy.span, 0..<copy.count, isFirst: isFirst, model, &ids, &workspace)
    case .metaspace(let replacement, let scheme, let splits):
      let copy = metaspaced(text, range, replacement, scheme, isFirst: isFirst)
      guard splits else {
        run(index + 1, copy.span, 0..<copy.count, isFirst: isFirst, model, &ids, &workspace)
        return
      }
      let replaced = copy.span
      var start = 0
      while start < replaced.count {
        var end = start + 1
        while end < replaced.count, !holds(replaced, end, replacement) { end += 1 }
        run(
          index + 1, replaced, start..<end, isFirst: isFirst && start == 0, model, &ids,
          &workspace)
        start = end
      }
    }
  }

  private func digitsEnd(
    _ text: Span<UInt8>, _ start: Int, _ end: Int, _ individual: Bool,
    _ classes: inout CharacterClasses
  ) -> Int {
    let (scalar, length) = UTF8Text.scalar(text, at: start)
    let isNumeric = classes.of(scalar) & CharacterClasses.numeric != 0
    var position = start + length
    if isNumeric && individual { return position }
    while position < end {
      let (scalar, length) = UTF8Text.scalar(text, at: position)
      if (classes.of(scalar) & CharacterClasses.numeric != 0) != isNumeric { break }
      position += length
    }
    return position
  }

  private func metaspaced(
    _ text: Span<UInt8>, _ range: Range<Int>, _ replacement: [UInt8], _ scheme: PrependScheme,
    isFirst: Bool
  ) -> [UInt8] {
    var copy: [UInt8] = []
    copy.reserveCapacity(range.count + range.count / 2 + replacement.count)
    let startsWithOne =
      text[range.lowerBound] == 0x20
      || range.count >= replacement.count && holds(text, range.lowerBound, replacement)
    if !startsWithOne, scheme == .always || scheme == .first && isFirst {
      copy.append(contentsOf: replacement)
    }
    for position in range {
      if text[position] == 0x20 {
        copy.append(contentsOf: replacement)
      } else {
        copy.append(text[position])
      }
    }
    return copy
  }

  @inline(__always)
  private func holds(_ text: Span<UInt8>, _ position: Int, _ pattern: [UInt8]) -> Bool {
    guard text[position] == pattern[0], position + pattern.count <= text.count else {
      return false
    }
    for offset in 1..<max(1, pattern.count) where text[position + offset] != pattern[offset] {
      return false
    }
    return true
  }

  // MARK: Splits

  private func split(
    _ text: Span<UInt8>, _ range: Range<Int>, _ expression: RegularExpression,
    _ behaviour: SplitBehaviour, _ isInverted: Bool
  ) -> [Range<Int>] {
    // Matches and what lies between them, tiling the range.
    var pieces: [(range: Range<Int>, isMatch: Bool)] = []
    var last = range.lowerBound
    for match in expression.matches(in: text, range) {
      if last != match.lowerBound { pieces.append((last..<match.lowerBound, isInverted)) }
      pieces.append((match, !isInverted))
      last = match.upperBound
    }
    if last != range.upperBound { pieces.append((last..<range.upperBound, isInverted)) }
    switch behaviour {
    case .isolated: return pieces.map(\.range)
    case .removed: return pieces.filter { !$0.isMatch }.map(\.range)
    case .contiguous: return joined(pieces) { piece, previous in piece == previous }
    case .mergedWithPrevious: return joined(pieces) { piece, previous in piece && !previous }
    case .mergedWithNext:
      let reversed = Array(pieces.reversed())
      return joined(reversed) { piece, previous in piece && !previous }.reversed()
    }
  }

  /// Joins a piece to the one before it in the list where `joins` says so of their match flags;
  /// before the first piece stands no match.
  private func joined(
    _ pieces: [(range: Range<Int>, isMatch: Bool)], where joins: (Bool, Bool) -> Bool
  ) -> [Range<Int>] {
    var result: [Range<Int>] = []
    var previous = false
    for piece in pieces {
      if joins(piece.isMatch, previous), let last = result.popLast() {
        let lower = min(last.lowerBound, piece.range.lowerBound)
        result.append(lower..<max(last.upperBound, piece.range.upperBound))
      } else {
        result.append(piece.range)
      }
      previous = piece.isMatch
    }
    return result
  }
}
