import Corpora

/// What one model makes of a corpus, sequence by sequence: enough to compare it with any other model
/// on the same text later, in pairs.
public struct SequenceLosses: Codable, Sendable, Equatable {
  /// One sequence with a token to score.
  public struct Sequence: Codable, Sendable, Equatable {
    /// Index into `domains`.
    public var domain: Int
    public var document: Int
    /// Tokens scored: all but the first.
    public var scoredCount: Int
    /// Their negative log-likelihood, summed, in nats.
    public var loss: Double

    enum CodingKeys: String, CodingKey {
      case domain, document, loss
      case scoredCount = "scored_tokens"
    }

    package init(domain: Int, document: Int, scoredCount: Int, loss: Double) {
      (self.domain, self.document) = (domain, document)
      (self.scoredCount, self.loss) = (scoredCount, loss)
    }
  }

  public var domains: [String]
  public var sequences: [Sequence]

  package init(domains: [String], sequences: [Sequence]) {
    self.domains = domains
    self.sequences = sequences
  }

  /// Scores every sequence of a corpus.
  ///
  /// - Parameter progress: called with tokens that are done; what it throws ends the work.
  /// - Throws: `EvaluationError.nothingToScore`, `.notFinite`, and what `progress` throws.
  public init(
    of corpus: TokenizedCorpus, scorer: WindowScorer, progress: (_ tokens: Int) throws -> Void
  ) throws {
    let windows = ScoringWindow.sequences(of: corpus)
    guard !windows.isEmpty else { throw EvaluationError.nothingToScore }
    let losses = try scorer.negativeLogLikelihoods(of: windows, in: corpus, progress: progress)
    domains = corpus.domains.map(\.name)
    sequences = zip(windows, losses).map { window, loss in
      Sequence(
        domain: corpus.documents[window.document].domain, document: window.document,
        scoredCount: window.targets.count, loss: loss)
    }
  }

  /// Tokens scored in all.
  public var scoredCount: Int { sequences.reduce(0) { $0 + $1.scoredCount } }
}

/// Perplexity of one model over that of another on the same text: errors are paired, since what makes
/// text hard is hard for both.
public struct PerplexityRatios: Codable, Sendable, Equatable {
  /// One domain of the text.
  public struct Domain: Codable, Sendable, Equatable {
    public var name: String
    public var perplexity: Estimate?
    public var ratio: Estimate?

    enum CodingKeys: String, CodingKey {
      case name = "domain"
      case perplexity = "token_perplexity"
      case ratio = "perplexity_ratio"
    }
  }

  public var domains: [Domain]
  /// exp of the mean over domains of the logarithms of their ratios.
  public var geometricMean: Estimate?

  enum CodingKeys: String, CodingKey {
    case domains
    case geometricMean = "geometric_mean"
  }

  /// - Precondition: both were measured on the same text.
  public init(of losses: SequenceLosses, over reference: SequenceLosses) {
    precondition(losses.sequences.count == reference.sequences.count)
    let pairs = zip(losses.sequences, reference.sequences).map { one, other in
      PairedSequence(
        domain: one.domain, document: one.document, positionCount: one.scoredCount + 1,
        loss: other.loss, otherLoss: one.loss)
    }
    let scores = losses.domains.indices.map { domain in
      DivergenceScores(pairs.filter { $0.domain == domain })
    }
    domains = zip(losses.domains, scores).map { name, scores in
      Domain(name: name, perplexity: scores.converted, ratio: scores.perplexityRatio)
    }
    geometricMean = scores.geometricMeanRatio
  }
}
