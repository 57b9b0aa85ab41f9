import Checkpoints
import Kernels
import Tensors

/// M = P L Pᵀ R, the Monarch matrix of Eq. 9 (Dao et al. 2022); without L block-diagonal.
///
///     v_{g,p} = Σ_q R_{g,p,q} u_{g,q}        u′_{h,p} = Σ_g L_{p,h,g} v_{g,p}
///
/// u is seen as [r, b], r blocks of b entries.
struct Monarch: Sendable {
  let blockCount: Int
  let blockSize: Int
  /// R, block g in rows g·b …: [r · b, b].
  let right: MatrixView
  /// L_{p,h,g} in row h·r + g, column p: [r · r, b].
  let turnedLeft: MatrixView?

  /// - Parameters:
  ///   - right: [r · b, b], as stored.
  ///   - left: [b · r, r], as stored; nil: none.
  init(right: MatrixView, left: MatrixView?) {
    blockSize = right.columnCount
    blockCount = right.rowCount / max(right.columnCount, 1)
    self.right = right
    guard let stored = left else {
      turnedLeft = nil
      return
    }
    let (count, size) = (blockCount, blockSize)
    let turned = Matrix(rowCount: count * count, columnCount: size).view
    for p in 0..<size {
      for h in 0..<count {
        for g in 0..<count { turned[h * count + g, p] = stored[p * count + h, g] }
      }
    }
    turnedLeft = turned
  }

  /// y = M x, row by row.
  ///
  /// - Parameters:
  ///   - x, y: [tokens, hidden], not the same.
  ///   - scratch: as many elements as x, contiguous.
  func apply(to x: MatrixView, into y: MatrixView, scratch: MatrixView) {
    let v =
      turnedLeft == nil ? y : scratch.reshaped(rowCount: x.rowCount, columnCount: x.columnCount)
    for block in 0..<blockCount {
      let entries = block * blockSize..<(block + 1) * blockSize
      multiply(x.columns(entries), transposed: right.rows(entries), into: v.columns(entries))
    }
    if let turnedLeft {
      SubDimensionKernels.fastest.monarchLeft(v, left: turnedLeft, blockCount: blockCount, into: y)
    }
  }
}
