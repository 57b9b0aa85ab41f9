import Checkpoints
import Kernels
import Tensors

/// The derivative by a projection's weights: a sum over tokens of outer products, of what each token
/// uses of the hidden dimensions with the whole wide side.
struct ProjectionSum: Sendable {
  let projection: HiddenProjection
  /// The hidden side, [tokens, hidden]; what is inactive is not read.
  let hidden: MatrixView
  /// The wide side, [tokens, wide].
  let wide: MatrixView
  let routing: Routing?
  /// Is added to; in the weights' shape.
  let target: MatrixView

  /// Some tokens' hidden entries, packed.
  private struct Part: Sendable {
    let tokens: IndexList?
    let entries: [Int32]
    let packed: PackedWeight
  }

  /// Columns of the wide side that one worker sums at a time.
  static let stripCount = 84

  /// Elements of packed tokens at most, for each token.
  static func packedWidth(_ hidden: Int, _ settings: SubDimensions?) -> Int {
    let tile = ProductKernels.fastest.tileWidth
    func padded(_ count: Int) -> Int { (count + tile - 1) / tile * tile }
    guard let settings, settings.count > 1, !settings.isStatic else { return padded(hidden) }
    let size = hidden / settings.count
    if RowGroups.exist(settings) { return padded(settings.activeCount * size) }
    return padded(settings.sharedCount * size)
      + (settings.activeCount - settings.sharedCount) * padded(size)
  }

  /// Adds the sum, in strips of the wide side that any number of workers shares.
  func add(_ room: ProductRoom, pool: WorkerPool) {
    let tileWidth = ProductKernels.fastest.tileWidth
    var (parts, used): ([Part], Int) = ([], 0)
    for (tokens, entries) in projection.uses(routing) {
      let count = tokens?.count ?? hidden.rowCount
      let padding = (tileWidth - entries.count % tileWidth) % tileWidth
      let columns = entries + Array(repeating: -1, count: padding)
      let end = used + columns.count * count
      let packed = PackedWeight(
        columns: columns, inputCount: count, storage: room.sums.columns(used..<end))
      parts.append(Part(tokens: tokens, entries: entries, packed: packed))
      used = end
    }
    let work = parts
    let tiles = work.indices.flatMap { part in
      (0..<work[part].packed.tileCount).map { (part: part, tile: $0) }
    }
    let hidden = hidden
    pool.forEach(tiles.count) { index, _ in
      let (part, tile) = (work[tiles[index].part], tiles[index].tile)
      let end = min((tile + 1) * tileWidth, part.entries.count)
      part.packed.pack(
        columns: Array(part.entries[tile * tileWidth..<end]), of: hidden, rows: part.tokens,
        asTile: tile)
    }
    let (wide, target, count) = (wide, target, projection.hiddenCount)
    let (step, isTurned) = (Self.stripCount, !projection.readsHidden)
    pool.forEach((wide.columnCount + step - 1) / step) { index, worker in
      let columns = index * step..<min((index + 1) * step, wide.columnCount)
      let room = room.workers[worker]
      let sum = isTurned ? room.strip(rowCount: columns.count, columnCount: count) : nil
      if let sum { clear(sum) }
      for part in work {
        part.packed.multiply(
          transposing: wide.columns(columns), inputs: part.tokens,
          into: sum ?? target.rows(columns), adding: true, scratch: room.product)
      }
      guard let sum else { return }
      for entry in 0..<count {
        for row in 0..<columns.count {
          target[entry, columns.lowerBound + row] += sum[row, entry]
        }
      }
    }
  }
}

/// The room for packed weights and tokens, which all layers use in turn.
final class ProductRoom: Sendable {
  /// Packed tokens, [1, elements].
  let sums: MatrixView
  let workers: [ProductScratch]
  private let weights: [Place: MatrixView]

  /// A projection that is packed while others are.
  enum Place: Hashable, CaseIterable, Sendable {
    case attentionInput, attentionOutput, ffnInput, ffnOutput
    /// Forward and backward.
    case head, headBackward
  }

  init(
    _ configuration: ModelConfiguration, tokenCount: Int, panelRowCount: Int, leastSize: Int,
    hasBackward: Bool, pool: WorkerPool
  ) {
    let counts = ProductCounts(configuration, leastSize: leastSize, hasBackward: hasBackward)
    weights = counts.weights.mapValues { Matrix(rowCount: 1, columnCount: $0).view }
    sums =
      Matrix(rowCount: 1, columnCount: hasBackward ? tokenCount * counts.sumsPerToken : 0).view
    workers = (0..<pool.workerCount).map { _ in
      ProductScratch(panelRowCount: panelRowCount, hiddenCount: counts.widest)
    }
  }

  func weights(_ place: Place) -> MatrixView {
    weights[place] ?? Matrix(rowCount: 1, columnCount: 0).view
  }
}

/// How much of `ProductRoom` a model needs.
struct ProductCounts {
  private(set) var weights: [ProductRoom.Place: Int] = [:]
  private(set) var sumsPerToken = 0
  private(set) var widest = 0

  init(_ configuration: ModelConfiguration, leastSize: Int, hasBackward: Bool) {
    let shape = BlockShape(configuration)
    func add(_ place: ProductRoom.Place, _ hidden: Int, _ wide: Int, _ settings: SubDimensions?) {
      let count = HiddenProjection.storageCount(hidden, wide, settings)
      weights[place] = max(weights[place] ?? 0, count)
      sumsPerToken = max(sumsPerToken, ProjectionSum.packedWidth(hidden, settings))
      widest = max(widest, hidden)
    }
    for layer in 0..<configuration.layerCount {
      for component in MoHDComponent.allCases {
        let settings = configuration.mohd?[component][layer]
        let sides = settings.map {
          $0.products(hiddenSize: shape.hiddenSize, leastSize: leastSize)
        }
        let width = settings?.width(hiddenSize: shape.hiddenSize) ?? shape.hiddenSize
        let output = settings?.outputWidth(hiddenSize: shape.hiddenSize) ?? shape.hiddenSize
        let isAttention = component == .attention
        add(
          isAttention ? .attentionInput : .ffnInput, width,
          configuration.projectionWidth(component), sides?.input)
        add(
          isAttention ? .attentionOutput : .ffnOutput, output,
          isAttention ? shape.querySize : shape.intermediateSize, sides?.output)
      }
    }
    add(.head, shape.hiddenSize, configuration.vocabularySize, nil)
    if hasBackward { weights[.headBackward] = weights[.head] }
  }
}

extension SubDimensions {
  /// What products on each side go by; nil: everything is multiplied, and masked afterwards.
  ///
  /// - Parameter leastSize: smaller sub-dimensions move more than they multiply.
  func products(
    hiddenSize: Int, leastSize: Int
  ) -> (input: SubDimensions?, output: SubDimensions?) {
    guard activeCount < count, leastSize < .max,
      isStatic || size(hiddenSize: hiddenSize) >= leastSize
    else { return (nil, nil) }
    return (self, sparseSide == .both ? self : nil)
  }
}
