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
    /// Earlier rows of the batch that this sequence goes on from, in order: it attends to them, and
    /// its first position follows theirs. Empty for a sequence that stands alone.
    public let context: [Range<Int>]

    public init(rows: Range<Int>, document: Int, index: Int, context: [Range<Int>] = []) {
      self.rows = rows
      self.document = document
      self.index = index
      self.context = context
    }

    /// Position of the sequence's first row.
    public var firstPosition: Int { context.reduce(0) { $0 + $1.count } }
    /// Positions that its last row sees, its own included.
    public var length: Int { firstPosition + rows.count }
  }

  /// - Precondition: `sequences` cover `tokenIDs` in order, without gaps, and a sequence goes on from
  ///   rows before it only.
  public init(tokenIDs: [Int32], sequences: [Sequence]) {
    var next = 0
    for sequence in sequences {
      precondition(sequence.rows.lowerBound == next, "sequences must follow each other")
      precondition(
        sequence.context.allSatisfy { $0.lowerBound >= 0 && $0.upperBound <= next },
        "a sequence goes on from rows before it")
      next = sequence.rows.upperBound
    }
    precondition(next == tokenIDs.count, "sequences must cover all tokens")
    self.tokenIDs = tokenIDs
    self.sequences = sequences
  }

  /// Number of rows.
  public var tokenCount: Int { tokenIDs.count }
}
