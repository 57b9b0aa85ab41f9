import Activations
import Corpora

/// Everything that is scored for the perplexities of a corpus, before a model sees any of it.
public struct PerplexityEvaluation: Sendable {
  public let corpus: TokenizedCorpus
  /// Rows of a rolling window.
  public let windowLength: Int
  /// What rolling windows begin with; nil when the tokenizer names no such token.
  public let prefix: Int32?
  private let windows: [ScoringWindow]
  /// The first `sequenceWindowCount` windows are for `token_perplexity`, the others roll.
  private let sequenceWindowCount: Int
  private let documents: [DocumentScore]

  /// - Parameters:
  ///   - windowLength: at least 1; lm-evaluation-harness's `max_length`.
  ///   - prefix: the token that begins a text, or else the one that ends it.
  ///   - repeatsPrefix: whether the tokenizer put the prefix before each text. A text that spells
  ///     it itself does not get it twice then, as in lm-evaluation-harness.
  ///   - decode: the text of some tokens, special tokens left out: for words and bytes of documents
  ///     that a limit has cut.
  /// - Throws: `EvaluationError.nothingToScore`.
  public init(
    _ corpus: TokenizedCorpus, windowLength: Int, prefix: Int32?, repeatsPrefix: Bool,
    decode: ([Int32]) -> [UInt8]
  ) throws(EvaluationError) {
    self.corpus = corpus
    self.windowLength = windowLength
    self.prefix = prefix
    let sequences = ScoringWindow.sequences(of: corpus)
    var rolling: [ScoringWindow] = []
    var documents: [DocumentScore] = []
    for (index, tokens) in corpus.tokensOfDocuments.enumerated() {
      let document = corpus.documents[index]
      let measure =
        tokens.count == document.tokenCount
        ? document.measure : TextMeasure(decode(Array(corpus.tokenIDs[tokens])))
      // A text without tokens counts as lm-evaluation-harness counts it: a word, no byte, and a
      // likelihood of one. A text of which a limit left nothing is no part of the evaluation.
      let isCutAway = tokens.isEmpty && document.tokenCount > 0
      documents.append(
        DocumentScore(
          domain: document.domain, tokenCount: tokens.count, rollingLoss: prefix.map { _ in 0 },
          wordCount: isCutAway ? 0 : measure.wordCount,
          byteCount: isCutAway ? 0 : measure.byteCount))
      guard let prefix else { continue }
      let isTwice =
        repeatsPrefix && tokens.count > 1 && corpus.tokenIDs[tokens.lowerBound] == prefix
        && corpus.tokenIDs[tokens.lowerBound + 1] == prefix
      rolling += ScoringWindow.rolling(
        document: index, tokens: isTwice ? tokens.dropFirst() : tokens, length: windowLength,
        prefix: prefix)
    }
    windows = sequences + rolling
    sequenceWindowCount = sequences.count
    self.documents = documents
    guard !windows.isEmpty else { throw .nothingToScore }
  }

  /// Tokens that go through the model, for progress and estimates.
  public var forwardTokenCount: Int { windows.reduce(0) { $0 + $1.tokenCount } }

  /// Tokens of the longest window.
  public var longestWindow: Int { windows.map(\.tokenCount).max() ?? 0 }

  /// Tokens of the largest batch.
  public var largestBatch: Int {
    WindowBatch.cuts(windows).map { cut in windows[cut].reduce(0) { $0 + $1.tokenCount } }.max()
      ?? 0
  }

  /// - Parameter progress: called with tokens that are done; what it throws ends the work.
  /// - Throws: `EvaluationError.notFinite`, and what `progress` throws.
  public func run(
    with scorer: WindowScorer, progress: (_ tokens: Int) throws -> Void = { _ in }
  ) throws -> PerplexityResult {
    var documents = documents
    let sums = try scorer.negativeLogLikelihoods(of: windows, in: corpus, progress: progress)
    for (index, (window, sum)) in zip(windows, sums).enumerated() {
      if index < sequenceWindowCount {
        documents[window.document].loss += sum
        documents[window.document].scoredTokenCount += window.targets.count
      } else {
        documents[window.document].rollingLoss = (documents[window.document].rollingLoss ?? 0) + sum
      }
    }
    let scored = documents.filter { $0.tokenCount > 0 || $0.wordCount > 0 }
    return PerplexityResult(
      all: PerplexityScores(scored),
      domains: corpus.domains.enumerated().map { index, domain in
        (domain.name, PerplexityScores(scored.filter { $0.domain == index }))
      })
  }
}

extension TokenizedCorpus {
  /// Where the kept tokens of each document lie among all tokens; empty where none was kept.
  var tokensOfDocuments: [Range<Int>] {
    var ranges = [Range<Int>](repeating: 0..<0, count: documents.count)
    for sequence in sequences {
      let known = ranges[sequence.document]
      ranges[sequence.document] =
        (known.isEmpty ? sequence.rows.lowerBound : known.lowerBound)..<sequence.rows.upperBound
    }
    return ranges
  }
}
