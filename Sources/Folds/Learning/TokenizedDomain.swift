import Files

/// One domain's documents as token ids, to train on: what a token file holds.
public struct TokenizedDomain: Sendable {
  public let name: String
  public let tokens: TokenIDs
  /// Where each document begins, and at the end the number of tokens: [documents + 1].
  public let starts: [Int]
  /// Bytes of each document's text.
  public let byteCounts: [Int]
  /// The first eight bytes of each text's SHA-256: they decide what is held out.
  public let digests: [UInt64]
  /// Of vocabulary ids that the tokenizer may give.
  public let vocabularySize: Int
  /// What made the ids.
  public let tokenizer: String
  /// Of the ids and where documents begin.
  public let sha256: String

  public init(
    name: String, tokens: TokenIDs, starts: [Int], byteCounts: [Int], digests: [UInt64],
    vocabularySize: Int, tokenizer: String
  ) {
    precondition(starts.count == byteCounts.count + 1 && byteCounts.count == digests.count)
    self.name = name
    self.tokens = tokens
    self.starts = starts
    self.byteCounts = byteCounts
    self.digests = digests
    self.vocabularySize = vocabularySize
    self.tokenizer = tokenizer
    var hasher = SHA256()
    let step = 1 << 16
    for start in stride(from: 0, to: tokens.count, by: step) {
      hasher.update(
        littleEndian(
          tokens[start..<min(start + step, tokens.count)].map { UInt64(UInt32(bitPattern: $0)) }, 4)
      )
    }
    hasher.update(littleEndian(starts.map { UInt64($0) }, 8))
    hasher.update(littleEndian(digests, 8))
    sha256 = hasher.finish()
  }

  public var documentCount: Int { byteCounts.count }
}

/// The lowest `width` bytes of each number.
func littleEndian(_ numbers: [UInt64], _ width: Int) -> [UInt8] {
  var bytes: [UInt8] = []
  bytes.reserveCapacity(numbers.count * width)
  for number in numbers {
    for byte in 0..<width { bytes.append(UInt8(truncatingIfNeeded: number >> (8 * UInt64(byte)))) }
  }
  return bytes
}

/// Vocabulary ids in two bytes each where they fit, else in four.
public enum TokenIDs: Sendable, Equatable {
  case narrow([UInt16])
  case wide([UInt32])

  /// Room for ids below `vocabularySize`.
  public init(_ ids: [Int32], vocabularySize: Int) {
    self =
      vocabularySize <= 1 << 16
      ? .narrow(ids.map { UInt16(truncatingIfNeeded: $0) })
      : .wide(ids.map { UInt32(bitPattern: $0) })
  }

  public var count: Int {
    switch self {
    case .narrow(let ids): ids.count
    case .wide(let ids): ids.count
    }
  }

  public subscript(_ range: Range<Int>) -> [Int32] {
    switch self {
    case .narrow(let ids): ids[range].map { Int32($0) }
    case .wide(let ids): ids[range].map { Int32(bitPattern: $0) }
    }
  }
}
