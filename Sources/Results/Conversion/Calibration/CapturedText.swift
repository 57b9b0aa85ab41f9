import Activations
import Capture
import Kernels
import Tensors

/// Sequences of a capture to calibrate on: an even part of each domain, drawn from all of it.
public struct CapturedText: Sendable {
  let reader: CaptureReader
  /// The sequences side by side.
  let batch: TokenBatch
  /// Where they lie in the capture; together as many tokens as `batch`.
  private let tokens: [Range<Int>]
  /// What each domain gave.
  let shares: [ConversionPlan.Calibration.Share]

  /// Draws sequences without replacement, the last one of each domain cut. Equal captures and seeds
  /// give equal sequences.
  ///
  /// - Parameter most: tokens in all.
  init(_ reader: CaptureReader, most: Int, seed: UInt64) throws {
    self.reader = reader
    let domains = reader.plan.corpus.domains
    let owners = try reader.documentDomains()
    var candidates = domains.map { _ in [Candidate]() }
    var held = domains.map { _ in 0 }
    var available = held
    for index in 0..<reader.batchCount {
      let batch = try reader.batch(index)
      let first = reader.firstToken(ofBatch: index)
      for sequence in batch.sequences {
        let domain = owners[sequence.document]
        candidates[domain].append(
          Candidate(
            priority: SeededGenerator.mix(
              SeededGenerator.mix(SeededGenerator.mix(seed) ^ UInt64(sequence.document))
                ^ UInt64(sequence.index)),
            document: sequence.document, index: sequence.index,
            firstToken: first + sequence.rows.lowerBound,
            tokenIDs: Array(batch.tokenIDs[sequence.rows])))
        available[domain] += sequence.rows.count
        held[domain] += sequence.rows.count
        // What no budget reaches is forgotten now and then.
        if held[domain] / 8 > most {
          candidates[domain] = Self.first(most, of: candidates[domain])
          held[domain] = candidates[domain].reduce(0) { $0 + $1.tokenIDs.count }
        }
      }
    }
    let targets = TokenBudget.shares(of: most, limits: available)
    let chosen = zip(candidates, targets).map { Self.first($1, of: $0) }
    shares = zip(domains, chosen).map { domain, chosen in
      ConversionPlan.Calibration.Share(
        name: domain.name, tokenCount: chosen.reduce(0) { $0 + $1.tokenIDs.count },
        documentCount: Set(chosen.map(\.document)).count)
    }
    let sequences = chosen.joined().sorted { $0.firstToken < $1.firstToken }
    tokens = sequences.map { $0.firstToken..<$0.firstToken + $0.tokenIDs.count }
    var (ids, rows): ([Int32], [TokenBatch.Sequence]) = ([], [])
    for sequence in sequences {
      let start = ids.count
      ids += sequence.tokenIDs
      rows.append(
        .init(rows: start..<ids.count, document: sequence.document, index: sequence.index))
    }
    batch = TokenBatch(tokenIDs: ids, sequences: rows)
  }

  /// Values of all tokens at one site, [batch.tokenCount, width].
  func read(_ site: ActivationSite) throws -> SharedMatrix {
    let matrix = SharedMatrix(
      rowCount: batch.tokenCount, columnCount: reader.plan.width(site.hookPoint))
    var row = 0
    for range in tokens {
      copy(
        try reader.read(site, tokens: range).view,
        into: matrix.view.rows(row..<row + range.count))
      row += range.count
    }
    return matrix
  }

  /// A sequence that may be drawn.
  private struct Candidate {
    let priority: UInt64
    let document: Int
    let index: Int
    /// Index in the capture.
    let firstToken: Int
    var tokenIDs: [Int32]

    static func precedes(_ one: Candidate, _ other: Candidate) -> Bool {
      (one.priority, one.firstToken) < (other.priority, other.firstToken)
    }
  }

  /// Those with the smallest numbers, the last one cut.
  private static func first(_ tokenCount: Int, of candidates: [Candidate]) -> [Candidate] {
    var rest = tokenCount
    var kept: [Candidate] = []
    for var candidate in candidates.sorted(by: Candidate.precedes) where rest > 0 {
      candidate.tokenIDs = Array(candidate.tokenIDs.prefix(rest))
      rest -= candidate.tokenIDs.count
      kept.append(candidate)
    }
    return kept
  }
}
