import Kernels
import Tensors

extension Readout {
  /// The mean over tokens of KL(p‖q), p what another model says about the next token and q what this
  /// one says, and its derivative by this model's last residual stream.
  ///
  /// - Parameters:
  ///   - residual: the residual stream after this model's last layer, [tokens, hidden].
  ///   - teacher: a model with the same vocabulary and pool.
  ///   - teacherResidual: the same of the other model, [tokens, its hidden].
  ///   - d: receives the derivative, [tokens, hidden]; nil: only the loss is wanted.
  /// - Returns: the loss in nats; 0 for no tokens.
  package func divergence(
    _ residual: MatrixView, from teacher: Readout, _ teacherResidual: MatrixView,
    gradient d: MatrixView?
  ) -> Double {
    let tokenCount = residual.rowCount
    precondition(tokenCount == teacherResidual.rowCount, "both models read the same rows")
    guard tokenCount > 0 else { return 0 }
    let (reader, other) = (PanelReader(self), PanelReader(teacher))
    let step = Self.panelRowCount
    let losses = RowSums(count: tokenCount)
    pool.forEach((tokenCount + step - 1) / step) { index, worker in
      let rows = index * step..<min((index + 1) * step, tokenCount)
      let logits = reader.logits(of: residual.rows(rows), worker: worker)
      let wanted = other.logits(of: teacherResidual.rows(rows), worker: worker)
      for row in 0..<rows.count {
        let (a, b) = (wanted.rows(row..<row + 1), logits.rows(row..<row + 1))
        let sums = Elementwise.fastest.divergence(a, b)
        losses.set(rows.lowerBound + row, sums.divergence)
        if d != nil {
          GradientKernels.fastest.divergence(a, b, sums: sums, weight: 1 / Float(tokenCount))
        }
      }
      guard let d = d?.rows(rows) else { return }
      // The normalised rows have done their work: their room takes the derivative by them.
      let dNormalised = reader.buffers[worker].normalised.rows(0..<rows.count)
      multiply(logits, reader.head, into: dNormalised)
      clear(d)
      GradientKernels.fastest.rmsNorm(
        residual.rows(rows), gain: reader.gain, epsilon: reader.epsilon, dy: dNormalised,
        addingTo: d)
    }
    return losses.total / Double(tokenCount)
  }

  /// The derivative of −log q(y) by this model's last residual stream, for each token on its own:
  /// q is what the model says about the next token, y a draw from it.
  ///
  /// The mean of its square is the Fisher information, which is how fast KL(q‖q′) grows when what
  /// the model says becomes q′.
  ///
  /// - Parameters:
  ///   - residual: the residual stream after the last layer, [tokens, hidden].
  ///   - seed: of the draws, which depend on nothing else than it and the row.
  ///   - d: receives the derivative, [tokens, hidden].
  package func scoreGradient(_ residual: MatrixView, seed: UInt64, into d: MatrixView) {
    let reader = PanelReader(self)
    let (tokenCount, step) = (residual.rowCount, Self.panelRowCount)
    pool.forEach((tokenCount + step - 1) / step) { index, worker in
      let rows = index * step..<min((index + 1) * step, tokenCount)
      let logits = reader.logits(of: residual.rows(rows), worker: worker)
      for row in 0..<rows.count {
        let q = logits.rows(row..<row + 1)
        // Its one row sees all keys: nothing is masked.
        Elementwise.fastest.causalSoftmax(q, first: q.columnCount - 1, window: .max / 2, scale: 1)
        var draws = SeededGenerator(seed: [seed, UInt64(rows.lowerBound + row)])
        q[0, Self.draw(q, at: Double.random(in: 0..<1, using: &draws))] -= 1
      }
      let dNormalised = reader.buffers[worker].normalised.rows(0..<rows.count)
      multiply(logits, reader.head, into: dNormalised)
      clear(d.rows(rows))
      GradientKernels.fastest.rmsNorm(
        residual.rows(rows), gain: reader.gain, epsilon: reader.epsilon, dy: dNormalised,
        addingTo: d.rows(rows))
    }
  }

  /// The column at which the sum of a row of probabilities passes `share` of the whole.
  private static func draw(_ row: MatrixView, at share: Double) -> Int {
    row.withSpan { q in
      var left = 0.0
      for index in q.indices { left += Double(q[index]) }
      left *= share
      for index in q.indices {
        left -= Double(q[index])
        if left < 0 { return index }
      }
      return q.count - 1
    }
  }
}

/// One number for each row, written by any thread, summed in order.
private final class RowSums: Sendable {
  /// Each as two floats whose sum it is to 48 bits, [rows, 2].
  private let parts: Matrix

  init(count: Int) { parts = Matrix(rowCount: count, columnCount: 2) }

  func set(_ row: Int, _ value: Double) {
    let high = Float(value)
    parts.view[row, 0] = high
    parts.view[row, 1] = Float(value - Double(high))
  }

  var total: Double {
    (0..<parts.rowCount).reduce(0) {
      $0 + (Double(parts.view[$1, 0]) + Double(parts.view[$1, 1]))
    }
  }
}
