import Activations
import Corpora

/// The text of an ablation: sequences that are scored, and others that choose the static variant's
/// sub-dimensions.
///
/// In each domain of at least two sequences the last ones, until they hold a quarter of its tokens,
/// choose; all others are scored. If that leaves no text to choose by, the scored text chooses, and
/// `isSeparate` is false.
public struct AblationText: Sendable {
  public let corpus: TokenizedCorpus
  /// What choosing and scoring are about: (document, sequence).
  private let scored: Set<SequencePlace>
  private let choosing: Set<SequencePlace>
  package let windows: [ScoringWindow]

  private struct SequencePlace: Hashable {
    let document: Int
    let sequence: Int
  }

  /// - Throws: `EvaluationError.nothingToScore`.
  public init(_ corpus: TokenizedCorpus) throws(EvaluationError) {
    self.corpus = corpus
    var domains: [Int: [TokenBatch.Sequence]] = [:]
    for sequence in corpus.sequences {
      domains[corpus.domain(of: sequence), default: []].append(sequence)
    }
    func places(_ sequences: some Swift.Sequence<TokenBatch.Sequence>) -> Set<SequencePlace> {
      Set(sequences.map { SequencePlace(document: $0.document, sequence: $0.index) })
    }
    let choosing = places(domains.values.flatMap(Self.last))
    self.choosing = choosing
    let scored = places(corpus.sequences).subtracting(choosing)
    self.scored = scored
    windows = corpus.sequences.compactMap { sequence in
      scored.contains(SequencePlace(document: sequence.document, sequence: sequence.index))
        ? ScoringWindow(sequence) : nil
    }
    guard !windows.isEmpty else { throw .nothingToScore }
  }

  /// The last sequences of a domain that hold a quarter of its tokens, but never all sequences.
  private static func last(_ sequences: [TokenBatch.Sequence]) -> ArraySlice<TokenBatch.Sequence> {
    let tokenCount = sequences.reduce(0) { $0 + $1.rows.count }
    var (start, count) = (sequences.count, 0)
    while start > 1 && 4 * count < tokenCount {
      start -= 1
      count += sequences[start].rows.count
    }
    return sequences[start...]
  }

  /// Whether the text that chooses is not scored.
  public var isSeparate: Bool { !choosing.isEmpty }

  package func isScored(_ token: TokenPlace) -> Bool {
    scored.contains(SequencePlace(document: token.document, sequence: token.sequence))
  }

  package func chooses(_ token: TokenPlace) -> Bool {
    isSeparate
      ? choosing.contains(SequencePlace(document: token.document, sequence: token.sequence))
      : isScored(token)
  }

  func domain(of window: ScoringWindow) -> Int { corpus.documents[window.document].domain }

  /// Documents that are scored.
  public var documentCount: Int { Set(windows.map(\.document)).count }

  /// Tokens that go through a model for one variant.
  public var forwardTokenCount: Int { windows.reduce(0) { $0 + $1.tokenCount } }

  /// Tokens whose probability counts.
  public var scoredTokenCount: Int { windows.reduce(0) { $0 + $1.targets.count } }

  /// Tokens of the longest window, and of the largest batch.
  var longestWindow: Int { windows.map(\.tokenCount).max() ?? 0 }
  var largestBatch: Int {
    WindowBatch.cuts(windows).map { cut in windows[cut].reduce(0) { $0 + $1.tokenCount } }.max()
      ?? 0
  }
}
