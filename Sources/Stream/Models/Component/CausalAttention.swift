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

  /// P of one block, [queries, keys]: in the columns that are the keys' positions.
  private func probabilities(
    _ queries: MatrixView, _ cut: Cut, _ keys: PackedWeight, _ scratch: AttentionScratch
  ) -> MatrixView {
    let p = scratch.probabilities.rows(0..<cut.queries.count)
    multiply(queries, keys, cut, into: p, scratch)
    Elementwise.fastest.causalSoftmax(
      p.columns(cut.keys), first: cut.queries.lowerBound - cut.keys.lowerBound, window: window,
      scale: shape.attentionScale)
    return p
  }

  /// y = x · wᵀ for the keys that a block sees; what else their tiles hold is overwritten, too.
  private func multiply(
    _ x: MatrixView, _ w: PackedWeight, _ cut: Cut, into y: MatrixView,
    _ scratch: AttentionScratch
  ) {
    let tiles = cut.keys.lowerBound / w.tileWidth..<(cut.keys.upperBound - 1) / w.tileWidth + 1
    w.multiply(
      x, inputs: [0..<w.inputCount], tiles: IndexList(tiles.map { Int32($0) }), into: y,
      scratch: scratch.product)
  }

  /// - Parameters:
  ///   - projections: [query | key | value], rotated, [tokens, projection].
  ///   - heads: receives the heads' outputs side by side, [tokens, query].
  func forward(_ batch: TokenBatch, _ projections: MatrixView, into heads: MatrixView) {
    let (shape, attention) = (shape, self)
    forEachHead(batch) { rows, head, scratch in
      let x = projections.rows(rows)
      let keys = scratch.packed(x.columns(shape.keyColumns(head)), in: .keys)
      let values = scratch.packed(turned: x.columns(shape.valueColumns(head)), in: .values)
      for member in 0..<shape.groupSize {
        let queries = shape.headColumns(head * shape.groupSize + member)
        for cut in attention.cuts(rows.count) {
          let p = attention.probabilities(
            x.rows(cut.queries).columns(queries), cut, keys, scratch)
          values.multiply(
            p, inputs: [cut.keys], into: heads.rows(rows).rows(cut.queries).columns(queries),
            scratch: scratch.product)
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
      let packedKeys = scratch.packed(x.columns(keys), in: .keys)
      let packedValues = scratch.packed(x.columns(values), in: .values)
      let turnedKeys = scratch.packed(turned: x.columns(keys), in: .turnedKeys)
      for member in 0..<shape.groupSize {
        let queries = shape.headColumns(head * shape.groupSize + member)
        for cut in attention.cuts(rows.count) {
          let dOutput = dHeads.rows(rows).rows(cut.queries).columns(queries)
          let own = x.rows(cut.queries).columns(queries)
          let p = attention.probabilities(own, cut, packedKeys, scratch)
          let ds = scratch.derivatives.rows(0..<cut.queries.count)
          let dSeen = d.rows(cut.keys)
          scratch.packed(turned: dOutput, in: .block).multiply(
            transposing: p.columns(cut.keys), into: dSeen.columns(values), adding: true,
            scratch: scratch.product)
          attention.multiply(dOutput, packedValues, cut, into: ds, scratch)
          GradientKernels.fastest.softmax(
            p.columns(cut.keys), scale: shape.attentionScale, d: ds.columns(cut.keys))
          turnedKeys.multiply(
            ds, inputs: [cut.keys], into: d.rows(cut.queries).columns(queries),
            scratch: scratch.product)
          scratch.packed(turned: own, in: .block).multiply(
            transposing: ds.columns(cut.keys), into: dSeen.columns(keys), adding: true,
            scratch: scratch.product)
        }
      }
    }
  }
}

/// One worker's room: two matrices of a block's rows and as many columns as the longest sequence has
/// tokens, rounded up to whole tiles, and packed keys and values of one head.
final class AttentionScratch: Sendable {
  let probabilities: MatrixView
  let derivatives: MatrixView
  let product: MatrixView
  private let rooms: [Place: MatrixView]

  /// What is packed at the same time.
  enum Place: Hashable, CaseIterable, Sendable { case keys, values, turnedKeys, block }

  init(longestSequence: Int, headSize: Int, product: MatrixView) {
    let rows = CausalAttention.blockRowCount
    let width = Self.padded(longestSequence)
    probabilities = Matrix(rowCount: rows, columnCount: width).view
    derivatives = Matrix(rowCount: rows, columnCount: width).view
    self.product = product
    rooms = Dictionary(
      uniqueKeysWithValues: Place.allCases.map { place in
        let count = Self.count(place, longestSequence: longestSequence, headSize: headSize)
        return (place, Matrix(rowCount: 1, columnCount: count).view)
      })
  }

  /// Elements of one worker's room, the products' scratch left out.
  static func elementCount(longestSequence: Int, headSize: Int) -> Int {
    Place.allCases.reduce(2 * CausalAttention.blockRowCount * padded(longestSequence)) {
      $0 + count($1, longestSequence: longestSequence, headSize: headSize)
    }
  }

  private static func count(_ place: Place, longestSequence: Int, headSize: Int) -> Int {
    place == .block
      ? CausalAttention.blockRowCount * padded(headSize)
      : max(padded(longestSequence) * headSize, longestSequence * padded(headSize))
  }

  private static func padded(_ count: Int) -> Int {
    let tile = ProductKernels.fastest.tileWidth
    return (count + tile - 1) / tile * tile
  }

  /// Rows as a weight's outputs: y = x · rowsᵀ.
  func packed(_ rows: MatrixView, in place: Place) -> PackedWeight {
    let packed = weight(outputs: rows.rowCount, inputs: rows.columnCount, place)
    for tile in 0..<packed.tileCount {
      let end = min((tile + 1) * packed.tileWidth, rows.rowCount)
      packed.pack(rows.rows(tile * packed.tileWidth..<end), asTile: tile)
    }
    return packed
  }

  /// Columns as a weight's outputs: y = x · rows.
  func packed(turned rows: MatrixView, in place: Place) -> PackedWeight {
    let packed = weight(outputs: rows.columnCount, inputs: rows.rowCount, place)
    for tile in 0..<packed.tileCount {
      let end = min((tile + 1) * packed.tileWidth, rows.columnCount)
      packed.pack(
        columns: (tile * packed.tileWidth..<end).map { Int32($0) }, of: rows, asTile: tile)
    }
    return packed
  }

  private func weight(outputs: Int, inputs: Int, _ place: Place) -> PackedWeight {
    let width = Self.padded(outputs)
    let columns = (0..<width).map { Int32($0 < outputs ? $0 : -1) }
    guard let room = rooms[place] else { preconditionFailure("every place has its room") }
    return PackedWeight(
      columns: columns, inputCount: inputs, storage: room.columns(0..<width * inputs))
  }
}
