import Activations
import Checkpoints
import Kernels
import Tensors

/// One block of the LLaMA family, dense or MoHD, with its tensors; read from top to bottom, and
/// backward from bottom to top; d_v is the loss's derivative by v:
///
///     a = RMSNorm(x)                 d_x = d_h + RMSNorm'(x)·d_a
///     q, k, v = attention.read(a)    d_a = attention.readBackward(d_q, d_k, d_v)
///     heads = softmax(R(q)·R(k)ᵀ / √d_h)·v
///     o = attention.write(heads)     d_heads = attention.writeBackward(d_h)
///     h = x + o
///     m = RMSNorm(h)                 d_h = d_y + RMSNorm'(h)·d_m
///     g, u = ffn.read(m)             d_m = ffn.readBackward(d_g, d_u)
///     f = ffn.write(SiLU(g) ⊙ u)     d_g, d_u = SwiGLU'·ffn.writeBackward(d_y)
///     y = h + f
///
/// R is the rotary embedding. Rows are worked on in panels, attention by sequence; both are cut by
/// the batch alone, so results do not depend on the number of threads.
struct Block: Sendable {
  let shape: BlockShape
  let attention: any Component
  let ffn: any Component
  /// Gains, [1, hidden].
  let attentionNorm: MatrixView
  let ffnNorm: MatrixView
  let window: Int

  init(_ tensors: ModelTensors, layer: Int, leastSize: Int, room: ProductRoom) {
    let configuration = tensors.configuration
    shape = BlockShape(configuration)
    func component(_ component: MoHDComponent) -> any Component {
      let own = ComponentTensors(component, layer: layer, of: tensors)
      guard let settings = configuration.mohd?[component][layer] else {
        return DenseComponent(own, room: room)
      }
      return MixtureComponent(
        settings, own, hiddenSize: configuration.hiddenSize, leastSize: leastSize, room: room)
    }
    attention = component(.attention)
    ffn = component(.ffn)
    (attentionNorm, ffnNorm) = Self.norms(tensors, layer: layer)
    window = configuration.slidingWindow(layer: layer) ?? .max / 2
  }

  /// From `tape.residualPre`, x, to y.
  ///
  /// - Parameter y: receives y, [tokens, hidden].
  func forward(_ work: BlockWork, _ tape: BlockTape, into y: MatrixView) {
    let kernels = Elementwise.fastest
    let block = self
    attention.packForward(work.pool)
    ffn.packForward(work.pool)
    work.forEachPanel { rows, worker in
      let (x, a) = (tape.residualPre.rows(rows), tape.attentionInput.rows(rows))
      kernels.rmsNorm(x, gain: block.attentionNorm, epsilon: block.shape.epsilon, into: a)
      block.attention.read(
        a, into: tape.projections.rows(rows), tape: tape.attention.rows(rows),
        scratch: work.workers[worker].component)
      work.rotate(tape.projections, rows, by: work.rotary)
    }
    work.attention(window).forward(work.batch, tape.projections, into: tape.heads)
    work.forEachPanel { rows, worker in
      let worker = work.workers[worker]
      let (h, m) = (tape.residualMid.rows(rows), tape.ffnInput.rows(rows))
      block.attention.write(
        tape.heads.rows(rows), into: h, tape: tape.attention.rows(rows),
        scratch: worker.component)
      kernels.add(tape.residualPre.rows(rows), to: h)
      kernels.rmsNorm(h, gain: block.ffnNorm, epsilon: block.shape.epsilon, into: m)
      let gateUp = tape.gateUp.rows(rows)
      block.ffn.read(m, into: gateUp, tape: tape.ffn.rows(rows), scratch: worker.component)
      let hidden = worker.inner(rowCount: rows.count)
      kernels.swiGLU(
        gate: gateUp.columns(block.gate), up: gateUp.columns(block.up), into: hidden)
      let y = y.rows(rows)
      block.ffn.write(hidden, into: y, tape: tape.ffn.rows(rows), scratch: worker.component)
      kernels.add(h, to: y)
    }
  }

  /// From d_y to d_x.
  ///
  /// - Parameters:
  ///   - d: d_y, [tokens, hidden]; d_x on return.
  ///   - penalties: what the losses beside the cross entropy ask of the two routers.
  ///   - gradients: the layer's derivatives are added to them.
  func backward(
    _ work: BlockWork, _ tape: BlockTape, d: MatrixView,
    penalties: (attention: RouterPenalty, ffn: RouterPenalty), into gradients: LayerGradients
  ) {
    let (training, block) = (TrainingKernels.fastest, self)
    let dh = work.dMid
    attention.packBackward(work.pool)
    ffn.packBackward(work.pool)
    var rows = work.rows(ffn)
    let (hidden, dGateUp) = (work.hidden, work.dGateUp)
    work.forEachPanel { [rows] range, worker, panel in
      let worker = work.workers[worker]
      let own = rows.rows(range, panel: panel)
      let dHidden = worker.inner(rowCount: range.count)
      block.ffn.writeBackward(
        d.rows(range), into: dHidden, tape: tape.ffn.rows(range), rows: own,
        penalty: penalties.ffn, scratch: worker.component)
      let (y, dy) = (tape.gateUp.rows(range), dGateUp.rows(range))
      training.swiGLU(
        gate: y.columns(block.gate), up: y.columns(block.up), dy: dHidden, y: hidden.rows(range),
        dGate: dy.columns(block.gate), dUp: dy.columns(block.up))
      let dm = worker.normalised(rowCount: range.count)
      block.ffn.readBackward(
        dy, tape.ffnInput.rows(range), into: dm, tape: tape.ffn.rows(range), rows: own,
        penalty: penalties.ffn, scratch: worker.component)
      copy(d.rows(range), into: dh.rows(range))
      training.rmsNorm(
        tape.residualMid.rows(range), gain: block.ffnNorm, epsilon: block.shape.epsilon, dy: dm,
        addingTo: dh.rows(range),
        own.sums.view(.norm, panel: panel, width: block.shape.hiddenSize))
    }
    work.add(
      ffn, dy: d, inner: hidden, dProjections: dGateUp, a: tape.ffnInput, tape: tape.ffn,
      rows: rows, into: gradients.ffn, norm: gradients.ffnNorm)

    rows = work.rows(attention)
    let (dHeads, dProjections) = (work.dHeads, work.dProjections)
    work.forEachPanel { [rows] range, worker, panel in
      block.attention.writeBackward(
        dh.rows(range), into: dHeads.rows(range), tape: tape.attention.rows(range),
        rows: rows.rows(range, panel: panel), penalty: penalties.attention,
        scratch: work.workers[worker].component)
    }
    work.attention(window).backward(
      work.batch, tape.projections, dHeads: dHeads, into: dProjections)
    work.forEachPanel { [rows] range, worker, panel in
      let worker = work.workers[worker]
      let own = rows.rows(range, panel: panel)
      work.rotate(dProjections, range, by: work.inverseRotary)
      let da = worker.normalised(rowCount: range.count)
      block.attention.readBackward(
        dProjections.rows(range), tape.attentionInput.rows(range), into: da,
        tape: tape.attention.rows(range), rows: own, penalty: penalties.attention,
        scratch: worker.component)
      copy(dh.rows(range), into: d.rows(range))
      training.rmsNorm(
        tape.residualPre.rows(range), gain: block.attentionNorm, epsilon: block.shape.epsilon,
        dy: da, addingTo: d.rows(range),
        own.sums.view(.norm, panel: panel, width: block.shape.hiddenSize))
    }
    work.add(
      attention, dy: dh, inner: tape.heads, dProjections: dProjections, a: tape.attentionInput,
      tape: tape.attention, rows: rows, into: gradients.attention, norm: gradients.attentionNorm)
  }

  fileprivate static func norms(
    _ tensors: ModelTensors, layer: Int
  ) -> (attention: MatrixView, ffn: MatrixView) {
    guard let attention = tensors[TensorKey(.attentionNorm, layer: layer)],
      let ffn = tensors[TensorKey(.ffnNorm, layer: layer)]
    else { preconditionFailure("the tables of names give every layer its norms") }
    return (attention, ffn)
  }

  private var gate: Range<Int> { 0..<shape.intermediateSize }
  private var up: Range<Int> { shape.intermediateSize..<2 * shape.intermediateSize }
}

/// Where a layer's derivatives go.
struct LayerGradients: Sendable {
  let attention: ComponentTensors
  let ffn: ComponentTensors
  let attentionNorm: MatrixView
  let ffnNorm: MatrixView

  init(_ gradients: ModelTensors, layer: Int) {
    attention = ComponentTensors(.attention, layer: layer, of: gradients)
    ffn = ComponentTensors(.ffn, layer: layer, of: gradients)
    (attentionNorm, ffnNorm) = Block.norms(gradients, layer: layer)
  }
}
