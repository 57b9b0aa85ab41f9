/// How documents become sequences of tokens.
public struct TokenizingOptions: Sendable, Equatable, Codable {
  /// Tokens of a sequence; the last one of a document may have fewer. At least 1.
  public var sequenceLength: Int
  /// The most tokens over all corpora, in command-line order; the last sequence is cut. nil: all.
  public var maximumTokenCount: Int?
  /// The most tokens of each domain; its last sequence is cut. nil: all.
  public var maximumTokenCountPerDomain: Int?

  /// - Precondition: a length of at least 1, limits of at least 1.
  public init(
    sequenceLength: Int = 512, maximumTokenCount: Int? = nil,
    maximumTokenCountPerDomain: Int? = nil
  ) {
    precondition(sequenceLength >= 1, "a sequence has a token")
    precondition((maximumTokenCount ?? 1) >= 1, "a limit allows a token")
    precondition((maximumTokenCountPerDomain ?? 1) >= 1, "a limit allows a token")
    self.sequenceLength = sequenceLength
    self.maximumTokenCount = maximumTokenCount
    self.maximumTokenCountPerDomain = maximumTokenCountPerDomain
  }
}

/// How far tokenising has come.
public struct TokenizingProgress: Sendable, Equatable {
  public let documentCount: Int
  public let tokenCount: Int
  /// Bytes of the corpus's files read so far, and of all of them where that is known.
  public let byteOffset: Int
  public let byteCount: Int?
}
