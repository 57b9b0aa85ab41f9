import Activations
import Kernels
import Tensors

/// Causal attention of a batch, forward and backward, for one sequence and one key-value head at a
/// time, in blocks of queries against the keys that they may see:
///
///     P = softmax(Q Kᵀ / √d_h)          heads = P V
///     d_V = Pᵀ d_heads                  d_S = softmax'(P)·(d_heads Vᵀ)
///     d_Q = d_S K                       d_K = d_Sᵀ Q
///
/// Q and K are rotated; their derivatives are still to be turned back.
struct CausalAttention: Sendable {
  let shape: BlockShape
  /// How many of the latest positions, its own included, a token sees.
  let window: Int
  let pool: WorkerPool
  /// P and d_S of one block for each worker, [block, longest sequence].
  let scores: [AttentionScratch]

  /// Queries of one head that are attended to at once: small blocks waste less of the causal triangle.
  static let blockRowCount = 64

  /// Calls `body` with each block of queries of a sequence and head, and the keys that they see.
  private func forEachHead(
    _ batch: TokenBatch,
    _ body: @Sendable (_ sequence: Range<Int>, _ head: Int, _ scratch: AttentionScratch) -> Void
  ) {
    let sequences = batch.sequences.map(\.rows)
    let (heads, scores) = (shape.keyValueHeadCount, scores)
    pool.forEach(sequences.count * heads) { index, worker in
      let (sequence, head) = index.quotientAndRemainder(dividingBy: heads)
      body(sequences[sequence], head, scores[worker])
    }
  }

  private struct Cut { let queries: Range<Int>, keys: Range<Int> }

  private func cuts(_ tokenCount: Int) -> [Cut] {
    stride(from: 0, to: tokenCount, by: Self.blockRowCount).map { start in
      let end = min(start + Self.blockRowCount, tokenCount)
      return Cut(queries: start..<end, keys: max(0, start - window + 1)..<end)
    }
  }

  private func probabilities(
    _ x: MatrixView, _ queries: Range<Int>, _ keys: Range<Int>, _ cut: Cut,
    _ scratch: AttentionScratch
  ) -> MatrixView {
    let p = scratch.first(rowCount: cut.queries.count, columnCount: cut.keys.count)
    multiply(
      x.rows(cut.queries).columns(queries), transposed: x.rows(cut.keys).columns(keys), into: p)
    Elementwise.fastest.causalSoftmax(
      p, first: cut.queries.lowerBound - cut.keys.lowerBound, window: window,
      scale: shape.attentionScale)
    return p
  }

  /// - Parameters:
  ///   - projections: [query | key | value], rotated, [tokens, projection].
  ///   - heads: receives the heads' outputs side by side, [tokens, query].
  func forward(_ batch: TokenBatch, _ projections: MatrixView, into heads: MatrixView) {
    let (shape, attention) = (shape, self)
    forEachHead(batch) { rows, head, scratch in
      let x = projections.rows(rows)
      for member in 0..<shape.groupSize {
        let queries = shape.headColumns(head * shape.groupSize + member)
        for cut in attention.cuts(rows.count) {
          let p = attention.probabilities(x, queries, shape.keyColumns(head), cut, scratch)
          multiply(
            p, x.rows(cut.keys).columns(shape.valueColumns(head)),
            into: heads.rows(rows).rows(cut.queries).columns(queries))
        }
      }
    }
  }

  /// - Parameters:
  ///   - dHeads: the derivative by the heads' outputs, [tokens, query].
  ///   - dProjections: receives that by `projections`.
  func backward(
    _ batch: TokenBatch, _ projections: MatrixView, dHeads: MatrixView,
    into dProjections: MatrixView
  ) {
    let (shape, attention) = (shape, self)
    forEachHead(batch) { rows, head, scratch in
      let (x, d) = (projections.rows(rows), dProjections.rows(rows))
      let (keys, values) = (shape.keyColumns(head), shape.valueColumns(head))
      clear(d.columns(keys))
      clear(d.columns(values))
      for member in 0..<shape.groupSize {
        let queries = shape.headColumns(head * shape.groupSize + member)
        for cut in attention.cuts(rows.count) {
          let dOutput = dHeads.rows(rows).rows(cut.queries).columns(queries)
          let p = attention.probabilities(x, queries, keys, cut, scratch)
          let ds = scratch.second(rowCount: p.rowCount, columnCount: p.columnCount)
          let (seen, dSeen) = (x.rows(cut.keys), d.rows(cut.keys))
          multiply(transposing: p, dOutput, into: dSeen.columns(values), adding: true)
          multiply(dOutput, transposed: seen.columns(values), into: ds)
          GradientKernels.fastest.softmax(p, scale: shape.attentionScale, d: ds)
          multiply(ds, seen.columns(keys), into: d.rows(cut.queries).columns(queries))
          multiply(
            transposing: ds, x.rows(cut.queries).columns(queries), into: dSeen.columns(keys),
            adding: true)
        }
      }
    }
  }
}

/// Two matrices of a block's rows and up to `longestSequence` columns.
final class AttentionScratch: Sendable {
  private let firstStorage: Matrix
  private let secondStorage: Matrix

  init(longestSequence: Int) {
    let rows = CausalAttention.blockRowCount
    firstStorage = Matrix(rowCount: rows, columnCount: longestSequence)
    secondStorage = Matrix(rowCount: rows, columnCount: longestSequence)
  }

  func first(rowCount: Int, columnCount: Int) -> MatrixView {
    firstStorage.view.reshaped(rowCount: rowCount, columnCount: columnCount)
  }
  func second(rowCount: Int, columnCount: Int) -> MatrixView {
    secondStorage.view.reshaped(rowCount: rowCount, columnCount: columnCount)
  }
}
