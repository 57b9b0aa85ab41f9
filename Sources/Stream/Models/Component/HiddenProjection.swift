import Checkpoints
import Kernels
import Tensors

/// One projection of a component, W_in or W_out, as training multiplies it: between hidden dimensions,
/// of which a token uses what is active, and the wide side (heads, or the intermediate size), which is
/// whole. What is inactive costs nothing, in neither direction.
///
///     to wide:    y = x_A · M_A       W_in forward, W_out backward
///     to hidden:  y_A = x · M_Aᵀ      W_out forward, W_in backward
///
/// A is a token's active set. Each direction is packed just before it is used, into the same room.
struct HiddenProjection: Sendable {
  /// W_in, [wide, hidden], or W_out, [hidden, wide].
  let weight: MatrixView
  /// Whether it is W_in.
  let readsHidden: Bool
  /// How hidden dimensions are cut; of a single sub-dimension where nothing is left out.
  let settings: SubDimensions
  /// The entries of sub-dimension 0, then of 1, …; nil: as they lie.
  let order: IndexList?
  private let wideLayout: PackedProjection
  private let hiddenLayout: PackedProjection
  private let toWide: PackedWeight
  private let toHidden: PackedWeight

  /// - Parameters:
  ///   - settings: nil: everything is computed.
  ///   - storage: at least `storageCount` elements; others may use it between packing and use.
  init(
    _ weight: MatrixView, readsHidden: Bool, _ settings: SubDimensions?, order: IndexList?,
    storage: MatrixView
  ) {
    let settings = settings ?? SubDimensions(count: 1, sharedCount: 1, activeCount: 1)
    (self.weight, self.readsHidden, self.settings) = (weight, readsHidden, settings)
    let hidden = readsHidden ? weight.columnCount : weight.rowCount
    let wide = readsHidden ? weight.rowCount : weight.columnCount
    self.order = settings.count == 1 ? nil : order
    wideLayout = PackedProjection(
      inputOf: settings, outputCount: wide, width: hidden, order: self.order)
    hiddenLayout = PackedProjection(
      outputOf: settings, innerCount: wide, hiddenSize: hidden, order: self.order)
    func room(_ layout: PackedProjection) -> PackedWeight {
      let count = layout.sources.count * layout.inputCount
      return PackedWeight(
        columns: layout.sources, inputCount: layout.inputCount, storage: storage.columns(0..<count))
    }
    toWide = room(wideLayout)
    toHidden = room(hiddenLayout)
  }

  /// Elements that packing takes: what is padded included.
  static func storageCount(
    _ hidden: Int, _ wide: Int, _ settings: SubDimensions?
  ) -> Int {
    let tile = ProductKernels.fastest.tileWidth
    let padded = (wide + tile - 1) / tile * tile * hidden
    // Every sub-dimension may end in a tile that it does not fill, and repeat what is shared of one.
    return max(padded, wide * (hidden + tile * (2 * (settings?.count ?? 0) + 1)))
  }

  var hiddenCount: Int { readsHidden ? weight.columnCount : weight.rowCount }
  var wideCount: Int { readsHidden ? weight.rowCount : weight.columnCount }

  /// Packs for `multiplyToWide`.
  func packToWide(_ pool: WorkerPool) {
    let (layout, packed, weight) = (wideLayout, toWide, weight)
    let rows = order?[0..<layout.inputCount]
    let (readsHidden, tileWidth) = (readsHidden, packed.tileWidth)
    pool.forEach(packed.tileCount) { tile, _ in
      let sources = layout.tile(tile, width: tileWidth)
      if readsHidden {
        let first = Int(sources.first ?? 0)
        packed.pack(
          weight.rows(first..<first + sources.count), asTile: tile, places: layout.places)
      } else {
        packed.pack(columns: sources, of: weight, rows: rows, asTile: tile)
      }
    }
  }

  /// Packs for `multiplyToHidden`.
  func packToHidden(_ pool: WorkerPool) {
    let (layout, packed, weight) = (hiddenLayout, toHidden, weight)
    let (readsHidden, tileWidth) = (readsHidden, packed.tileWidth)
    let rooms = (0..<pool.workerCount).map { _ in
      Matrix(rowCount: tileWidth, columnCount: weight.columnCount).view
    }
    pool.forEach(packed.tileCount) { tile, worker in
      let sources = layout.tile(tile, width: tileWidth)
      if readsHidden {
        packed.pack(columns: sources, of: weight, asTile: tile)
      } else {
        let room = rooms[worker].rows(0..<sources.count)
        SubDimensionKernels.fastest.gather(weight, rows: IndexList(sources), into: room)
        packed.pack(room, asTile: tile)
      }
    }
  }

  /// y = x_A · M_A.
  ///
  /// - Parameters:
  ///   - x: [tokens, hidden]; what is inactive is not read.
  ///   - routing: of these tokens; nil where nothing is left out.
  ///   - y: receives [tokens, wide].
  ///   - ordered: room for x in the order of the sub-dimensions.
  func multiplyToWide(
    _ x: MatrixView, _ routing: Routing?, into y: MatrixView, _ scratch: ProductScratch
  ) {
    var x = x
    if let order {
      let ordered = scratch.ordered(like: x)
      SubDimensionKernels.fastest.gather(x, columns: order, into: ordered)
      x = ordered
    }
    let common = entries(0..<(settings.isStatic ? settings.activeCount : settings.sharedCount))
    guard let routing, !settings.isStatic else {
      return toWide.multiply(x, inputs: [common], into: y, scratch: scratch.product)
    }
    if let groups = RowGroups(routing) {
      for group in groups.choices {
        toWide.multiply(
          x, rows: group.rows,
          inputs: [common, entries(group.subDimension..<group.subDimension + 1)], into: y,
          scratch: scratch.product)
      }
      return
    }
    // Blocks of rows, so that what each sub-dimension adds to is still near.
    for start in stride(from: 0, to: x.rowCount, by: Self.blockRowCount) {
      let rows = start..<min(start + Self.blockRowCount, x.rowCount)
      let (x, y) = (x.rows(rows), y.rows(rows))
      toWide.multiply(x, inputs: [common], into: y, scratch: scratch.product)
      for (i, chosen) in routing.rows(rows).choices() {
        toWide.multiply(
          x, rows: chosen, inputs: [entries(i..<i + 1)], into: y, adding: true,
          scratch: scratch.product)
      }
    }
  }

  /// y_A = x · M_Aᵀ; 0 where inactive.
  ///
  /// - Parameters:
  ///   - x: [tokens, wide].
  ///   - y: receives [tokens, hidden].
  func multiplyToHidden(
    _ x: MatrixView, _ routing: Routing?, into y: MatrixView, _ scratch: ProductScratch
  ) {
    let (layout, packed) = (hiddenLayout, toHidden)
    func multiply(_ rows: IndexList?, _ tiles: IndexList) {
      packed.multiply(
        x, rows: rows, inputs: [0..<packed.inputCount], tiles: tiles, into: y,
        scratch: scratch.product)
    }
    if settings.activeCount < settings.count { clear(y) }
    guard let routing, !settings.isStatic else { return multiply(nil, layout.common) }
    if let groups = RowGroups(routing) {
      for group in groups.choices {
        multiply(
          group.rows,
          IndexList(layout.common.indices + layout.chosen[group.subDimension].indices))
      }
      return
    }
    multiply(nil, layout.common)
    for (i, rows) in routing.choices() { multiply(rows, layout.chosen[i]) }
  }

  /// The tokens that use some hidden entries: the common ones for all, each sub-dimension's for those
  /// that chose it.
  func uses(_ routing: Routing?) -> [(tokens: IndexList?, entries: [Int32])] {
    func entries(_ range: Range<Int>) -> [Int32] {
      let range = self.entries(range)
      return order.map { Array($0.indices[range]) } ?? range.map { Int32($0) }
    }
    let common = settings.isStatic ? settings.activeCount : settings.sharedCount
    if let routing, RowGroups.exist(settings) {
      // With one choice each, tokens that chose alike are one sum, and each is read once.
      return routing.choices().map { i, tokens in
        (tokens, entries(0..<common) + entries(i..<i + 1))
      }
    }
    var uses: [(tokens: IndexList?, entries: [Int32])] = []
    if common > 0 { uses.append((nil, entries(0..<common))) }
    guard let routing, !settings.isStatic else { return uses }
    for (i, tokens) in routing.choices() { uses.append((tokens, entries(i..<i + 1))) }
    return uses
  }

  /// Rows that several products are added to in turn.
  private static let blockRowCount = 168

  private func entries(_ subDimensions: Range<Int>) -> Range<Int> {
    let size = hiddenCount / settings.count
    return subDimensions.lowerBound * size..<subDimensions.upperBound * size
  }
}

extension Routing {
  /// The tokens of each specialised sub-dimension that any token chose.
  fileprivate func choices() -> [(subDimension: Int, rows: IndexList)] {
    (settings.sharedCount..<settings.count).compactMap { i in
      let rows = (0..<tokenCount).filter { active[$0, i] != 0 }
      return rows.isEmpty ? nil : (i, IndexList(rows.map { Int32($0) }))
    }
  }
}

extension PackedProjection {
  /// What the outputs of one tile are.
  fileprivate func tile(_ tile: Int, width: Int) -> [Int32] {
    Array(sources[tile * width..<(tile + 1) * width].prefix { $0 >= 0 })
  }
}

/// One worker's scratch for products.
final class ProductScratch: Sendable {
  private let productStorage: Matrix
  private let orderedStorage: Matrix  // [panel, hidden]
  private let stripStorage: Matrix  // [strip, hidden]

  init(panelRowCount: Int, hiddenCount: Int) {
    productStorage = Matrix(rowCount: 1, columnCount: ProductKernels.fastest.scratchCount)
    orderedStorage = Matrix(rowCount: panelRowCount, columnCount: hiddenCount)
    stripStorage = Matrix(rowCount: ProjectionSum.stripCount, columnCount: hiddenCount)
  }

  var product: MatrixView { productStorage.view }
  func strip(rowCount: Int, columnCount: Int) -> MatrixView {
    stripStorage.view.reshaped(rowCount: rowCount, columnCount: columnCount)
  }
  func ordered(like x: MatrixView) -> MatrixView {
    orderedStorage.view.reshaped(rowCount: x.rowCount, columnCount: x.columnCount)
  }
}
