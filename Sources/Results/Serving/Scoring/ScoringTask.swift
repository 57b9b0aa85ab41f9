/// One prompt to score.
public struct ScoringTask: Equatable, Sendable {
  /// At least one id, each below the vocabulary size.
  public let ids: [Int32]
  /// How many of the likeliest tokens are wanted at each position.
  public let topCount: Int
  /// Whether the prompt's own tokens are scored.
  public let scoresPrompt: Bool
  /// Whether the token after the last one is wanted.
  public let scoresNext: Bool

  public init(ids: [Int32], topCount: Int, scoresPrompt: Bool, scoresNext: Bool) {
    self.ids = ids
    self.topCount = topCount
    self.scoresPrompt = scoresPrompt
    self.scoresNext = scoresNext
  }

  /// Ids that go through the model: the last one only for what comes after it.
  var inputs: ArraySlice<Int32> { scoresNext ? ids[...] : ids.dropLast() }

  /// Positions whose predictions are wanted.
  var readPositions: Range<Int> {
    scoresPrompt ? 0..<inputs.count : max(0, inputs.count - 1)..<inputs.count
  }
}

/// A token and the natural logarithm of its probability.
public struct TokenScore: Equatable, Sendable {
  public let id: Int32
  public let logProbability: Double

  public init(id: Int32, logProbability: Double) {
    self.id = id
    self.logProbability = logProbability
  }
}

/// What a model says at one position: about the token that came, and about the likeliest ones.
public struct PositionScore: Equatable, Sendable {
  public let token: TokenScore
  /// Likeliest first; of equals the one with the smaller id.
  public let top: [TokenScore]

  public init(token: TokenScore, top: [TokenScore]) {
    self.token = token
    self.top = top
  }
}

/// What a model says about one prompt.
public struct ScoredPrompt: Equatable, Sendable {
  /// One for each id but the first, which nothing predicts; empty where they were not asked for.
  public var prompt: [PositionScore]
  /// The likeliest next token, where it was asked for.
  public var next: PositionScore?

  public init(prompt: [PositionScore], next: PositionScore?) {
    self.prompt = prompt
    self.next = next
  }
}
