import Activations
import Kernels

/// How a corpus lies in sequences: known before any layer runs, the same for a live model and for a
/// replayed capture.
///
/// Statistics need it in advance for two things: where a batch's rows belong, and which sequences
/// are in the sample that nulls run on.
public struct CorpusLayout: Sendable, Equatable {
  /// One sequence, in corpus order.
  public struct Sequence: Sendable, Equatable {
    /// Index of the document in corpus order.
    public let document: Int
    /// Index of the sequence within its document.
    public let index: Int
    public let tokenCount: Int
    /// Index into `domains`.
    public let domain: Int
  }

  /// Names of the corpora, in the order of the command line.
  public let domains: [String]
  public private(set) var sequences: [Sequence] = []
  /// For each document a number made of its token ids and domain: what a document is known by when
  /// parts are merged.
  public private(set) var documentKeys: [UInt64] = []
  private var places: [Place: Int] = [:]

  private struct Place: Hashable {
    let document: Int
    let index: Int
  }

  /// - Parameter domains: at least one name.
  public init(domains: [String]) {
    precondition(!domains.isEmpty, "a corpus has a domain")
    self.domains = domains
  }

  /// Adds a batch of the corpus; batches come in corpus order.
  ///
  /// - Parameter domainOf: the domain, an index into `domains`, of each document.
  public mutating func append(_ batch: TokenBatch, domainOf: (_ document: Int) -> Int) {
    for sequence in batch.sequences {
      let domain = domainOf(sequence.document)
      precondition(domains.indices.contains(domain), "a document belongs to a named domain")
      places[Place(document: sequence.document, index: sequence.index)] = sequences.count
      sequences.append(
        Sequence(
          document: sequence.document, index: sequence.index, tokenCount: sequence.rows.count,
          domain: domain))
      while documentKeys.count <= sequence.document { documentKeys.append(0) }
      var key = documentKeys[sequence.document]
      if key == 0 {
        for byte in domains[domain].utf8 { key = SeededGenerator.mix(key &+ UInt64(byte) &+ 1) }
      }
      for token in batch.tokenIDs[sequence.rows] {
        key = SeededGenerator.mix(key ^ UInt64(UInt32(bitPattern: token)) &+ 0x9e37_79b9_7f4a_7c15)
      }
      documentKeys[sequence.document] = key
    }
  }

  /// The place of a batch's sequence in `sequences`; nil when the corpus has no such sequence.
  func place(of sequence: TokenBatch.Sequence) -> Int? {
    places[Place(document: sequence.document, index: sequence.index)]
  }

  /// All tokens, skipped ones included.
  public var tokenCount: Int { sequences.reduce(0) { $0 + $1.tokenCount } }

  /// Tokens of a sequence that statistics see.
  func keptCount(_ sequence: Int, options: StatisticsOptions) -> Int {
    max(0, sequences[sequence].tokenCount - options.skippedPositions.count)
  }

  /// The sample of whole sequences that nulls run on, in corpus order.
  ///
  /// Sequences are taken by a number that is made of the seed, their document and their index, each
  /// if it still fits; so the choice does not depend on batches or on workers.
  func sample(_ options: StatisticsOptions) -> [Int] {
    let kept = sequences.indices.reduce(0) { $0 + keptCount($1, options: options) }
    let isSmall = kept <= options.nullTokenLimit
    let order = sequences.indices.map { index in
      let sequence = sequences[index]
      let priority = SeededGenerator.mix(
        SeededGenerator.mix(options.seed ^ SeededGenerator.mix(UInt64(sequence.document)))
          ^ UInt64(sequence.index))
      return (priority, index)
    }.sorted { $0 < $1 }
    func choose(_ limit: Int) -> [Int] {
      var chosen: [Int] = []
      var total = 0
      for (_, index) in order {
        let count = keptCount(index, options: options)
        guard count > 0, total + count <= limit else { continue }
        total += count
        chosen.append(index)
      }
      return chosen.sorted()
    }
    let chosen = choose(isSmall ? options.nullTokenLimit : options.nullSampleTokenCount)
    // Where every sequence is longer than the sample, one that fits the limit will do.
    return chosen.isEmpty ? choose(options.nullTokenLimit) : chosen
  }
}
