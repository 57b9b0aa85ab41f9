/// Where a token stands in a corpus, whatever batch it is in: what its own random numbers derive
/// from, so that neither batches nor threads change them.
public struct TokenPlace: Hashable, Sendable {
  /// Index of the document in corpus order.
  public let document: Int
  /// Index of the sequence within its document.
  public let sequence: Int
  /// 0-based position within the sequence.
  public let position: Int

  public init(document: Int, sequence: Int, position: Int) {
    self.document = document
    self.sequence = sequence
    self.position = position
  }
}

extension TokenBatch {
  /// The places of some rows, in order.
  public func places(of rows: Range<Int>) -> [TokenPlace] {
    var result: [TokenPlace] = []
    result.reserveCapacity(rows.count)
    for sequence in sequences {
      for row in sequence.rows.clamped(to: rows) {
        result.append(
          TokenPlace(
            document: sequence.document, sequence: sequence.index,
            position: row - sequence.rows.lowerBound))
      }
    }
    return result
  }
}
