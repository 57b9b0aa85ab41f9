import Kernels
import Tensors

/// The blocks of a Monarch matrix' R, packed for training's products: many small ones, for which a
/// matrix library packs as much as it multiplies.
struct MonarchBlocks: Sendable {
  private let forward: [PackedWeight]
  private let backward: [PackedWeight]
  private let size: Int

  init(_ monarch: Monarch) {
    let (size, right) = (monarch.blockSize, monarch.right)
    self.size = size
    let tile = ProductKernels.fastest.tileWidth
    let width = (size + tile - 1) / tile * tile
    let columns = (0..<width).map { Int32($0 < size ? $0 : -1) }
    func packed(_ pack: (PackedWeight, _ block: MatrixView, _ tile: Range<Int>, Int) -> Void)
      -> [PackedWeight]
    {
      (0..<monarch.blockCount).map { block in
        let weight = PackedWeight(
          columns: columns, inputCount: size,
          storage: Matrix(rowCount: 1, columnCount: width * size).view)
        let own = right.rows(block * size..<(block + 1) * size)
        for index in 0..<weight.tileCount {
          pack(weight, own, index * tile..<min((index + 1) * tile, size), index)
        }
        return weight
      }
    }
    forward = packed { $0.pack($1.rows($2), asTile: $3) }
    backward = packed { $0.pack(columns: $2.map { Int32($0) }, of: $1, asTile: $3) }
  }

  /// v = R u.
  func multiply(_ u: MatrixView, into v: MatrixView, _ scratch: ProductScratch) {
    multiply(forward, u, into: v, scratch)
  }

  /// d_u = Rᵀ d_v.
  func multiplyTurned(_ dv: MatrixView, into du: MatrixView, _ scratch: ProductScratch) {
    multiply(backward, dv, into: du, scratch)
  }

  private func multiply(
    _ blocks: [PackedWeight], _ x: MatrixView, into y: MatrixView, _ scratch: ProductScratch
  ) {
    for (index, block) in blocks.enumerated() {
      let entries = index * size..<(index + 1) * size
      block.multiply(
        x.columns(entries), inputs: [0..<size], into: y.columns(entries), scratch: scratch.product)
    }
  }
}
