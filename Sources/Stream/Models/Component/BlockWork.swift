import Activations
import Checkpoints
import Kernels
import Tensors

/// Where blocks work on one batch: the cut into panels, rotary tables, and the scratch that all
/// layers use in turn.
struct BlockWork: Sendable {
  let batch: TokenBatch
  let pool: WorkerPool
  let panels: [Range<Int>]
  let rotary: RotaryTable
  let inverseRotary: RotaryTable
  let workers: [BlockScratch]
  private let shape: BlockShape
  private let room: BlockRoom

  init(_ batch: TokenBatch, _ room: BlockRoom, pool: WorkerPool) {
    self.batch = batch
    self.pool = pool
    self.room = room
    shape = room.shape
    panels = Self.panels(tokenCount: batch.tokenCount)
    (rotary, inverseRotary) = (room.rotary, room.inverseRotary)
    workers = room.workers
  }

  /// A batch's rows in equal panels: a function of the batch alone. Few rows make poor products, and
  /// many small panels few idle workers.
  static func panels(tokenCount: Int) -> [Range<Int>] {
    let step = panelRowCount(tokenCount: tokenCount)
    return stride(from: 0, to: tokenCount, by: step).map { $0..<min($0 + step, tokenCount) }
  }

  static func panelRowCount(tokenCount: Int) -> Int {
    min(largestPanelRowCount, max(128, (tokenCount / 8 + 15) / 16 * 16))
  }

  /// Of few rows in a panel, fewer still chose the same.
  static let largestPanelRowCount = 512

  /// Rows that scratch must have room for: smaller batches have smaller panels, but none below 128 rows.
  static func scratchRowCount(tokenCount: Int) -> Int {
    min(largestPanelRowCount, max(128, tokenCount))
  }

  func forEachPanel(_ body: @Sendable (_ rows: Range<Int>, _ worker: Int, _ panel: Int) -> Void) {
    let panels = panels
    pool.forEach(panels.count) { index, worker in body(panels[index], worker, index) }
  }

  func forEachPanel(_ body: @Sendable (_ rows: Range<Int>, _ worker: Int) -> Void) {
    forEachPanel { rows, worker, _ in body(rows, worker) }
  }

  /// Rotates the queries and keys of some rows, in place; also backward, with the inverse table.
  func rotate(_ projections: MatrixView, _ rows: Range<Int>, by table: RotaryTable) {
    for run in batch.positionRuns(in: rows) {
      let part = projections.rows(rows).rows(run.rows)
      for head in 0..<(shape.headCount + shape.keyValueHeadCount) {
        table.apply(
          to: part.columns(shape.headColumns(head)), from: run.position,
          kernels: Elementwise.fastest)
      }
    }
  }

  func attention(_ window: Int) -> CausalAttention {
    CausalAttention(shape: shape, window: window, pool: pool, scores: workers.map(\.attention))
  }

  // Of the whole batch.
  var dMid: MatrixView { room.dMid.rows(all) }
  var hidden: MatrixView { room.hidden.rows(all) }
  var dGateUp: MatrixView { room.dGateUp.rows(all) }
  var dHeads: MatrixView { room.dHeads.rows(all) }
  var dProjections: MatrixView { room.dProjections.rows(all) }

  private var all: Range<Int> { 0..<batch.tokenCount }

  func rows(_ component: any Component) -> GradientRows {
    let settings = (component as? MixtureComponent)?.settings
    return room.gradients.rows(component.tensors, settings, tokenCount: batch.tokenCount)
  }

  /// The sums over all tokens, when every row of a component has been through both its sides.
  func add(
    _ component: any Component, dy: MatrixView, inner: MatrixView, dProjections: MatrixView,
    a: MatrixView, tape: ComponentTape, rows: GradientRows, into gradients: ComponentTensors,
    norm: MatrixView
  ) {
    for sum in component.projectionSums(
      dy: dy, inner: inner, dProjections: dProjections, a: a, tape: tape, rows: rows,
      into: gradients)
    { sum.add(room.products, pool: pool) }
    ProductSum.add(
      component.products(dProjections: dProjections, a: a, rows: rows, into: gradients),
      pool: pool)
    let sums = room.gradients
    sums.add(.norm, to: norm)
    sums.add(.inputBias, to: gradients.inputBias)
    sums.add(.outputBias, to: gradients.outputBias)
    sums.add(.scale, to: gradients[.scale])
    sums.add(.routerBias, to: gradients[.routerBias])
    for (slot, role, right) in [
      (PanelSums.Slot.fusionLeft, MoHDRole.fusionLeft, MoHDRole.fusionRight),
      (.basisLeft, .basisLeft, .basisRight),
    ] {
      guard let left = gradients[role], let right = gradients[right] else { continue }
      let turned = sums.total(slot, width: left.rowCount * left.columnCount)
      Monarch(right: right, left: nil).addLeft(turned, to: left)
    }
  }
}

/// One worker's scratch.
final class BlockScratch: Sendable {
  let component: ComponentScratch
  let attention: AttentionScratch
  private let innerStorage: Matrix  // [panel, intermediate]
  private let normalisedStorage: Matrix  // [panel, hidden]

  init(
    _ shape: BlockShape, _ widths: ComponentWidths, panelRowCount: Int, longestSequence: Int,
    product: ProductScratch
  ) {
    component = ComponentScratch(widths, panelRowCount: panelRowCount, product: product)
    attention = AttentionScratch(
      longestSequence: longestSequence, headSize: shape.headSize, product: product.product)
    innerStorage = Matrix(rowCount: panelRowCount, columnCount: shape.intermediateSize)
    normalisedStorage = Matrix(rowCount: panelRowCount, columnCount: shape.hiddenSize)
  }

  func inner(rowCount: Int) -> MatrixView { innerStorage.rows(0..<rowCount) }
  func normalised(rowCount: Int) -> MatrixView { normalisedStorage.rows(0..<rowCount) }
}

/// The room for batches of up to `tokenCount` tokens in sequences of up to `longestSequence`,
/// allocated once: fresh memory is slow to touch.
final class BlockRoom: Sendable {
  let shape: BlockShape
  let rotary: RotaryTable
  let inverseRotary: RotaryTable
  let workers: [BlockScratch]
  let gradients: GradientRoom
  let products: ProductRoom
  /// The derivative by h, [tokens, hidden].
  let dMid: Matrix
  /// SiLU(gate) · up, and the derivative by [gate | up]: [tokens, intermediate], twice as wide.
  let hidden: Matrix
  let dGateUp: Matrix
  let dHeads: Matrix  // [tokens, query]
  let dProjections: Matrix  // [tokens, projection]

  /// - Parameter hasBackward: without it the room for derivatives is left out.
  init(
    _ tensors: ModelTensors, tokenCount: Int, longestSequence: Int, leastSize: Int,
    pool: WorkerPool, hasBackward: Bool
  ) {
    let panelRowCount = BlockWork.scratchRowCount(tokenCount: tokenCount)
    let products = ProductRoom(
      tensors.configuration, tokenCount: tokenCount, panelRowCount: panelRowCount,
      leastSize: leastSize, hasBackward: hasBackward, pool: pool)
    self.products = products
    let shape = BlockShape(tensors.configuration)
    let widths = ComponentWidths(tensors.configuration)
    self.shape = shape
    rotary = RotaryTable(tensors.configuration, positionCount: longestSequence)
    inverseRotary = RotaryTable(
      tensors.configuration, positionCount: longestSequence, isInverse: true)
    workers = products.workers.map {
      BlockScratch(
        shape, widths, panelRowCount: panelRowCount, longestSequence: longestSequence, product: $0)
    }
    let rows = hasBackward ? tokenCount : 0
    gradients = GradientRoom(
      widths, tokenCount: rows,
      panelCount: hasBackward ? (tokenCount + 127) / 128 : 0)
    func room(_ width: Int) -> Matrix { Matrix(rowCount: rows, columnCount: width) }
    dMid = room(shape.hiddenSize)
    hidden = room(shape.intermediateSize)
    dGateUp = room(2 * shape.intermediateSize)
    dHeads = room(shape.querySize)
    dProjections = room(shape.projectionSize)
  }
}
