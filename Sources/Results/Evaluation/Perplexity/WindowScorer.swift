import Activations
import Checkpoints
import Corpora
import Kernels
import Models
import Synchronization
import Tensors

/// Scores windows of tokens with one model, many at a time, layer by layer.
public final class WindowScorer {
  private let sweep: LayerSweep
  private let readout: Readout

  /// - Parameters:
  ///   - execution: how a MoHD model's arithmetic is done.
  ///   - intervention: what an experiment changes in the model.
  /// - Throws: `EvaluationError.noOutputProjection`.
  public init(
    checkpoint: Checkpoint, pool: WorkerPool, execution: MoHDExecution = .automatic,
    intervention: Intervention = Intervention()
  ) throws(EvaluationError) {
    guard let readout = Readout(checkpoint: checkpoint, pool: pool) else {
      throw .noOutputProjection
    }
    self.readout = readout
    sweep = LayerSweep(
      checkpoint: checkpoint, pool: pool, execution: execution, intervention: intervention)
  }

  /// The negative log-likelihood of each window's targets, summed, in nats.
  ///
  ///     Σ_t (log Σ_v exp z_v − z_t),   z the logits of the row before token t
  ///
  /// - Parameters:
  ///   - progress: called with tokens that are done, as far as whole layers count; what it throws
  ///     ends the work.
  /// - Throws: `EvaluationError.notFinite`, and what `progress` throws.
  func negativeLogLikelihoods(
    of windows: [ScoringWindow], in corpus: TokenizedCorpus,
    progress: (_ tokens: Int) throws -> Void
  ) throws -> [Double] {
    var sums: [Double] = []
    var done = 0
    for cut in WindowBatch.cuts(windows) {
      let batch = WindowBatch(Array(windows[cut]), of: corpus)
      let count = batch.tokens.tokenCount
      let layerCount = sweep.configuration.layerCount
      let residual = try sweep.run(batch.tokens, into: NoSink()) { layer in
        try progress(done + count * layer / layerCount)
      }
      for (window, sum) in zip(batch.windows, read(residual.view, batch)) {
        guard sum.isFinite else {
          throw EvaluationError.notFinite(model: "the model", document: window.document)
        }
        sums.append(sum)
      }
      done += count
      try progress(done)
    }
    return sums
  }

  /// From the last residual stream, [tokens, hidden], to one sum for each window. Rows that score
  /// nothing are squeezed out first: the vocabulary is the dearest layer of a small model.
  private func read(_ residual: MatrixView, _ batch: WindowBatch) -> [Double] {
    var next = 0
    for piece in batch.scored {
      if piece.rows.lowerBound > next {
        copy(residual.rows(piece.rows), into: residual.rows(next..<next + piece.rows.count))
      }
      next += piece.rows.count
    }
    let targets = batch.scored.flatMap(\.targets)
    let losses = Mutex([Double](repeating: 0, count: targets.count))
    readout.forEachPanel(residual.rows(0..<targets.count)) { rows, logits in
      let values = rows.map { row in
        let own = logits.rows(row - rows.lowerBound..<row - rows.lowerBound + 1)
        return Elementwise.fastest.logSumExp(own) - Double(own[0, Int(targets[row])])
      }
      losses.withLock { $0.replaceSubrange(rows, with: values) }
    }
    let all = losses.withLock { $0 }
    var start = 0
    return batch.scored.map { piece in
      defer { start += piece.rows.count }
      return all[start..<start + piece.rows.count].reduce(0, +)
    }
  }
}
