import Activations
import Kernels
import Tensors

/// Backward through causal attention, for one sequence and one key-value head at a time:
///
///     P = softmax(Q Kᵀ / √d_h)          d_V = Pᵀ d_O
///     d_S = softmax'(P)·(d_O Vᵀ)        d_Q = d_S K          d_K = d_Sᵀ Q
///
/// Q and K are rotated; their derivatives are still to be turned back.
final class AttentionGradient {
  private let shape: BlockShape
  private let pool: WorkerPool
  /// P and d_S of one head, [longest sequence, longest sequence], for each worker.
  private let scores: [SquareScratch]

  init(_ shape: BlockShape, longestSequence: Int, pool: WorkerPool) {
    (self.shape, self.pool) = (shape, pool)
    scores = (0..<pool.workerCount).map { _ in SquareScratch(longestSequence) }
  }

  /// - Parameters:
  ///   - projections: [query | key | value], rotated, [tokens, projection].
  ///   - dHeads: the derivative by the heads' outputs, [tokens, query].
  ///   - dProjections: receives the derivative by `projections`.
  ///   - window: how many of the latest positions, its own included, a token sees.
  func run(
    _ batch: TokenBatch, projections: MatrixView, dHeads: MatrixView,
    into dProjections: MatrixView, window: Int
  ) {
    let (shape, scores) = (shape, scores)
    let sequences = batch.sequences.map(\.rows)
    pool.forEach(sequences.count * shape.keyValueHeadCount) { index, worker in
      let (sequence, head) = index.quotientAndRemainder(dividingBy: shape.keyValueHeadCount)
      let rows = sequences[sequence]
      let (x, d) = (projections.rows(rows), dProjections.rows(rows))
      let (keys, values) = (shape.keyColumns(head), shape.valueColumns(head))
      let p = scores[worker].first(rows.count)
      let ds = scores[worker].second(rows.count)
      for member in 0..<shape.groupSize {
        let queries = shape.headColumns(head * shape.groupSize + member)
        let dOutput = dHeads.rows(rows).columns(queries)
        multiply(x.columns(queries), transposed: x.columns(keys), into: p)
        Elementwise.fastest.causalSoftmax(
          p, first: 0, window: window, scale: shape.attentionScale)
        multiply(transposing: p, dOutput, into: d.columns(values), adding: member > 0)
        multiply(dOutput, transposed: x.columns(values), into: ds)
        GradientKernels.fastest.softmax(p, scale: shape.attentionScale, d: ds)
        multiply(ds, x.columns(keys), into: d.columns(queries))
        multiply(transposing: ds, x.columns(queries), into: d.columns(keys), adding: member > 0)
      }
    }
  }
}

/// Two square matrices of up to `size` rows.
private final class SquareScratch: Sendable {
  private let firstStorage: Matrix
  private let secondStorage: Matrix

  init(_ size: Int) {
    firstStorage = Matrix(rowCount: size, columnCount: size)
    secondStorage = Matrix(rowCount: size, columnCount: size)
  }

  func first(_ size: Int) -> MatrixView {
    firstStorage.view.reshaped(rowCount: size, columnCount: size)
  }
  func second(_ size: Int) -> MatrixView {
    secondStorage.view.reshaped(rowCount: size, columnCount: size)
  }
}
