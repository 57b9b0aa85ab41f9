import Activations
import Checkpoints
import Kernels
import Tensors

/// The way back through one block of a MoHD model whose inputs alone are sparse, from bottom to top
/// of what `MoHDBlock` says; d_y is the loss's derivative by y:
///
///     d_h = d_y + RMSNorm'(h)·d_m             d_m = c (d_[g|u]·W) B      d_[g|u] = SwiGLU'(d_y·W_down)
///     d_x = d_h + RMSNorm'(x)·d_a             d_a = c (d_[q|k|v]·W) B    d_[q|k|v] = attention'(d_h·W_o)
///     d_W = d_[g|u]ᵀ·z̃, and d_B = d_zᵀ·m     likewise for the attention
///
/// c is 1 for active entries and 0 for the others, as on the way there: choices count as given.
/// Work is cut as the sweep's is, so the results do not depend on the number of threads.
package final class BlockGradient {
  private let configuration: ModelConfiguration
  private let shape: BlockShape
  private let pool: WorkerPool
  private let attention: AttentionGradient
  private let rotary: RotaryTable
  private let inverseRotary: RotaryTable
  private let tape: TapeStorage
  /// Of a whole batch: derivatives by projections, z̃, and the derivatives by z.
  private let dProjections: Matrix  // [tokens, projection]
  private let dInner: Matrix  // [tokens, 2 · intermediate] or, later, [tokens, query]
  private let selected: Matrix  // [tokens, hidden]
  private let dSelected: Matrix  // [tokens, hidden]
  private let workspaces: [GradientWorkspace]
  private let kernels = GradientKernels.fastest

  /// - Parameters:
  ///   - tokenCount: of the largest batch.
  ///   - longestSequence: tokens of the longest sequence.
  package init(
    _ configuration: ModelConfiguration, tokenCount: Int, longestSequence: Int, pool: WorkerPool
  ) {
    self.configuration = configuration
    self.pool = pool
    let shape = BlockShape(configuration)
    self.shape = shape
    attention = AttentionGradient(shape, longestSequence: longestSequence, pool: pool)
    rotary = RotaryTable(configuration, positionCount: longestSequence)
    inverseRotary = RotaryTable(
      configuration, positionCount: longestSequence, isInverse: true)
    tape = TapeStorage(shape, tokenCount: tokenCount)
    dProjections = Matrix(rowCount: tokenCount, columnCount: shape.projectionSize)
    dInner = Matrix(
      rowCount: tokenCount, columnCount: max(2 * shape.intermediateSize, shape.querySize))
    selected = Matrix(rowCount: tokenCount, columnCount: shape.hiddenSize)
    dSelected = Matrix(rowCount: tokenCount, columnCount: shape.hiddenSize)
    let count = configuration.mohd.map { ($0.attention + $0.ffn).map(\.count).max() ?? 1 } ?? 1
    workspaces = (0..<pool.workerCount).map { _ in
      GradientWorkspace(shape, subDimensionCount: count)
    }
  }

  /// Goes through one layer again, and back.
  ///
  /// - Parameters:
  ///   - sweep: where the layer runs.
  ///   - loaded: the layer's weights, masked.
  ///   - x: the residual stream before the layer, [tokens, hidden]; after it on return.
  ///   - d: the derivative by the residual stream behind the layer, [tokens, hidden]; by the one
  ///     before it on return.
  ///   - gradients: receives the derivatives by what is trained.
  package func run(
    _ batch: TokenBatch, layer: Int, of sweep: LayerSweep, _ loaded: LoadedLayer, x: MatrixView,
    d: MatrixView, into gradients: TrainableLayer
  ) {
    guard let settings = configuration.mohd, let mixtures = loaded.mixtures,
      let reads = mixtures.attention as? MaskedMixture, let ffn = mixtures.ffn as? MaskedMixture
    else { preconditionFailure("gradients need a MoHD layer, loaded for masked execution") }
    let tape = tape.tape(layer: layer, tokenCount: batch.tokenCount, settings: settings)
    sweep.use(loaded)
    sweep.pass(batch, through: layer, residual: x, sink: tape)

    let block = LlamaBlock(shape: shape, weights: loaded.weights, rotary: rotary)
    let panels = stride(from: 0, to: batch.tokenCount, by: Self.panelRowCount).map {
      $0..<min($0 + Self.panelRowCount, batch.tokenCount)
    }
    let all = 0..<batch.tokenCount
    let dProjections = dProjections.rows(all)
    let dGateUp = dInner.view.reshaped(
      rowCount: batch.tokenCount, columnCount: 2 * shape.intermediateSize)
    let (selected, dSelected) = (selected.rows(all), dSelected.rows(all))
    let (workspaces, shape, kernels) = (workspaces, shape, kernels)

    // The FFN: d becomes the derivative by h.
    pool.forEach(panels.count) { index, worker in
      let rows = panels[index]
      let workspace = workspaces[worker]
      let dHidden = workspace.inner(rowCount: rows.count, columnCount: shape.intermediateSize)
      multiply(d.rows(rows), loaded.weights.down, into: dHidden)
      let gate = 0..<shape.intermediateSize
      let up = shape.intermediateSize..<2 * shape.intermediateSize
      let (y, dy) = (tape.gateUp.rows(rows), dGateUp.rows(rows))
      kernels.swiGLU(
        gate: y.columns(gate), up: y.columns(up), dy: dHidden, dGate: dy.columns(gate),
        dUp: dy.columns(up))
      let dm = ffn.goBack(
        tape.ffnInput.rows(rows), dProjections: dy, routing: tape.ffnRouting.rows(rows),
        selected: selected.rows(rows), dSelected: dSelected.rows(rows), workspace: workspace)
      kernels.rmsNorm(
        tape.residualMid.rows(rows), gain: loaded.weights.ffnNorm, epsilon: shape.epsilon, dy: dm,
        addingTo: d.rows(rows))
    }
    sum(
      into: gradients.ffn, dProjections: dGateUp, selected: selected, dSelected: dSelected,
      input: tape.ffnInput)

    // The attention: d becomes the derivative by x.
    let dHeads = dInner.view.reshaped(rowCount: batch.tokenCount, columnCount: shape.querySize)
    pool.forEach(panels.count) { index, _ in
      let rows = panels[index]
      multiply(d.rows(rows), loaded.weights.attentionOutput, into: dHeads.rows(rows))
      block.rotate(tape.projections.rows(rows), runs: batch.positionRuns(in: rows))
    }
    attention.run(
      batch, projections: tape.projections, dHeads: dHeads, into: dProjections,
      window: configuration.slidingWindow(layer: layer) ?? .max / 2)
    let back = LlamaBlock(shape: shape, weights: loaded.weights, rotary: inverseRotary)
    pool.forEach(panels.count) { index, worker in
      let rows = panels[index]
      back.rotate(dProjections.rows(rows), runs: batch.positionRuns(in: rows))
      let da = reads.goBack(
        tape.attentionInput.rows(rows), dProjections: dProjections.rows(rows),
        routing: tape.attentionRouting.rows(rows), selected: selected.rows(rows),
        dSelected: dSelected.rows(rows), workspace: workspaces[worker])
      kernels.rmsNorm(
        tape.residualPre.rows(rows), gain: loaded.weights.attentionNorm, epsilon: shape.epsilon,
        dy: da, addingTo: d.rows(rows))
    }
    sum(
      into: gradients.attention, dProjections: dProjections, selected: selected,
      dSelected: dSelected, input: tape.attentionInput)
  }

  /// d_W = d_projectionsᵀ·z̃ and d_B = d_zᵀ·a, in strips of their rows.
  private func sum(
    into gradients: TrainableComponent?, dProjections: MatrixView, selected: MatrixView,
    dSelected: MatrixView, input: MatrixView
  ) {
    guard let gradients else { return }
    var strips: [(from: MatrixView, with: MatrixView, into: MatrixView)] = []
    func cut(_ from: MatrixView, _ with: MatrixView, into target: MatrixView) {
      for start in stride(from: 0, to: target.rowCount, by: Self.stripRowCount) {
        let rows = start..<min(start + Self.stripRowCount, target.rowCount)
        strips.append((from.columns(rows), with, target.rows(rows)))
      }
    }
    cut(dProjections, selected, into: gradients.projections)
    if let basis = gradients.basis { cut(dSelected, input, into: basis) }
    let work = strips
    pool.forEach(work.count) { index, _ in
      multiply(transposing: work[index].from, work[index].with, into: work[index].into)
    }
  }

  /// Rows of a batch, and of a gradient, that are worked on at once: a training step is small, and
  /// has to be shared out evenly.
  fileprivate static let panelRowCount = 256
  private static let stripRowCount = 256
}

extension MaskedMixture {
  /// Back through the input side.
  ///
  /// - Parameters:
  ///   - a: the component's normalised input, [tokens, hidden].
  ///   - dProjections: [tokens, m].
  ///   - routing: with scores; decides again.
  ///   - selected: receives z̃, [tokens, hidden].
  ///   - dSelected: receives the derivative by z, [tokens, hidden].
  /// - Returns: the derivative by a, [tokens, hidden], valid until the workspace's next use.
  fileprivate func goBack(
    _ a: MatrixView, dProjections: MatrixView, routing: Routing, selected: MatrixView,
    dSelected: MatrixView, workspace: GradientWorkspace
  ) -> MatrixView {
    let kernels = SubDimensionKernels.fastest
    routing.decide()
    let factors = workspace.factors(rowCount: a.rowCount, columnCount: settings.count)
    weights.inputFactors(routing, into: factors)
    if let basis = weights.basis {
      multiply(a, transposed: basis, into: selected)
    } else {
      copy(a, into: selected)
    }
    kernels.weigh(selected, member: weights.member, weights: factors, into: selected)
    multiply(dProjections, input, into: dSelected)
    kernels.weigh(dSelected, member: weights.member, weights: factors, into: dSelected)
    guard let basis = weights.basis else { return dSelected }
    let da = workspace.normalised(rowCount: a.rowCount)
    multiply(dSelected, basis, into: da)
    return da
  }
}

/// One worker's scratch on the way back.
private final class GradientWorkspace: Sendable {
  private let innerStorage: Matrix  // [panel, intermediate]
  private let normalisedStorage: Matrix  // [panel, hidden]
  private let factorsStorage: Matrix  // [panel, N]

  init(_ shape: BlockShape, subDimensionCount: Int) {
    let panel = BlockGradient.panelRowCount
    innerStorage = Matrix(rowCount: panel, columnCount: shape.intermediateSize)
    normalisedStorage = Matrix(rowCount: panel, columnCount: shape.hiddenSize)
    factorsStorage = Matrix(rowCount: panel, columnCount: subDimensionCount)
  }

  func inner(rowCount: Int, columnCount: Int) -> MatrixView {
    innerStorage.view.reshaped(rowCount: rowCount, columnCount: columnCount)
  }
  func normalised(rowCount: Int) -> MatrixView { normalisedStorage.rows(0..<rowCount) }
  func factors(rowCount: Int, columnCount: Int) -> MatrixView {
    factorsStorage.view.reshaped(rowCount: rowCount, columnCount: columnCount)
  }
}
