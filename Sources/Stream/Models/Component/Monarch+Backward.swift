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
  ///   - blocks: R, packed.
  ///   - scratch: as many elements as u, contiguous.
  func backward(
    _ u: MatrixView, dy: MatrixView, into du: MatrixView, dRight: MatrixView, dLeft: MatrixView?,
    blocks: MonarchBlocks, scratch: MatrixView, _ products: ProductScratch
  ) {
    if let left = turnedLeft, let dLeft {
      // v = R u once more, in d_u's room; d_v beside it.
      let dv = scratch.reshaped(rowCount: u.rowCount, columnCount: u.columnCount)
      blocks.multiply(u, into: du, products)
      TrainingKernels.fastest.monarchLeft(
        du, left: left, blockCount: blockCount, dy: dy, into: dv,
        addingTo: dLeft.reshaped(rowCount: left.rowCount, columnCount: left.columnCount))
      copy(dv, into: dRight)
    } else {
      copy(dy, into: dRight)
    }
    blocks.multiplyTurned(dRight, into: du, products)
  }

  /// y = M x; see `apply`.
  func apply(
    to x: MatrixView, into y: MatrixView, blocks: MonarchBlocks, scratch: MatrixView,
    _ products: ProductScratch
  ) {
    guard let left = turnedLeft else { return blocks.multiply(x, into: y, products) }
    let v = scratch.reshaped(rowCount: x.rowCount, columnCount: x.columnCount)
    blocks.multiply(x, into: v, products)
    SubDimensionKernels.fastest.monarchLeft(v, left: left, blockCount: blockCount, into: y)
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
