import Foundation

/// How well a model predicts some documents, in the units that the field uses.
///
/// `token_perplexity` is the exponential of the mean negative log-likelihood of every token but the
/// first of its sequence. The other three come from lm-evaluation-harness's rolling
/// log-likelihood, which scores every token: `word_perplexity` and `byte_perplexity` are the
/// exponentials of its mean for a word and for a byte, `bits_per_byte` is the latter in bits.
/// Standard errors are over documents, by the delta method; absent for fewer than two.
public struct PerplexityScores: Sendable, Equatable {
  /// nil where nothing was scored: sequences of one token, or no prefix for rolling windows.
  public var token: Estimate?
  public var word: Estimate?
  public var byte: Estimate?
  public var bitsPerByte: Estimate?
  public var documentCount: Int
  /// Tokens of the text, special tokens included.
  public var tokenCount: Int
  /// Tokens that `token_perplexity` is about.
  public var scoredTokenCount: Int
  public var wordCount: Int
  public var byteCount: Int
}

/// What a model makes of one document: sums that perplexities are quotients of.
struct DocumentScore: Sendable, Equatable {
  let domain: Int
  let tokenCount: Int
  /// Negative log-likelihood in nats, and tokens scored, of sequences as capture cuts them.
  var loss = 0.0
  var scoredTokenCount = 0
  /// Negative log-likelihood in nats of all tokens, in rolling windows; nil without a prefix.
  var rollingLoss: Double?
  let wordCount: Int
  let byteCount: Int
}

extension PerplexityScores {
  init(_ documents: [DocumentScore]) {
    var (token, word, byte) = (RatioEstimate(), RatioEstimate(), RatioEstimate())
    for document in documents {
      token.append(document.loss, over: Double(document.scoredTokenCount))
      guard let loss = document.rollingLoss else { continue }
      word.append(loss, over: Double(document.wordCount))
      byte.append(loss, over: Double(document.byteCount))
    }
    self.token = token.estimate?.exponential
    self.word = word.estimate?.exponential
    self.byte = byte.estimate?.exponential
    bitsPerByte = byte.estimate?.scaled(by: 1 / log(2))
    documentCount = documents.count
    tokenCount = documents.reduce(0) { $0 + $1.tokenCount }
    scoredTokenCount = documents.reduce(0) { $0 + $1.scoredTokenCount }
    wordCount = documents.reduce(0) { $0 + $1.wordCount }
    byteCount = documents.reduce(0) { $0 + $1.byteCount }
  }
}

extension PerplexityScores: Codable {
  enum CodingKeys: String, CodingKey {
    case token = "token_perplexity"
    case tokenError = "token_perplexity_standard_error"
    case word = "word_perplexity"
    case wordError = "word_perplexity_standard_error"
    case byte = "byte_perplexity"
    case byteError = "byte_perplexity_standard_error"
    case bitsPerByte = "bits_per_byte"
    case bitsPerByteError = "bits_per_byte_standard_error"
    case documentCount = "documents"
    case tokenCount = "tokens"
    case scoredTokenCount = "scored_tokens"
    case wordCount = "words"
    case byteCount = "bytes"
  }

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    func estimate(_ key: CodingKeys, _ error: CodingKeys) throws -> Estimate? {
      guard let value = try values.decodeIfPresent(Double.self, forKey: key) else { return nil }
      return Estimate(
        value, standardError: try values.decodeIfPresent(Double.self, forKey: error))
    }
    token = try estimate(.token, .tokenError)
    word = try estimate(.word, .wordError)
    byte = try estimate(.byte, .byteError)
    bitsPerByte = try estimate(.bitsPerByte, .bitsPerByteError)
    documentCount = try values.decode(Int.self, forKey: .documentCount)
    tokenCount = try values.decode(Int.self, forKey: .tokenCount)
    scoredTokenCount = try values.decode(Int.self, forKey: .scoredTokenCount)
    wordCount = try values.decode(Int.self, forKey: .wordCount)
    byteCount = try values.decode(Int.self, forKey: .byteCount)
  }

  /// Absent numbers are written as null, so that every key is always there.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    for (estimate, key, error) in [
      (token, CodingKeys.token, CodingKeys.tokenError), (word, .word, .wordError),
      (byte, .byte, .byteError), (bitsPerByte, .bitsPerByte, .bitsPerByteError),
    ] {
      try values.encode(estimate?.value, forKey: key)
      try values.encode(estimate?.standardError, forKey: error)
    }
    try values.encode(documentCount, forKey: .documentCount)
    try values.encode(tokenCount, forKey: .tokenCount)
    try values.encode(scoredTokenCount, forKey: .scoredTokenCount)
    try values.encode(wordCount, forKey: .wordCount)
    try values.encode(byteCount, forKey: .byteCount)
  }
}

/// Perplexity of one model on a corpus: all of it, and each domain.
public struct PerplexityResult: Sendable, Equatable {
  public var all: PerplexityScores
  /// In order of first appearance.
  public var domains: [(name: String, scores: PerplexityScores)]

  public static func == (one: PerplexityResult, other: PerplexityResult) -> Bool {
    one.all == other.all && one.domains.elementsEqual(other.domains) { $0 == $1 }
  }
}
