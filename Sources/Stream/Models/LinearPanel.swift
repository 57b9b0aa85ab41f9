import Activations
import Checkpoints

/// How many rows a worker takes through the linear layers at once: a function of the model and the
/// batch, never of the workers, because it decides the last bits of the results.
///
/// A product over few rows spends its time on packing the weights, so small models run on more rows
/// than a sink receives. Large models gain less, and their panels take so long that workers would
/// wait for each other.
enum LinearPanel {
  /// Models of at least this hidden size keep to a sink's panels.
  private static let largeHiddenSize = 2048

  /// Dense batches of fewer panels keep to a sink's too: some workers would have nothing to do.
  private static let leastPanelCount = 4

  /// Rows that are worth a visit of their own to the weights.
  private static let leastShare = 16

  /// The most rows that any batch of the model has in a panel; a multiple of
  /// `ActivationPanel.rowCount`, so that sinks receive the same panels as ever.
  static func greatestRowCount(_ configuration: ModelConfiguration) -> Int {
    configuration.hiddenSize < largeHiddenSize
      ? 2 * ActivationPanel.rowCount : ActivationPanel.rowCount
  }

  /// Rows of a panel, for a batch of `tokenCount` rows.
  ///
  /// With 1024 rows instead of 512 a capture of SmolLM2 took 3 % less time, and the layers of MoHD
  /// models of that size, whose choices get only their share of a panel, a tenth less; these use
  /// them for small batches too, unless one panel would be all: a step of training is that small.
  static func rowCount(_ configuration: ModelConfiguration, tokenCount: Int) -> Int {
    let greatest = greatestRowCount(configuration)
    let isSmall =
      configuration.mohd == nil ? tokenCount < leastPanelCount * greatest : tokenCount <= greatest
    return isSmall ? ActivationPanel.rowCount : greatest
  }

  /// The panels of a batch, in order.
  ///
  /// - Parameter workerCount: nil: the cut does not depend on it. Otherwise a batch too small to give
  ///   every worker a panel is cut into as many pieces as there are workers.
  static func ranges(
    _ configuration: ModelConfiguration, tokenCount: Int, workerCount: Int? = nil
  ) -> [Range<Int>] {
    var rowCount = rowCount(configuration, tokenCount: tokenCount)
    if let workerCount {
      let share = (tokenCount + workerCount - 1) / workerCount
      rowCount = min(rowCount, max(leastShare, (share + 7) / 8 * 8))
    }
    return stride(from: 0, to: tokenCount, by: rowCount).map {
      $0..<min($0 + rowCount, tokenCount)
    }
  }
}
