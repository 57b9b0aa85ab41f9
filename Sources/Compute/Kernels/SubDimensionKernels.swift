import CKernels
import Tensors

/// The loops of MoHD that a linear-algebra library does not have, on one thread.
///
/// Index lists hold each index at most once; an absent list is 0, 1, 2, ….
@safe public struct SubDimensionKernels: Sendable {
  // Safety: a table of function pointers in static storage, never changed.
  private nonisolated(unsafe) let table: UnsafePointer<mohd_subdimensions>

  /// The fastest variant that this processor runs.
  public static let fastest = unsafe SubDimensionKernels(table: mohd_subdimensions())

  /// The variant that every processor of this architecture runs.
  public static let baseline = unsafe SubDimensionKernels(table: mohd_subdimensions_baseline())

  /// y[r, c] = x[rows[r], columns[c]].
  public func gather(
    _ x: MatrixView, rows: IndexList? = nil, columns: IndexList? = nil, into y: MatrixView
  ) {
    check(rows, y.rowCount, below: x.rowCount)
    check(columns, y.columnCount, below: x.columnCount)
    unsafe IndexList.with(rows, columns) { rows, columns in
      unsafe table.pointee.gather(
        x.base, x.stride, rows, columns, y.base, y.stride, y.rowCount, y.columnCount)
    }
    extendLifetime((x, y))
  }

  /// y[rows[r], columns[c]] = x[r, c].
  public func scatter(
    _ x: MatrixView, rows: IndexList? = nil, columns: IndexList? = nil, into y: MatrixView
  ) {
    check(rows, x.rowCount, below: y.rowCount)
    check(columns, x.columnCount, below: y.columnCount)
    unsafe IndexList.with(rows, columns) { rows, columns in
      unsafe table.pointee.scatter(
        x.base, x.stride, rows, columns, y.base, y.stride, x.rowCount, x.columnCount)
    }
    extendLifetime((x, y))
  }

  /// x[r, c] ← x[r, order[c]], in place.
  ///
  /// - Parameter order: a permutation of the columns.
  public func permuteColumns(of x: MatrixView, order: IndexList) {
    let row = Matrix(rowCount: 1, columnCount: x.columnCount)
    for index in 0..<x.rowCount {
      gather(x.rows(index..<index + 1), columns: order, into: row.view)
      copy(row.view, into: x.rows(index..<index + 1))
    }
  }

  /// y[r, c] = x[r, c] · weights[r, member[c]]: each entry times what its sub-dimension weighs.
  ///
  /// - Parameters:
  ///   - x, y: [tokens, hidden]; may be the same.
  ///   - member: the sub-dimension of each entry, [hidden].
  ///   - weights: [tokens, N].
  public func weigh(
    _ x: MatrixView, member: IndexList, weights: MatrixView, into y: MatrixView
  ) {
    check(member, x.columnCount, below: weights.columnCount)
    precondition(
      x.rowCount == y.rowCount && x.columnCount == y.columnCount
        && weights.rowCount == x.rowCount)
    unsafe IndexList.with(member, nil) { member, _ in
      unsafe table.pointee.weigh(
        x.base, x.stride, member, weights.base, weights.stride, y.base, y.stride, x.rowCount,
        x.columnCount)
    }
    extendLifetime((x, y, weights))
  }

  /// y = y · weight, where each of N equal runs of columns has one weight for each row; 0 where the
  /// weight is 0, whatever y holds.
  ///
  /// - Parameters:
  ///   - y: [tokens, hidden].
  ///   - weights: [tokens, N].
  public func weighRuns(_ y: MatrixView, weights: MatrixView) {
    precondition(
      y.rowCount == weights.rowCount && y.columnCount % weights.columnCount == 0)
    unsafe table.pointee.weigh_runs(
      y.base, y.stride, weights.base, weights.stride, y.rowCount, weights.columnCount,
      y.columnCount / weights.columnCount)
    extendLifetime((y, weights))
  }

  /// scores[r, i] = Σ_{j in i} norms_j z[r, j]²: the energy of each sub-dimension.
  ///
  /// - Parameters:
  ///   - z: [tokens, hidden].
  ///   - norms: [1, hidden].
  ///   - order: the entries of sub-dimension 0, then of 1, …: [hidden].
  ///   - scores: [tokens, N].
  public func energy(
    _ z: MatrixView, norms: MatrixView, order: IndexList?, into scores: MatrixView
  ) {
    check(order, z.columnCount, below: z.columnCount)
    precondition(
      z.columnCount % scores.columnCount == 0 && norms.columnCount == z.columnCount
        && norms.rowCount == 1 && scores.rowCount == z.rowCount)
    unsafe IndexList.with(order, nil) { order, _ in
      unsafe table.pointee.energy(
        z.base, z.stride, norms.base, order, scores.base, scores.stride, z.rowCount,
        scores.columnCount, z.columnCount / scores.columnCount)
    }
    extendLifetime((z, norms, scores))
  }

  /// Softmax of each row plus `bias`, in place; scores [tokens, N], bias [1, N].
  public func softmax(_ scores: MatrixView, bias: MatrixView?) {
    precondition(bias == nil || bias?.columnCount == scores.columnCount)
    unsafe table.pointee.softmax(
      scores.base, scores.stride, bias?.base, scores.rowCount, scores.columnCount)
    extendLifetime((scores, bias))
  }

  /// y[r, h·b + p] = Σ_g left[h·r + g, p] x[r, g·b + p]: the factor P L Pᵀ of a Monarch matrix.
  ///
  /// - Parameters:
  ///   - x, y: [tokens, hidden], not the same.
  ///   - left: [blocks · blocks, block size], L_{p,h,g} in row h · blocks + g, column p.
  public func monarchLeft(_ x: MatrixView, left: MatrixView, blockCount: Int, into y: MatrixView) {
    precondition(
      left.rowCount == blockCount * blockCount && left.isContiguous
        && x.columnCount == blockCount * left.columnCount && y.columnCount == x.columnCount
        && y.rowCount == x.rowCount)
    unsafe table.pointee.monarch_left(
      x.base, x.stride, left.base, y.base, y.stride, x.rowCount, blockCount, left.columnCount)
    extendLifetime((x, left, y))
  }

  /// sums[c] += Σ_r x[r, c]²; x [rows, width], sums [1, width].
  public func addSquares(of x: MatrixView, to sums: MatrixView) {
    precondition(sums.rowCount == 1 && sums.columnCount == x.columnCount)
    unsafe table.pointee.add_squares(x.base, x.stride, sums.base, x.rowCount, x.columnCount)
    extendLifetime((x, sums))
  }

  /// The active set of each token (Eq. 12): the shared sub-dimensions, and of the others the
  /// `activeCount` − `sharedCount` with the largest scores; of equal scores the lower index.
  ///
  /// - Parameters:
  ///   - scores: [tokens, N]; NaN counts as largest.
  ///   - active: [tokens, N], becomes 1 and 0.
  public func choose(
    _ scores: MatrixView, sharedCount: Int, activeCount: Int, into active: MatrixView
  ) {
    let count = scores.columnCount
    precondition(
      0 <= sharedCount && sharedCount <= activeCount && activeCount <= count
        && active.rowCount == scores.rowCount && active.columnCount == count)
    unsafe withUnsafeTemporaryAllocation(of: Int32.self, capacity: count) { scratch in
      // Safety: one row of scratch, and shapes as checked; an empty allocation has no rows to serve.
      guard let base = scratch.baseAddress else { return }
      unsafe table.pointee.choose(
        scores.base, scores.stride, active.base, active.stride, scores.rowCount, count,
        sharedCount, activeCount - sharedCount, base)
    }
    extendLifetime((scores, active))
  }

  private func check(_ list: IndexList?, _ count: Int, below bound: Int) {
    if let list {
      precondition(list.count == count && list.bound <= bound, "indices out of range")
    } else {
      precondition(count <= bound, "indices out of range")
    }
  }
}

/// Row or column numbers, checked once so that kernels need not.
public struct IndexList: Sendable, Equatable {
  public let indices: [Int32]
  /// One more than the largest, or 0.
  public let bound: Int

  /// - Precondition: no index is negative.
  public init(_ indices: [Int32]) {
    precondition(indices.allSatisfy { $0 >= 0 }, "an index is negative")
    self.indices = indices
    bound = indices.max().map { Int($0) + 1 } ?? 0
  }

  public var count: Int { indices.count }

  /// The list for which `inverse[self[j]]` is j; of a permutation.
  public var inverse: IndexList {
    var result = [Int32](repeating: 0, count: count)
    for (place, index) in indices.enumerated() { result[Int(index)] = Int32(place) }
    return IndexList(result)
  }

  /// Some consecutive indices.
  public subscript(range: Range<Int>) -> IndexList { IndexList(Array(indices[range])) }

  /// Calls `body` with the lists' storage, null for an absent one.
  static func with(
    _ first: IndexList?, _ second: IndexList?,
    _ body: (UnsafePointer<Int32>?, UnsafePointer<Int32>?) -> Void
  ) {
    let none: [Int32] = []
    unsafe (first?.indices ?? none).withUnsafeBufferPointer { a in
      unsafe (second?.indices ?? none).withUnsafeBufferPointer { b in
        unsafe body(
          first == nil ? nil : a.baseAddress, second == nil ? nil : b.baseAddress)
      }
    }
  }
}
