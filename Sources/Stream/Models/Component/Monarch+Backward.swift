import Kernels
import Tensors

extension Monarch {
  /// Elements of L; 0 where there is none.
  var leftCount: Int { turnedLeft.map { $0.rowCount * $0.columnCount } ?? 0 }

  /// Backward through y = M u.
  ///
  ///     d_v = (P L Pᵀ)ᵀ d_y     d_u = Rᵀ d_v
  ///
  /// - Parameters:
  ///   - u: what M read, [tokens, hidden].
  ///   - dy: the derivative by what it gave; may be `dRight`.
  ///   - du: receives that by u; none of the others.
  ///   - dRight: receives d_v, which `rightSums` needs.
  ///   - dLeft: L's derivative is added to it, in `turnedLeft`'s order, [1, leftCount].
  ///   - scratch: as many elements as u, contiguous.
  func backward(
    _ u: MatrixView, dy: MatrixView, into du: MatrixView, dRight: MatrixView, dLeft: MatrixView?,
    scratch: MatrixView
  ) {
    if let left = turnedLeft, let dLeft {
      // v = R u once more, in d_u's room; d_v beside it.
      let dv = scratch.reshaped(rowCount: u.rowCount, columnCount: u.columnCount)
      for block in 0..<blockCount {
        let entries = entries(block)
        multiply(u.columns(entries), transposed: right.rows(entries), into: du.columns(entries))
      }
      TrainingKernels.fastest.monarchLeft(
        du, left: left, blockCount: blockCount, dy: dy, into: dv,
        addingTo: dLeft.reshaped(rowCount: left.rowCount, columnCount: left.columnCount))
      copy(dv, into: dRight)
    } else {
      copy(dy, into: dRight)
    }
    for block in 0..<blockCount {
      let entries = entries(block)
      multiply(dRight.columns(entries), right.rows(entries), into: du.columns(entries))
    }
  }

  /// d_R = d_v ⊗ u, block by block.
  func rightSums(
    _ u: MatrixView, _ dv: MatrixView, into target: MatrixView
  ) -> [ProductSum?] {
    (0..<blockCount).map { block in
      let entries = entries(block)
      return ProductSum(dv.columns(entries), u.columns(entries), into: target.rows(entries))
    }
  }

  /// target += d_L, from `turnedLeft`'s order to the stored one, [b · r, r].
  func addLeft(_ turned: MatrixView, to target: MatrixView) {
    for p in 0..<blockSize {
      for h in 0..<blockCount {
        for g in 0..<blockCount {
          target[p * blockCount + h, g] += turned[0, (h * blockCount + g) * blockSize + p]
        }
      }
    }
  }

  private func entries(_ block: Int) -> Range<Int> {
    block * blockSize..<(block + 1) * blockSize
  }
}
