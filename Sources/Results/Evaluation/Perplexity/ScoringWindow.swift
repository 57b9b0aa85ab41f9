import Activations
import Corpora

/// A run of tokens that goes through the model at once, and which of them it scores.
///
/// Positions are indices into all tokens of a corpus. The token at position p is scored by the row
/// before it: that of p − 1, or of the prefix where p is the window's first.
public struct ScoringWindow: Sendable, Equatable {
  /// Index of the document in corpus order.
  public let document: Int
  /// Index among the windows of its kind in the document; of a sequence, the sequence's.
  public let index: Int
  /// A token that stands before the inputs, so that their first can be scored too.
  public let prefix: Int32?
  /// Tokens that the model reads.
  public let inputs: Range<Int>
  /// Tokens whose probability counts; those before them are context.
  public let targets: Range<Int>

  package init(
    document: Int, index: Int, prefix: Int32?, inputs: Range<Int>, targets: Range<Int>
  ) {
    self.document = document
    self.index = index
    self.prefix = prefix
    self.inputs = inputs
    self.targets = targets
  }

  /// Tokens that go through the model.
  public var tokenCount: Int { inputs.count + (prefix == nil ? 0 : 1) }

  /// The window's row that scores its first target.
  var firstScoringRow: Int { targets.lowerBound - inputs.lowerBound - (prefix == nil ? 1 : 0) }
}

extension ScoringWindow {
  /// Documents cut as capture cuts them: each token but a sequence's first is scored, in the
  /// context of those before it in its sequence.
  package static func sequences(of corpus: TokenizedCorpus) -> [ScoringWindow] {
    corpus.sequences.compactMap { ScoringWindow($0) }
  }

  /// One sequence of a corpus.
  ///
  /// - Returns: nil for a sequence of fewer than two tokens.
  init?(_ sequence: TokenBatch.Sequence) {
    let rows = sequence.rows
    guard rows.count > 1 else { return nil }
    self.init(
      document: sequence.document, index: sequence.index, prefix: nil,
      inputs: rows.lowerBound..<rows.upperBound - 1,
      targets: rows.lowerBound + 1..<rows.upperBound)
  }

  /// The rolling windows of lm-evaluation-harness with one token of context
  /// (`get_rolling_token_windows`, then `make_disjoint_window`): every token is scored once. The
  /// first window begins with the prefix. Full windows see one token before their targets; the last,
  /// shorter one is filled up with context from the left.
  ///
  /// - Parameters:
  ///   - tokens: where the document lies among all tokens.
  ///   - length: rows of a full window, at least 1.
  package static func rolling(
    document: Int, tokens: Range<Int>, length: Int, prefix: Int32
  ) -> [ScoringWindow] {
    guard !tokens.isEmpty else { return [] }
    let start = tokens.lowerBound
    let first = start + min(length, tokens.count)
    var windows = [
      ScoringWindow(
        document: document, index: 0, prefix: prefix, inputs: start..<first - 1,
        targets: start..<first)
    ]
    var scored = first
    while scored < tokens.upperBound {
      let end = min(scored + length, tokens.upperBound)
      windows.append(
        ScoringWindow(
          document: document, index: windows.count, prefix: nil,
          inputs: end - 1 - length..<end - 1, targets: scored..<end))
      scored = end
    }
    return windows
  }
}

/// Windows that go through the model together.
struct WindowBatch: Sendable {
  let windows: [ScoringWindow]
  let tokens: TokenBatch
  /// Rows of the batch that score a target, and the target's id, in the order of the windows.
  let scored: [(rows: Range<Int>, targets: [Int32])]

  /// Tokens that batches are filled up to: enough for widening the weights to cost little.
  static let tokenCount = 8192

  init(_ windows: [ScoringWindow], of corpus: TokenizedCorpus) {
    var ids: [Int32] = []
    var sequences: [TokenBatch.Sequence] = []
    var scored: [(rows: Range<Int>, targets: [Int32])] = []
    for window in windows {
      let start = ids.count
      if let prefix = window.prefix { ids.append(prefix) }
      ids += corpus.tokenIDs[window.inputs]
      sequences.append(
        TokenBatch.Sequence(rows: start..<ids.count, document: window.document, index: window.index)
      )
      let first = start + window.firstScoringRow
      scored.append(
        (first..<first + window.targets.count, Array(corpus.tokenIDs[window.targets])))
    }
    self.windows = windows
    self.scored = scored
    tokens = TokenBatch(tokenIDs: ids, sequences: sequences)
  }

  /// How windows are put together: whole ones, in order, until a batch is full.
  static func cuts(_ windows: [ScoringWindow]) -> [Range<Int>] {
    var cuts: [Range<Int>] = []
    var (start, count) = (0, 0)
    for (index, window) in windows.enumerated() {
      if count > 0 && count + window.tokenCount > tokenCount {
        cuts.append(start..<index)
        (start, count) = (index, 0)
      }
      count += window.tokenCount
    }
    if start < windows.count { cuts.append(start..<windows.count) }
    return cuts
  }
}
