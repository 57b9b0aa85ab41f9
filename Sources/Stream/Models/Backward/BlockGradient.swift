import Activations
import Checkpoints
import Kernels
import Tensors

/// The way back through one block of a dense model, or of a MoHD model whose inputs alone are sparse,
/// from bottom to top of what `LlamaBlock` and `MoHDBlock` say; d_y is the loss's derivative by y:
///
///     d_h = d_y + RMSNorm'(h)·d_m             d_m = c (d_[g|u]·W) B      d_[g|u] = SwiGLU'(d_y·W_down)
///     d_x = d_h + RMSNorm'(x)·d_a             d_a = c (d_[q|k|v]·W) B    d_[q|k|v] = attention'(d_h·W_o)
///     d_W = d_[g|u]ᵀ·z̃, and d_B = d_zᵀ·m     likewise for the attention
///
/// c is 1 for active entries and 0 for the others, as on the way there; what a learned router would
/// gain by choosing otherwise is `RouterGradient`'s. A dense block has c = 1 and no B.
/// Work is cut as the sweep's is, so the results do not depend on the number of threads.
///
/// What the way back needs of the way there is kept of all layers where there is room for it;
/// otherwise only each layer's input is, and the layer runs once more. The numbers are the same.
package final class BlockGradient {
  private let configuration: ModelConfiguration
  private let shape: BlockShape
  private let pool: WorkerPool
  private let attention: AttentionGradient
  private let rotary: RotaryTable
  private let inverseRotary: RotaryTable
  /// One for each layer, or one for all.
  private let tapes: [TapeStorage]
  /// The residual stream before each layer, where there is one tape for all: [tokens, hidden].
  private let inputs: [MatrixView]
  /// Of a whole batch: derivatives by projections, z̃, and the derivatives by z.
  private let dProjections: Matrix  // [tokens, projection]
  private let dInner: Matrix  // [tokens, 2 · intermediate] or, later, [tokens, query]
  private let selected: Matrix  // [tokens, greatest D]
  private let dSelected: Matrix  // [tokens, greatest D]
  private let dLogits: Matrix  // [tokens, greatest N]
  private let ones: Matrix  // [tokens, 1]
  private let workspaces: [GradientWorkspace]
  private let kernels = GradientKernels.fastest

  /// - Parameters:
  ///   - tokenCount: of the largest batch.
  ///   - longestSequence: tokens of the longest sequence.
  ///   - tapeByteLimit: how much memory all layers' tapes may take.
  package init(
    _ configuration: ModelConfiguration, tokenCount: Int, longestSequence: Int, pool: WorkerPool,
    tapeByteLimit: Int = BlockGradient.standardTapeByteLimit
  ) {
    self.configuration = configuration
    self.pool = pool
    let shape = BlockShape(configuration)
    self.shape = shape
    attention = AttentionGradient(shape, longestSequence: longestSequence, pool: pool)
    rotary = RotaryTable(configuration, positionCount: longestSequence)
    inverseRotary = RotaryTable(
      configuration, positionCount: longestSequence, isInverse: true)
    let count = Self.subDimensionCount(configuration)
    let keepsTapes = Self.keepsTapes(
      configuration, tokenCount: tokenCount, byteLimit: tapeByteLimit)
    tapes = (0..<(keepsTapes ? configuration.layerCount : 1)).map { _ in
      TapeStorage(shape, tokenCount: tokenCount, subDimensionCount: count)
    }
    inputs = (0..<(keepsTapes ? 0 : configuration.layerCount)).map { _ in
      Matrix(rowCount: tokenCount, columnCount: shape.hiddenSize).view
    }
    dProjections = Matrix(rowCount: tokenCount, columnCount: shape.projectionSize)
    dInner = Matrix(
      rowCount: tokenCount, columnCount: max(2 * shape.intermediateSize, shape.querySize))
    let width = configuration.greatestMixtureWidth
    selected = Matrix(rowCount: tokenCount, columnCount: width)
    dSelected = Matrix(rowCount: tokenCount, columnCount: width)
    dLogits = Matrix(rowCount: tokenCount, columnCount: count)
    ones = Matrix(rowCount: tokenCount, columnCount: 1)
    for token in 0..<tokenCount { ones.view[token, 0] = 1 }
    workspaces = (0..<pool.workerCount).map { _ in
      GradientWorkspace(shape, subDimensionCount: count)
    }
  }

  /// Goes through one layer, and keeps what the way back needs.
  ///
  /// - Parameters:
  ///   - sweep: where the layer runs.
  ///   - loaded: the layer's weights, masked.
  ///   - residual: the residual stream before the layer, [tokens, hidden]; after it on return.
  package func goThrough(
    _ batch: TokenBatch, layer: Int, of sweep: LayerSweep, _ loaded: LoadedLayer,
    residual: MatrixView
  ) {
    sweep.use(loaded)
    guard inputs.isEmpty else {
      copy(residual, into: inputs[layer].rows(0..<batch.tokenCount))
      sweep.pass(batch, through: layer, residual: residual, sink: NoSink())
      return
    }
    sweep.pass(
      batch, through: layer, residual: residual, sink: tape(layer, tokenCount: batch.tokenCount))
  }

  /// Goes back through a layer that `goThrough` went through with the same batch and weights; layers
  /// in descending order.
  ///
  /// - Parameters:
  ///   - d: the derivative by the residual stream behind the layer, [tokens, hidden]; by the one
  ///     before it on return.
  ///   - gradients: receives the derivatives by what is trained; nil: they are not wanted.
  ///   - projected: receives the derivatives by [gate | up] and then by [query | key | value], the
  ///     latter before rotary embedding: [tokens, m], valid during the call.
  package func goBack(
    _ batch: TokenBatch, layer: Int, of sweep: LayerSweep, _ loaded: LoadedLayer, d: MatrixView,
    into gradients: TrainableLayer?,
    projected: (_ component: MoHDComponent, _ d: MatrixView) -> Void = { _, _ in }
  ) {
    let tape = tape(layer, tokenCount: batch.tokenCount)
    if !inputs.isEmpty {
      sweep.use(loaded)
      sweep.pass(
        batch, through: layer, residual: inputs[layer].rows(0..<batch.tokenCount), sink: tape)
    }
    let reads = ReadGradient(loaded, .attention, tape: tape, tokenCount: batch.tokenCount)
    let ffn = ReadGradient(loaded, .ffn, tape: tape, tokenCount: batch.tokenCount)

    let block = LlamaBlock(shape: shape, weights: loaded.weights, rotary: rotary)
    let panels = stride(from: 0, to: batch.tokenCount, by: Self.panelRowCount).map {
      $0..<min($0 + Self.panelRowCount, batch.tokenCount)
    }
    let all = 0..<batch.tokenCount
    let dProjections = dProjections.rows(all)
    let dGateUp = dInner.view.reshaped(
      rowCount: batch.tokenCount, columnCount: 2 * shape.intermediateSize)
    /// z̃ and the derivative by z, [tokens, D].
    func selections(_ component: MoHDComponent) -> (z: MatrixView, d: MatrixView) {
      let width = configuration.mixtureWidth(component, layer: layer)
      return (
        selected.view.reshaped(rowCount: batch.tokenCount, columnCount: width),
        dSelected.view.reshaped(rowCount: batch.tokenCount, columnCount: width)
      )
    }
    let (ffnSelected, attentionSelected) = (selections(.ffn), selections(.attention))
    func logits(_ component: MoHDComponent) -> MatrixView? {
      gradients?[component]?.router.map { router in
        dLogits.view.reshaped(rowCount: batch.tokenCount, columnCount: router.rowCount)
      }
    }
    let (ffnLogits, attentionLogits) = (logits(.ffn), logits(.attention))
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
        tape.ffnInput, rows: rows, dProjections: dy, selected: ffnSelected.z.rows(rows),
        dSelected: ffnSelected.d.rows(rows), dLogits: ffnLogits?.rows(rows),
        workspace: workspace)
      kernels.rmsNorm(
        tape.residualMid.rows(rows), gain: loaded.weights.ffnNorm, epsilon: shape.epsilon, dy: dm,
        addingTo: d.rows(rows))
    }
    projected(.ffn, dGateUp)
    sum(
      into: gradients?.ffn, dProjections: dGateUp, selected: ffnSelected.z,
      dSelected: ffnSelected.d, dLogits: ffnLogits, input: tape.ffnInput)

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
        tape.attentionInput, rows: rows, dProjections: dProjections.rows(rows),
        selected: attentionSelected.z.rows(rows), dSelected: attentionSelected.d.rows(rows),
        dLogits: attentionLogits?.rows(rows), workspace: workspaces[worker])
      kernels.rmsNorm(
        tape.residualPre.rows(rows), gain: loaded.weights.attentionNorm, epsilon: shape.epsilon,
        dy: da, addingTo: d.rows(rows))
    }
    projected(.attention, dProjections)
    sum(
      into: gradients?.attention, dProjections: dProjections, selected: attentionSelected.z,
      dSelected: attentionSelected.d, dLogits: attentionLogits, input: tape.attentionInput)
  }

  private func tape(_ layer: Int, tokenCount: Int) -> LayerTape {
    tapes[min(layer, tapes.count - 1)].tape(
      layer: layer, tokenCount: tokenCount, settings: configuration.mohd)
  }

  private static func subDimensionCount(_ configuration: ModelConfiguration) -> Int {
    configuration.mohd.map { ($0.attention + $0.ffn).map(\.count).max() ?? 1 } ?? 1
  }

  /// Running layers once more costs a sixth of a training step; SmolLM2's tapes take 0.9 GB.
  package static let standardTapeByteLimit = 1 << 30

  private static func keepsTapes(
    _ configuration: ModelConfiguration, tokenCount: Int, byteLimit: Int
  ) -> Bool {
    configuration.layerCount
      * TapeStorage.byteCount(
        BlockShape(configuration), tokenCount: tokenCount,
        subDimensionCount: subDimensionCount(configuration)) <= byteLimit
  }

  /// Bytes that what is kept on the way there takes.
  package static func activationByteCount(
    _ configuration: ModelConfiguration, tokenCount: Int
  ) -> Int {
    let shape = BlockShape(configuration)
    let tape = TapeStorage.byteCount(
      shape, tokenCount: tokenCount, subDimensionCount: subDimensionCount(configuration))
    return keepsTapes(configuration, tokenCount: tokenCount, byteLimit: standardTapeByteLimit)
      ? configuration.layerCount * tape
      : tape + 4 * configuration.layerCount * tokenCount * shape.hiddenSize
  }

  /// d_W = d_projectionsᵀ·z̃, d_B = d_zᵀ·a and d_Φ = d_logitsᵀ·a, in strips of their rows.
  private func sum(
    into gradients: TrainableComponent?, dProjections: MatrixView, selected: MatrixView,
    dSelected: MatrixView, dLogits: MatrixView?, input: MatrixView
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
    if let dLogits {
      if let router = gradients.router { cut(dLogits, input, into: router) }
      if let bias = gradients.routerBias {
        cut(ones.rows(0..<input.rowCount), dLogits, into: bias)
      }
    }
    let work = strips
    pool.forEach(work.count) { index, _ in
      multiply(transposing: work[index].from, work[index].with, into: work[index].into)
    }
  }

  /// Rows of a batch, and of a gradient, that are worked on at once: a training step is small, and
  /// has to be shared out evenly.
  static let panelRowCount = 256
  private static let stripRowCount = 256
}
