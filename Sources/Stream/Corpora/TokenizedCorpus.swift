import Activations

/// A corpus as token ids, cut into sequences that never mix two documents.
///
/// Each document is encoded whole and then cut every `sequenceLength` tokens; the last sequence may
/// be shorter. Memory is 4 bytes a token plus a little for each sequence and document.
public struct TokenizedCorpus: Sendable, Equatable {
  /// One document, at its index in corpus order.
  public struct Document: Sendable, Equatable {
    /// Index into `domains`.
    public let domain: Int
    /// Index into `sources`.
    public let source: Int
    /// The 1-based line of a JSON lines file; nil for a text file.
    public let line: Int?
    public let identifier: String?
    /// Bytes and words of the whole text, also of the part that a limit cut off.
    public let measure: TextMeasure
    /// SHA-256 of the whole text.
    public let sha256: String
    /// Tokens of the whole text; those that were kept are in the document's sequences.
    public let tokenCount: Int
  }

  /// One domain and what was taken from it.
  public struct Domain: Sendable, Equatable {
    public let name: String
    /// Documents, those without tokens included.
    public internal(set) var documentCount = 0
    /// Tokens kept.
    public internal(set) var tokenCount = 0
    /// Bytes of text of the documents, also of the part that a limit cut off.
    public internal(set) var byteCount = 0
  }

  /// All tokens in corpus order.
  public internal(set) var tokenIDs: [Int32] = []
  /// Where each sequence lies among all tokens; together they cover them in order.
  public internal(set) var sequences: [TokenBatch.Sequence] = []
  /// The documents that `TokenBatch.Sequence.document` counts. One without tokens has its place
  /// here and no sequence.
  public internal(set) var documents: [Document] = []
  /// In order of first appearance.
  public internal(set) var domains: [Domain] = []
  /// The files of the corpus, also those that a limit left unread.
  public internal(set) var sources: [CorpusSource] = []
  /// Documents that gave no token at all.
  public internal(set) var emptyDocumentCount = 0
  /// JSON lines that were skipped because they hold no document.
  public internal(set) var malformedLineCount = 0
  /// Documents that were skipped because they are not UTF-8.
  public internal(set) var invalidUTF8Count = 0
  /// Files of the corpus's folders that are no part of it.
  public internal(set) var passedOver = PassedOverFiles()
  /// The first documents that were skipped, at most `TokenizedCorpus.firstSkippedLimit`.
  public internal(set) var firstSkipped: [CorpusError] = []
  /// SHA-256 of the domain and text of every document in `documents`, in order.
  public internal(set) var sha256 = ""

  init() {}

  /// Counts a document that was left out.
  mutating func count(_ skipped: SkippedDocument) {
    switch skipped.reason {
    case .invalidUTF8, .foreign, .binary: invalidUTF8Count += 1
    default: malformedLineCount += 1
    }
    if firstSkipped.count < Self.firstSkippedLimit { firstSkipped.append(skipped.reason) }
  }

  /// How many skipped documents are remembered with their reasons.
  public static let firstSkippedLimit = 20

  /// Number of tokens.
  public var tokenCount: Int { tokenIDs.count }

  /// The index into `domains` of a sequence's document.
  public func domain(of sequence: TokenBatch.Sequence) -> Int {
    documents[sequence.document].domain
  }

  /// Some sequences that follow each other, as one batch.
  ///
  /// - Parameter range: indices into `sequences`.
  public func batch(_ range: Range<Int>) -> TokenBatch {
    guard let first = sequences[range].first, let last = sequences[range].last else {
      return TokenBatch(tokenIDs: [], sequences: [])
    }
    let start = first.rows.lowerBound
    return TokenBatch(
      tokenIDs: Array(tokenIDs[start..<last.rows.upperBound]),
      sequences: sequences[range].map { sequence in
        TokenBatch.Sequence(
          rows: (sequence.rows.lowerBound - start)..<(sequence.rows.upperBound - start),
          document: sequence.document, index: sequence.index)
      })
  }

  /// All batches, given where each one ends.
  ///
  /// - Parameter cuts: increasing indices into `sequences`, each the end of one batch and the
  ///   beginning of the next; the last one is `sequences.count`.
  public func batches(cuts: [Int]) -> [TokenBatch] {
    zip([0] + cuts, cuts).map { start, end in batch(start..<end) }
  }
}
