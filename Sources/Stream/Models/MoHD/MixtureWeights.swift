import Checkpoints
import Kernels
import Tensors

/// The small weights of one MoHD component of one layer, widened to Float32.
struct MixtureWeights: Sendable {
  let component: MoHDComponent
  let hiddenSize: Int
  let settings: SubDimensions
  /// D, of z.
  let width: Int
  /// o: the entries of sub-dimension 0 of z, then of 1, …; nil: as they are. [D]
  let order: IndexList?
  /// The sub-dimension of each entry of z, [D].
  let member: IndexList
  /// The same of the output, [hidden]. It is that of z, unless z has a width of its own.
  let outputOrder: IndexList?
  let outputMember: IndexList
  /// Φ, [N, hidden], and b, [1, N].
  let routerWeight: MatrixView?
  let routerBias: MatrixView?
  /// c of each sub-dimension, [1, N]; nil where all are 1.
  let scale: MatrixView?
  /// B, [D, hidden].
  let basis: MatrixView?
  let monarchBasis: Monarch?
  let fusion: Monarch?
  /// [N, m].
  let inactiveBias: MatrixView?
  /// a, [rank, D], and b, [m, rank].
  let lowRankDown: MatrixView?
  let lowRankUp: MatrixView?
  /// ‖w_j‖² of the joined input projections, [1, D], in the order of z; for energies.
  let norms: MatrixView?

  /// - Parameters:
  ///   - isOrdered: whether basis, norms and low-rank path shall be in the order of the
  ///     sub-dimensions.
  ///   - readsBasis: whether the basis is multiplied whole.
  ///   - projections: the joined input projections, [m, D], where `needsNorms`.
  ///   - storage: room for the basis.
  ///   - intervention: parts that it removes are not there; it may need energies.
  init(
    _ component: MoHDComponent, layer: Int, of checkpoint: Checkpoint, settings: SubDimensions,
    isOrdered: Bool, readsBasis: Bool = true, projections: MatrixView, storage: MixtureStorage,
    pool: WorkerPool,
    intervention: Intervention
  ) {
    func widened(_ role: MoHDRole, of part: RemovablePart? = nil) -> MatrixView? {
      if let part, intervention.removed.contains(part) { return nil }
      return checkpoint.weight(role, component, layer: layer).map { weight in
        let matrix = Matrix(rowCount: weight.rowCount, columnCount: weight.columnCount)
        weight.widen(rows: 0..<weight.rowCount, into: matrix.view)
        return matrix.view
      }
    }
    hiddenSize = checkpoint.configuration.hiddenSize
    self.component = component
    self.settings = settings
    width = settings.width(hiddenSize: hiddenSize)
    let order = Self.list(checkpoint.inputOrder(component, layer: layer))
    self.order = order
    member = Self.members(order, count: settings.count, width: width)
    outputOrder = Self.list(checkpoint.outputOrder(component, layer: layer))
    outputMember =
      width == hiddenSize
      ? member : Self.members(outputOrder, count: settings.count, width: hiddenSize)
    routerWeight = widened(.routerWeight)
    routerBias = widened(.routerBias)
    scale = widened(.scale, of: .scaling).flatMap {
      $0.elements().allSatisfy { $0 == 1 } ? nil : $0
    }
    let stored = readsBasis ? checkpoint.weight(.basis, component, layer: layer) : nil
    basis = stored.map { weight in
      let room = storage.room(
        .init(component: component, part: .basis), count: weight.rowCount * weight.columnCount
      ).reshaped(rowCount: weight.rowCount, columnCount: weight.columnCount)
      widen(weight, rows: isOrdered ? order : nil, into: room, pool: pool)
      return room
    }
    monarchBasis = widened(.basisRight).map { Monarch(right: $0, left: widened(.basisLeft)) }
    fusion = widened(.fusionRight, of: .fusion).map {
      Monarch(right: $0, left: widened(.fusionLeft))
    }
    inactiveBias = widened(.inactiveBias, of: .compensation)
    lowRankDown = widened(.lowRankDown, of: .compensation)
    if isOrdered, let order, let lowRankDown {
      SubDimensionKernels.fastest.permuteColumns(of: lowRankDown, order: order)
    }
    lowRankUp = widened(.lowRankUp, of: .compensation)
    norms =
      Self.needsNorms(settings, intervention)
      ? Self.storedNorms(component, layer: layer, of: checkpoint)
        ?? squaredNorms(projections, pool: pool)
      : nil
    if isOrdered, let order, let norms {
      SubDimensionKernels.fastest.permuteColumns(of: norms, order: order)
    }
  }

  /// Whether anybody looks at energies.
  static func needsNorms(_ settings: SubDimensions, _ intervention: Intervention) -> Bool {
    settings.router == .energy || intervention.routing?.needsEnergies ?? false
  }

  /// Whether the projections are asked for their norms: older files have none.
  static func needsProjections(
    _ component: MoHDComponent, layer: Int, of checkpoint: Checkpoint, _ settings: SubDimensions,
    _ intervention: Intervention
  ) -> Bool {
    needsNorms(settings, intervention)
      && checkpoint.weight(.routerNorms, component, layer: layer) == nil
  }

  /// Squares of the norms that the checkpoint has, [1, D].
  private static func storedNorms(
    _ component: MoHDComponent, layer: Int, of checkpoint: Checkpoint
  ) -> MatrixView? {
    guard let weight = checkpoint.weight(.routerNorms, component, layer: layer) else { return nil }
    let norms = Matrix(rowCount: 1, columnCount: weight.columnCount).view
    weight.widen(rows: 0..<1, into: norms)
    for column in 0..<weight.columnCount { norms[0, column] *= norms[0, column] }
    return norms
  }

  /// Takes the norms of other projections, [m, D], after those have changed.
  func updateNorms(_ projections: MatrixView, pool: WorkerPool) {
    guard let norms else { return }
    copy(squaredNorms(projections, pool: pool), into: norms)
  }

  /// An order of entries; nil where it is their own.
  private static func list(_ order: [Int32]?) -> IndexList? {
    guard let order, order.enumerated().contains(where: { $0.offset != Int($0.element) })
    else { return nil }
    return IndexList(order)
  }

  /// What does not fill a sub-dimension belongs to none that counts: outputs of which used rows
  /// alone are stored.
  private static func members(_ order: IndexList?, count: Int, width: Int) -> IndexList {
    let size = max(width / count, 1)
    let inOrder = (0..<width).map { Int32(min($0 / size, count - 1)) }
    guard let order else { return IndexList(inOrder) }
    return IndexList(order.inverse.indices.map { inOrder[Int($0)] })
  }
}

/// Widens a weight whose rows shall be in another order: row r of `target` is row rows[r].
private func widen(
  _ weight: WeightTensor, rows: IndexList?, into target: MatrixView, pool: WorkerPool
) {
  let step = 32
  let pieces = stride(from: 0, to: weight.rowCount, by: step).map {
    $0..<min($0 + step, weight.rowCount)
  }
  pool.forEach(pieces.count) { index, _ in
    let piece = pieces[index]
    guard let rows else { return weight.widen(rows: piece, into: target.rows(piece)) }
    for row in piece {
      let source = Int(rows.indices[row])
      weight.widen(rows: source..<source + 1, into: target.rows(row..<row + 1))
    }
  }
  weight.release()
}

/// Σ over rows of the square of each column, in fixed pieces: [1, columns].
private func squaredNorms(_ matrix: MatrixView, pool: WorkerPool) -> MatrixView {
  let step = 512
  let pieces = stride(from: 0, to: matrix.rowCount, by: step).map {
    $0..<min($0 + step, matrix.rowCount)
  }
  let partial = Matrix(rowCount: pieces.count, columnCount: matrix.columnCount).view
  pool.forEach(pieces.count) { index, _ in
    SubDimensionKernels.fastest.addSquares(
      of: matrix.rows(pieces[index]), to: partial.rows(index..<index + 1))
  }
  let sums = Matrix(rowCount: 1, columnCount: matrix.columnCount).view
  for column in 0..<matrix.columnCount {
    var sum = 0.0
    for piece in 0..<pieces.count { sum += Double(partial[piece, column]) }
    sums[0, column] = Float(sum)
  }
  return sums
}
