import Activations
import Checkpoints
import Kernels
import Tensors

/// One block of a MoHD model (arXiv 2412.05644, Section 4), read from top to bottom:
///
///     a = RMSNorm(x)                                  what the attention reads
///     q, k, v = Σ_{i active} c_i z_i W_iᵀ             z = B a, cut into N sub-dimensions (Eq. 14)
///     heads = softmax(R(q)·R(k)ᵀ / √d_h)·v            whole, as in the dense block (Eq. 15)
///     o = M α ‖_i g_i (heads·W_oᵀ)_i                  0 where inactive (Eqs. 9, 10)
///     h = x + o
///     m = RMSNorm(h)          g, u = Σ_{i active} c_i z_i W_iᵀ,  z = B m
///     f = M α ‖_i g_i ((SiLU(g) ⊙ u)·W_downᵀ)_i       (Eq. 16)
///     y = h + f                                       (Eq. 17)
///
/// Attention and FFN each have a router, a choice and weights of their own: a `Mixture`. Where
/// `sparse_side` is `input` outputs are whole and carry neither g nor α. The specification is the
/// docstring of modeling_mohd.py.
struct MoHDBlock: Sendable {
  /// What is as in LLaMA: norms, rotary embedding, attention itself.
  let dense: LlamaBlock
  let attention: any Mixture
  let ffn: any Mixture

  /// From the residual stream to rotated queries, rotated keys, and values.
  ///
  /// - Parameters:
  ///   - x: residual stream, [tokens, hidden].
  ///   - projections: receives [query | key | value], [tokens, projection].
  ///   - routing: receives the attention's decisions, which `finish` needs.
  ///   - runs: which position in its sequence each run of rows starts at.
  func project(
    _ x: MatrixView, into projections: MatrixView, routing: Routing, runs: [PositionRun],
    workspace: Workspace, mixture: MixtureWorkspace, tap: Tap
  ) {
    let (shape, kernels) = (dense.shape, dense.kernels)
    tap(.residualPre, x)
    let a = workspace.normalised(rowCount: x.rowCount)
    kernels.rmsNorm(x, gain: dense.weights.attentionNorm, epsilon: shape.epsilon, into: a)
    tap.edit(.attentionInput, a)
    tap(.attentionInput, a)
    attention.read(
      a, into: projections, routing: routing, workspace: mixture,
      needsScores: tap.wanted.contains(.attentionRouter), intervention: tap.intervention)
    tap(.attentionRouter, routing.scores)
    tap(.query, projections.columns(shape.queryColumns))
    tap(.key, projections.columns(shape.keyColumns))
    tap(.value, projections.columns(shape.valueColumns))
    dense.rotate(projections, runs: runs)
  }

  /// From the heads' outputs to the next block's residual stream, in place.
  ///
  /// - Parameters:
  ///   - x: residual stream, [tokens, hidden]; becomes y.
  ///   - heads: the heads' outputs side by side, [tokens, query].
  ///   - routing: the attention's decisions for these tokens.
  func finish(
    _ x: MatrixView, heads: MatrixView, routing: Routing, workspace: Workspace,
    mixture: MixtureWorkspace, tap: Tap
  ) {
    let (shape, kernels) = (dense.shape, dense.kernels)
    tap(.attentionHeads, heads)
    let o = workspace.output(rowCount: x.rowCount)
    attention.write(heads, into: o, routing: routing, workspace: mixture)
    tap(.attentionOutput, o)
    kernels.add(o, to: x)
    tap(.residualMid, x)
    let m = workspace.normalised(rowCount: x.rowCount)
    kernels.rmsNorm(x, gain: dense.weights.ffnNorm, epsilon: shape.epsilon, into: m)
    tap.edit(.ffnInput, m)
    tap(.ffnInput, m)
    let gateUp = workspace.gateUp(rowCount: x.rowCount)
    let choice = mixture.routing(ffn.settings, tokenCount: x.rowCount)
    ffn.read(
      m, into: gateUp, routing: choice, workspace: mixture,
      needsScores: tap.wanted.contains(.ffnRouter), intervention: tap.intervention)
    tap(.ffnRouter, choice.scores)
    let gate = gateUp.columns(0..<shape.intermediateSize)
    let up = gateUp.columns(shape.intermediateSize..<2 * shape.intermediateSize)
    tap(.ffnGate, gate)
    tap(.ffnUp, up)
    let hidden = workspace.intermediate(rowCount: x.rowCount)
    kernels.swiGLU(gate: gate, up: up, into: hidden)
    tap(.ffnHidden, hidden)
    let f = workspace.output(rowCount: x.rowCount)
    ffn.write(hidden, into: f, routing: choice, workspace: mixture)
    tap(.ffnOutput, f)
    kernels.add(f, to: x)
    tap(.residualPost, x)
  }
}

/// A component of a block as a mixture of hidden dimensions: the definition has two executions,
/// `MaskedMixture` and `BlockSparseMixture`, which agree but for rounding.
protocol Mixture: Sendable {
  var settings: SubDimensions { get }

  /// The input side: routes, and projects what is active.
  ///
  /// - Parameters:
  ///   - a: the component's normalised input, [tokens, hidden].
  ///   - y: receives the joined projections, [tokens, m].
  ///   - routing: receives scores, active sets, gates and α.
  ///   - needsScores: whether somebody looks at scores that decide nothing.
  ///   - intervention: what an experiment does to the routing of these rows.
  func read(
    _ a: MatrixView, into y: MatrixView, routing: Routing, workspace: MixtureWorkspace,
    needsScores: Bool, intervention: PanelIntervention?
  )

  /// The output side: W_o or W_down, gates and α, fusion.
  ///
  /// - Parameters:
  ///   - inner: what the output projection reads, [tokens, inner].
  ///   - y: receives the component's output, [tokens, hidden].
  func write(
    _ inner: MatrixView, into y: MatrixView, routing: Routing, workspace: MixtureWorkspace)
}
