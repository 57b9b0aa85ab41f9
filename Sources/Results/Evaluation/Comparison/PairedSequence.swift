import Activations
import Corpora

/// What two models say about one sequence, summed.
struct PairedSequence: Sendable, Equatable {
  let domain: Int
  let document: Int
  /// All tokens: each has a next-token distribution to compare.
  let positionCount: Int
  /// Σ KL(dense‖converted) over all positions, in nats.
  var divergence = 0.0
  /// Positions where both models find the same token most likely.
  var agreeing = 0.0
  /// Negative log-likelihoods of all tokens but the first, in nats.
  var loss = 0.0
  var otherLoss = 0.0

  var scoredCount: Int { positionCount - 1 }
}

/// What a conversion costs on some text.
public struct DivergenceScores: Codable, Sendable, Equatable {
  public var documentCount: Int
  public var tokenCount: Int
  public var dense: Estimate?
  public var converted: Estimate?
  /// Converted over dense perplexity; its error is paired, over the same text of both.
  public var perplexityRatio: Estimate?
  /// KL(dense‖converted), mean over all positions, in nats.
  public var divergence: Estimate
  /// Fraction of all positions at which both models' most likely token is the same.
  public var agreement: Estimate
  /// What standard errors are over: documents, or sequences where there is only one document.
  public var standardErrorUnits: String

  enum CodingKeys: String, CodingKey {
    case documentCount = "documents"
    case tokenCount = "tokens"
    case dense = "dense_token_perplexity"
    case converted = "converted_token_perplexity"
    case perplexityRatio = "perplexity_ratio"
    case divergence = "kl_divergence"
    case agreement = "top1_agreement"
    case standardErrorUnits = "standard_errors_over"
  }

  init(_ sequences: [PairedSequence]) {
    let documents = Dictionary(grouping: sequences, by: \.document)
    let units =
      documents.count > 1
      ? documents.sorted { $0.key < $1.key }.map(\.value) : sequences.map { [$0] }
    standardErrorUnits = documents.count > 1 ? "documents" : "sequences"
    func ratio(
      _ numerator: (PairedSequence) -> Double, over denominator: (PairedSequence) -> Int
    ) -> Estimate? {
      var ratio = RatioEstimate()
      for unit in units {
        ratio.append(
          unit.reduce(0) { $0 + numerator($1) },
          over: Double(unit.reduce(0) { $0 + denominator($1) }))
      }
      return ratio.estimate
    }
    documentCount = documents.count
    tokenCount = sequences.reduce(0) { $0 + $1.positionCount }
    dense = ratio(\.loss, over: \.scoredCount)?.exponential
    converted = ratio(\.otherLoss, over: \.scoredCount)?.exponential
    perplexityRatio = ratio({ $0.otherLoss - $0.loss }, over: \.scoredCount)?.exponential
    divergence = ratio(\.divergence, over: \.positionCount) ?? Estimate(0)
    agreement = ratio(\.agreeing, over: \.positionCount) ?? Estimate(0)
  }
}

extension [DivergenceScores] {
  /// The geometric mean of the perplexity ratios of domains, which are drawn independently:
  /// the exponential of the mean of their logarithms.
  var geometricMeanRatio: Estimate? {
    Estimate.mean(compactMap(\.perplexityRatio).map(\.logarithm))?.exponential
  }
}
