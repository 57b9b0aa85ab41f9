/// Whole sequences that go through the model together: the rows of every activation matrix.
///
/// Rows are tokens in corpus order. A sequence is a run of rows of one document; no sequence is
/// shared by two batches.
public struct TokenBatch: Sendable, Equatable {
  /// Vocabulary ids, one for each row.
  public let tokenIDs: [Int32]
  /// Where each sequence lies among the rows; together they cover all rows in order.
  public let sequences: [Sequence]

  /// One run of consecutive tokens that attend to each other.
  public struct Sequence: Sendable, Equatable {
    /// Rows of the batch.
    public let rows: Range<Int>
    /// Index of the document in corpus order, over the whole corpus.
    public let document: Int
    /// Index of this sequence within its document; 0 is the document's beginning.
    public let index: Int

    public init(rows: Range<Int>, document: Int, index: Int) {
      self.rows = rows
      self.document = document
      self.index = index
    }
  }

  /// - Precondition: `sequences` cover `tokenIDs` in order, without gaps.
  public init(tokenIDs: [Int32], sequences: [Sequence]) {
    var next = 0
    for sequence in sequences {
      precondition(sequence.rows.lowerBound == next, "sequences must follow each other")
      next = sequence.rows.upperBound
    }
    precondition(next == tokenIDs.count, "sequences must cover all tokens")
    self.tokenIDs = tokenIDs
    self.sequences = sequences
  }

  /// Number of rows.
  public var tokenCount: Int { tokenIDs.count }
}
