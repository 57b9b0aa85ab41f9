import CKernels
import Tensors

/// What two models say about the same next token.
public struct LogitDivergence: Sendable, Equatable {
  /// log Σ exp of either row, in nats.
  public let logSumExp: Double
  public let otherLogSumExp: Double
  /// KL(p‖q) = Σ p·(log p − log q) in nats, p of the first row and q of the second; at least 0.
  public let divergence: Double
}

extension Elementwise {
  /// Compares two rows of logits in one pass.
  ///
  ///     KL(p‖q) = Σ p·(a − b) − (log Σ exp a − log Σ exp b)        p = softmax(a), q = softmax(b)
  ///
  /// - Parameter a, b: [1, vocabulary], at least one column. A NaN makes the results NaN.
  public func divergence(_ a: MatrixView, _ b: MatrixView) -> LogitDivergence {
    precondition(
      a.rowCount == 1 && b.rowCount == 1 && a.columnCount > 0 && a.columnCount == b.columnCount)
    var results = [0.0, 0.0, 0.0]
    // Safety: both rows hold `columnCount` numbers, `results` the three that are written.
    unsafe table.pointee.divergence(a.base, b.base, a.columnCount, &results)
    extendLifetime((a, b))
    let divergence = results[2] - (results[0] - results[1])
    return LogitDivergence(
      logSumExp: results[0], otherLogSumExp: results[1],
      // Rounding may leave a little less than nothing.
      divergence: divergence < 0 ? 0 : divergence)
  }

  /// The first column with the largest value of a row; NaN is never the largest.
  ///
  /// - Parameter row: [1, vocabulary], at least one column.
  public func indexOfLargest(_ row: MatrixView) -> Int {
    precondition(row.rowCount == 1 && row.columnCount > 0)
    defer { extendLifetime(row) }
    return unsafe table.pointee.index_of_largest(row.base, row.columnCount)
  }
}
