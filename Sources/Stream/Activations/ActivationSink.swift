/// Whatever takes activations: a file writer, a statistic, a calibration, or several at once.
///
/// A source (a live model, or a replayed capture) calls, for each batch in corpus order:
///
///     begin(batch) → for each layer in order { receive… from any thread; finish(layer) } → end(batch)
///
/// `receive` comes from several threads at once, each row of a wanted site exactly once for each
/// batch, in the panels of `ActivationPanel.ranges`, in no fixed order.
/// What a sink reports must not depend on the order in which panels arrive.
public protocol ActivationSink: Sendable {
  /// Whether this sink wants the values of `site`. Asked before values are made ready, so that
  /// nothing is computed or converted in vain. The answer must not change during a batch.
  func wants(_ site: ActivationSite) -> Bool

  /// A batch begins.
  func begin(_ batch: TokenBatch) throws

  /// Values of one panel of rows: [rows.count, width], row-major. Called from any thread.
  ///
  /// - Parameters:
  ///   - values: `rows.count` × width numbers; only valid during the call.
  ///   - rows: which rows of the batch these are.
  func receive(_ values: Span<Float>, rows: Range<Int>, at site: ActivationSite)

  /// All wanted sites of `layer` have been received in full. Called from one thread, in order.
  func finish(layer: Int) throws

  /// All layers of the batch are finished.
  func end(_ batch: TokenBatch) throws
}

/// How activations are cut into panels of rows.
public enum ActivationPanel {
  /// Rows in a panel; the last one of a batch may be shorter.
  public static let rowCount = 512

  /// The panels of a batch with `tokenCount` rows, in order.
  public static func ranges(tokenCount: Int) -> [Range<Int>] {
    stride(from: 0, to: tokenCount, by: rowCount).map { $0..<min($0 + rowCount, tokenCount) }
  }
}
