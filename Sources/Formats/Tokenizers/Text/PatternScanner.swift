/// The well-known pre-tokenisation patterns, scanned by hand.
///
/// Each call finds where the pattern's match that starts at a position ends. The patterns leave no
/// character unmatched, so their matches tile the text.
enum KnownPattern: Sendable, Equatable {
  /// GPT-2's: contractions, letters, numbers, others, each with a leading space; white space.
  case gpt2
  /// LLaMA 3's: numbers by three, line ends join what stands before them.
  case llama3
  /// Qwen 2's: LLaMA 3's with every number character alone.
  case qwen2

  /// The regular expression that the case stands for.
  var expression: String {
    switch self {
    case .gpt2:
      #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
    case .llama3:
      #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"#
        + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    case .qwen2:
      #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"#
        + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    }
  }

  /// The case that a regular expression is, if any.
  init?(expression: String) {
    let known = [KnownPattern.gpt2, .llama3, .qwen2]
    guard let found = known.first(where: { $0.expression == expression }) else { return nil }
    self = found
  }

  /// The end of the match that starts at `start`, in a text that ends at `end`.
  @inline(__always)
  func matchEnd(
    _ text: Span<UInt8>, from start: Int, to end: Int, _ classes: inout CharacterClasses
  ) -> Int {
    switch self {
    case .gpt2: PatternScanner.gpt2(text, start, end, &classes)
    case .llama3: PatternScanner.llama3(text, start, end, numberLimit: 3, &classes)
    case .qwen2: PatternScanner.llama3(text, start, end, numberLimit: 1, &classes)
    }
  }
}

/// The scanners of `KnownPattern`.
private enum PatternScanner {
  static func gpt2(
    _ text: Span<UInt8>, _ start: Int, _ end: Int, _ classes: inout CharacterClasses
  ) -> Int {
    let first = text[start]
    if first == UInt8(ascii: "'") {
      let length = contraction(text, start, end, ignoringCase: false)
      if length > 0 { return start + length }
    }
    // " ?" before letters, numbers and others.
    let body = first == 0x20 && start + 1 < end ? start + 1 : start
    let (scalar, length) = UTF8Text.scalar(text, at: body)
    let kind = classes.of(scalar) & 7
    if kind & CharacterClasses.space == 0 {
      return run(text, body + length, end, &classes) { $0 & 7 == kind }
    }
    return spaces(text, start, end, &classes)
  }

  static func llama3(
    _ text: Span<UInt8>, _ start: Int, _ end: Int, numberLimit: Int,
    _ classes: inout CharacterClasses
  ) -> Int {
    if text[start] == UInt8(ascii: "'") {
      let length = contraction(text, start, end, ignoringCase: true)
      if length > 0 { return start + length }
    }
    let (scalar, length) = UTF8Text.scalar(text, at: start)
    let kind = classes.of(scalar)
    let next = start + length
    if kind & CharacterClasses.letter != 0 {
      return run(text, next, end, &classes) { $0 & CharacterClasses.letter != 0 }
    }
    if kind & CharacterClasses.number != 0 {
      return numbers(text, next, end, limit: numberLimit - 1, &classes)
    }
    if scalar != 0x0A, scalar != 0x0D, next < end {
      let (second, secondLength) = UTF8Text.scalar(text, at: next)
      if classes.of(second) & CharacterClasses.letter != 0 {
        return run(text, next + secondLength, end, &classes) {
          $0 & CharacterClasses.letter != 0
        }
      }
    }
    let body = scalar == 0x20 && next < end ? next : start
    let (other, otherLength) = UTF8Text.scalar(text, at: body)
    if classes.of(other) & 7 == 0 {
      var position = run(text, body + otherLength, end, &classes) { $0 & 7 == 0 }
      while position < end, isLineEnd(text[position]) { position += 1 }
      return position
    }
    return lines(text, start, end, &classes)
  }

  /// `\s*[\r\n]+|\s+(?!\S)|\s+`.
  private static func lines(
    _ text: Span<UInt8>, _ start: Int, _ end: Int, _ classes: inout CharacterClasses
  ) -> Int {
    var position = start
    var afterLineEnd = start
    while position < end {
      let (scalar, length) = UTF8Text.scalar(text, at: position)
      guard classes.of(scalar) & CharacterClasses.space != 0 else { break }
      position += length
      if scalar == 0x0A || scalar == 0x0D { afterLineEnd = position }
    }
    if afterLineEnd > start { return afterLineEnd }
    return spaces(text, start, end, &classes)
  }

  /// `\s+(?!\S)|\s+`: all white space at the end of the text, else all but its last character.
  private static func spaces(
    _ text: Span<UInt8>, _ start: Int, _ end: Int, _ classes: inout CharacterClasses
  ) -> Int {
    var position = start
    var last = start
    while position < end {
      let (scalar, length) = UTF8Text.scalar(text, at: position)
      guard classes.of(scalar) & CharacterClasses.space != 0 else { break }
      last = position
      position += length
    }
    return position == end || last == start ? position : last
  }

  @inline(__always)
  private static func run(
    _ text: Span<UInt8>, _ start: Int, _ end: Int, _ classes: inout CharacterClasses,
    while holds: (UInt8) -> Bool
  ) -> Int {
    var position = start
    while position < end {
      let (scalar, length) = UTF8Text.scalar(text, at: position)
      guard holds(classes.of(scalar)) else { break }
      position += length
    }
    return position
  }

  private static func numbers(
    _ text: Span<UInt8>, _ start: Int, _ end: Int, limit: Int,
    _ classes: inout CharacterClasses
  ) -> Int {
    var position = start
    for _ in 0..<limit where position < end {
      let (scalar, length) = UTF8Text.scalar(text, at: position)
      guard classes.of(scalar) & CharacterClasses.number != 0 else { break }
      position += length
    }
    return position
  }

  @inline(__always)
  private static func isLineEnd(_ byte: UInt8) -> Bool { byte == 0x0A || byte == 0x0D }

  /// The length of 's, 't, 're, 've, 'm, 'll or 'd at an apostrophe; 0 when there is none.
  ///
  /// Ignoring case includes the long s, U+017F, which folds to s.
  private static func contraction(
    _ text: Span<UInt8>, _ start: Int, _ end: Int, ignoringCase: Bool
  ) -> Int {
    guard start + 1 < end else { return 0 }
    let fold: UInt8 = ignoringCase ? 0x20 : 0
    let first = text[start + 1] | fold
    switch first {
    case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return 2
    case 0xC5 | fold where ignoringCase && text[start + 1] == 0xC5:
      return start + 2 < end && text[start + 2] == 0xBF ? 3 : 0
    default: break
    }
    guard start + 2 < end else { return 0 }
    switch (first, text[start + 2] | fold) {
    case (UInt8(ascii: "r"), UInt8(ascii: "e")), (UInt8(ascii: "v"), UInt8(ascii: "e")),
      (UInt8(ascii: "l"), UInt8(ascii: "l")):
      return 3
    default: return 0
    }
  }
}
