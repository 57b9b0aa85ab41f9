import Checkpoints
import Kernels
import Tensors

/// How a projection of a component is packed for block-sparse products.
///
/// Input projections: all outputs, inputs in the order of the sub-dimensions. Output projections
/// where outputs are sparse too: outputs in the order of the sub-dimensions, in tiles that a choice
/// of sub-dimensions can name.
struct PackedProjection {
  /// Rows of the joined weights that each packed output is, −1: none.
  let sources: [Int32]
  /// Which packed input each input is, −1: none; nil: itself.
  let places: [Int32]?
  let inputCount: Int
  /// Tiles that every token needs.
  let common: IndexList
  /// Tiles that a token needs for each sub-dimension that it chose.
  let chosen: [IndexList]

  /// The joined input projections, [m, D].
  ///
  /// - Parameter order: the entries of sub-dimension 0, then of 1, …; nil: as they are.
  init(
    inputOf settings: SubDimensions, outputCount: Int, width: Int, order: IndexList?,
    tileWidth: Int = ProductKernels.fastest.tileWidth
  ) {
    sources = Self.padded((0..<outputCount).map { Int32($0) }, tileWidth)
    // A static choice never reads the others.
    inputCount = settings.isStatic ? settings.activeCount * (width / settings.count) : width
    let limit = Int32(inputCount)
    let ordered = order?.inverse.indices ?? (0..<width).map { Int32($0) }
    places =
      order == nil && inputCount == width ? nil : ordered.map { $0 < limit ? $0 : -1 }
    common = IndexList((0..<sources.count / tileWidth).map { Int32($0) })
    chosen = []
  }

  /// An output projection, [hidden, inner].
  init(
    outputOf settings: SubDimensions, innerCount: Int, hiddenSize: Int, order: IndexList?,
    tileWidth: Int = ProductKernels.fastest.tileWidth
  ) {
    let size = hiddenSize / settings.count
    let ordered = order?.indices ?? (0..<hiddenSize).map { Int32($0) }
    let always = (settings.isStatic ? settings.activeCount : settings.sharedCount) * size
    // Where each token chooses one sub-dimension, it fills up the last tile of the shared ones.
    let whole =
      RowGroups.exist(settings) ? always / tileWidth * tileWidth : always
    var sources = Self.padded(Array(ordered[..<whole]), tileWidth)
    var tileCount = sources.count / tileWidth
    common = IndexList((0..<tileCount).map { Int32($0) })
    chosen = (0..<settings.count).map { i in
      guard !settings.isStatic, i >= settings.sharedCount else { return IndexList([]) }
      sources += Self.padded(
        Array(ordered[whole..<always] + ordered[i * size..<(i + 1) * size]), tileWidth)
      defer { tileCount = sources.count / tileWidth }
      return IndexList((tileCount..<sources.count / tileWidth).map { Int32($0) })
    }
    self.sources = sources
    places = nil
    inputCount = innerCount
  }

  private static func padded(_ sources: [Int32], _ tileWidth: Int) -> [Int32] {
    sources + Array(repeating: -1, count: (tileWidth - sources.count % tileWidth) % tileWidth)
  }

  /// Widens and packs the projection, tile by tile.
  ///
  /// - Parameters:
  ///   - weights: the matrices that lie below each other in the joined one.
  ///   - storage: room for the packed weight.
  func pack(_ weights: [WeightTensor], into storage: MatrixView, pool: WorkerPool) -> PackedWeight {
    let packed = PackedWeight(columns: sources, inputCount: inputCount, storage: storage)
    let width = weights.first?.columnCount ?? 0
    let rooms = (0..<pool.workerCount).map { _ in
      Matrix(rowCount: packed.tileWidth, columnCount: width).view
    }
    pool.forEach(packed.tileCount) { tile, worker in
      let rows = sources[tile * packed.tileWidth..<(tile + 1) * packed.tileWidth]
        .prefix { $0 >= 0 }.map { Int($0) }
      let room = rooms[worker].rows(0..<rows.count)
      widen(rows, of: weights, into: room)
      packed.pack(room, asTile: tile, places: places)
    }
    for weight in weights { weight.release() }
    return packed
  }

  /// Rows of the joined matrix, those that follow each other at once.
  private func widen(_ rows: [Int], of weights: [WeightTensor], into room: MatrixView) {
    var done = 0
    while done < rows.count {
      var (index, row) = (0, rows[done])
      while row >= weights[index].rowCount {
        row -= weights[index].rowCount
        index += 1
      }
      var count = 1
      while done + count < rows.count, rows[done + count] == rows[done] + count,
        row + count < weights[index].rowCount
      { count += 1 }
      weights[index].widen(rows: row..<row + count, into: room.rows(done..<done + count))
      done += count
    }
  }
}

/// Room for the weights of one layer's mixtures, allocated once and filled again for each layer:
/// fresh memory is slow to touch.
final class MixtureStorage {
  private var blocks: [Key: MatrixView] = [:]

  struct Key: Hashable {
    let component: MoHDComponent
    let part: Part
  }

  enum Part { case basis, chosenBasis, input, output }

  /// At least `count` elements, contiguous.
  func room(_ key: Key, count: Int) -> MatrixView {
    if let block = blocks[key], block.columnCount >= count { return block }
    let block = Matrix(rowCount: 1, columnCount: count).view
    blocks[key] = block
    return block
  }
}
