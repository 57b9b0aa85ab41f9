import Activations
import Checkpoints
import Kernels
import Tensors

/// From the last residual stream to logits: the final norm and the output projection.
///
///     logits = RMSNorm(y)·W_outᵀ
///
/// The vocabulary is large, so logits exist for a panel of rows at a time only.
public final class Readout {
  private let configuration: ModelConfiguration
  private let pool: WorkerPool
  private let gain: Matrix  // [1, hidden]
  private let head: Matrix  // [vocabulary, hidden]
  private let bufferStorage: [ReadoutBuffer]

  /// Rows whose logits exist at the same time, for each worker.
  private static let panelRowCount = 64

  /// - Returns: nil when the checkpoint has no output projection.
  public init?(checkpoint: Checkpoint, pool: WorkerPool) {
    guard let norm = checkpoint.weight(.finalNorm),
      let output = checkpoint.weight(.outputProjection)
    else { return nil }
    configuration = checkpoint.configuration
    self.pool = pool
    let gain = Matrix(rowCount: 1, columnCount: norm.columnCount)
    norm.widen(rows: 0..<1, into: gain.view)
    let head = Matrix(rowCount: output.rowCount, columnCount: output.columnCount)
    let step = 512
    let pieces = stride(from: 0, to: output.rowCount, by: step).map {
      $0..<min($0 + step, output.rowCount)
    }
    let view = head.view
    pool.forEach(pieces.count) { index, _ in
      output.widen(rows: pieces[index], into: view.rows(pieces[index]))
    }
    self.gain = gain
    self.head = head
    bufferStorage = (0..<pool.workerCount).map { _ in
      ReadoutBuffer(
        rowCount: Self.panelRowCount, hiddenSize: output.columnCount,
        vocabularySize: output.rowCount)
    }
  }

  /// Calls `body` with the logits of each panel of rows, from several threads.
  ///
  /// - Parameters:
  ///   - residual: the residual stream after the last layer, [tokens, hidden].
  ///   - body: receives the panel's rows and their logits, [rows, vocabulary], valid during the
  ///     call.
  public func forEachPanel(
    _ residual: MatrixView,
    _ body: @Sendable (_ rows: Range<Int>, _ logits: MatrixView) -> Void
  ) {
    let step = Self.panelRowCount
    let epsilon = Float(configuration.normEpsilon)
    let (gain, head, buffers) = (gain.view, head.view, bufferStorage)
    pool.forEach((residual.rowCount + step - 1) / step) { index, worker in
      let rows = index * step..<min((index + 1) * step, residual.rowCount)
      let buffer = buffers[worker]
      let normalised = buffer.normalised.rows(0..<rows.count)
      let logits = buffer.logits.rows(0..<rows.count)
      Elementwise.fastest.rmsNorm(
        residual.rows(rows), gain: gain, epsilon: epsilon, into: normalised)
      multiply(normalised, transposed: head, into: logits)
      body(rows, logits)
    }
  }
}

/// One worker's scratch for `Readout`.
private final class ReadoutBuffer: Sendable {
  let normalised: Matrix  // [panel, hidden]
  let logits: Matrix  // [panel, vocabulary]

  init(rowCount: Int, hiddenSize: Int, vocabularySize: Int) {
    normalised = Matrix(rowCount: rowCount, columnCount: hiddenSize)
    logits = Matrix(rowCount: rowCount, columnCount: vocabularySize)
  }
}
