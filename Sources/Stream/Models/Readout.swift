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
  let pool: WorkerPool
  private let gain: Matrix  // [1, hidden]
  private let head: Matrix  // [vocabulary, hidden]
  private let bufferStorage: [ReadoutBuffer]

  /// Rows whose logits exist at the same time, for each worker. A product over few rows spends its
  /// time on packing the head.
  static let panelRowCount = 256

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
  ///   - sharesFewRows: whether all workers take part when there are fewer rows than a panel has.
  ///   - body: receives the panel's rows and their logits, [rows, vocabulary], valid during the
  ///     call.
  public func forEachPanel(
    _ residual: MatrixView, sharesFewRows: Bool = false,
    _ body: @Sendable (_ rows: Range<Int>, _ logits: MatrixView) -> Void
  ) {
    let share = (residual.rowCount + pool.workerCount - 1) / pool.workerCount
    let step = sharesFewRows ? max(1, min(Self.panelRowCount, share)) : Self.panelRowCount
    let reader = PanelReader(self)
    pool.forEach((residual.rowCount + step - 1) / step) { index, worker in
      let rows = index * step..<min((index + 1) * step, residual.rowCount)
      body(rows, reader.logits(of: residual.rows(rows), worker: worker))
    }
  }
}

extension Readout {
  /// Memory that a readout takes: the widened head, and each worker's panel of logits.
  public static func memoryByteCount(
    _ configuration: ModelConfiguration, pool: WorkerPool
  ) -> Int {
    let panels = pool.workerCount * panelRowCount
    return 4
      * (configuration.vocabularySize * (configuration.hiddenSize + panels)
        + panels * configuration.hiddenSize)
  }

  /// The logits of two models for the same rows, a panel of either at a time.
  ///
  /// - Parameters:
  ///   - residual: the residual stream after this model's last layer, [tokens, hidden].
  ///   - other: a model with the same vocabulary and pool.
  ///   - otherResidual: the same of the other model, [tokens, its hidden].
  ///   - body: called from any thread with a panel's rows and both logits, [rows, vocabulary],
  ///     valid during the call.
  public func forEachPanel(
    _ residual: MatrixView, beside other: Readout, _ otherResidual: MatrixView,
    _ body: @Sendable (_ rows: Range<Int>, _ logits: MatrixView, _ otherLogits: MatrixView) -> Void
  ) {
    precondition(residual.rowCount == otherResidual.rowCount, "both models read the same rows")
    let step = Self.panelRowCount
    let (mine, others) = (PanelReader(self), PanelReader(other))
    pool.forEach((residual.rowCount + step - 1) / step) { index, worker in
      let rows = index * step..<min((index + 1) * step, residual.rowCount)
      body(
        rows, mine.logits(of: residual.rows(rows), worker: worker),
        others.logits(of: otherResidual.rows(rows), worker: worker))
    }
  }

  /// What workers need of a readout.
  struct PanelReader: Sendable {
    let epsilon: Float
    let gain: MatrixView
    let head: MatrixView
    let buffers: [ReadoutBuffer]

    init(_ readout: Readout) {
      epsilon = Float(readout.configuration.normEpsilon)
      (gain, head, buffers) = (readout.gain.view, readout.head.view, readout.bufferStorage)
    }

    /// The logits of one panel, [rows, vocabulary], in the worker's buffer.
    func logits(of residual: MatrixView, worker: Int) -> MatrixView {
      let normalised = buffers[worker].normalised.rows(0..<residual.rowCount)
      let logits = buffers[worker].logits.rows(0..<residual.rowCount)
      Elementwise.fastest.rmsNorm(residual, gain: gain, epsilon: epsilon, into: normalised)
      multiply(normalised, transposed: head, into: logits)
      return logits
    }
  }
}

/// One worker's scratch for `Readout`.
final class ReadoutBuffer: Sendable {
  let normalised: Matrix  // [panel, hidden]
  let logits: Matrix  // [panel, vocabulary]

  init(rowCount: Int, hiddenSize: Int, vocabularySize: Int) {
    normalised = Matrix(rowCount: rowCount, columnCount: hiddenSize)
    logits = Matrix(rowCount: rowCount, columnCount: vocabularySize)
  }
}
