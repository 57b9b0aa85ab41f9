import Activations
import Kernels
import Tensors

/// One block of the LLaMA family, read from top to bottom:
///
///     a = RMSNorm(x)          q, k, v = a·W_qᵀ, a·W_kᵀ, a·W_vᵀ
///     heads = softmax(R(q)·R(k)ᵀ / √d_h)·v
///     o = heads·W_oᵀ          h = x + o
///     m = RMSNorm(h)          g, u = m·W_gateᵀ, m·W_upᵀ
///     f = (SiLU(g) ⊙ u)·W_downᵀ
///     y = h + f
///
/// R is the rotary embedding. The three methods are the three phases between which all rows of a
/// batch must be complete: the first and the last work on any rows, the middle one on a sequence.
/// A tap stands between the line that makes a value and the line that uses it.
struct LlamaBlock: Sendable {
  let shape: BlockShape
  let weights: BlockWeights
  let rotary: RotaryTable
  let kernels = Elementwise.fastest

  /// From the residual stream to rotated queries, rotated keys, and values.
  ///
  /// - Parameters:
  ///   - x: residual stream, [tokens, hidden].
  ///   - projections: receives [query | key | value], [tokens, projection].
  ///   - runs: which position in its sequence each run of rows starts at.
  func project(
    _ x: MatrixView, into projections: MatrixView, runs: [PositionRun], workspace: Workspace,
    tap: Tap
  ) {
    tap(.residualPre, x)
    let a = workspace.normalised(rowCount: x.rowCount)
    kernels.rmsNorm(x, gain: weights.attentionNorm, epsilon: shape.epsilon, into: a)
    tap.edit(.attentionInput, a)
    tap(.attentionInput, a)
    multiply(a, transposed: weights.queryKeyValue, into: projections)
    if let bias = weights.queryKeyValueBias { kernels.addBias(bias, to: projections) }
    tap(.query, projections.columns(shape.queryColumns))
    tap(.key, projections.columns(shape.keyColumns))
    tap(.value, projections.columns(shape.valueColumns))
    rotate(projections, runs: runs)
  }

  /// R: the rotary embedding of queries and keys, in place.
  func rotate(_ projections: MatrixView, runs: [PositionRun]) {
    for run in runs {
      let rows = projections.rows(run.rows)
      for head in 0..<(shape.headCount + shape.keyValueHeadCount) {
        let columns = rows.columns(shape.headColumns(head))
        rotary.apply(to: columns, from: run.position, kernels: kernels)
      }
    }
  }

  /// Causal attention of the query heads that share one key-value head, for some tokens of one
  /// sequence. The heads' outputs take the place of their queries.
  ///
  /// The heads of a group are stacked into one tall matrix, so that keys are packed once for all.
  ///
  /// - Parameters:
  ///   - sequence: [query | key | value] of all tokens of the sequence, [tokens, projection].
  ///   - tokens: the queries' positions.
  ///   - window: how many of the latest positions, its own included, a token sees.
  func attend(
    _ sequence: MatrixView, tokens: Range<Int>, keyValueHead: Int, window: Int,
    workspace: Workspace
  ) {
    let group = shape.groupSize
    let count = tokens.count
    let firstKey = max(0, tokens.lowerBound - window + 1)
    let visible = firstKey..<tokens.upperBound
    let keys = sequence.rows(visible).columns(shape.keyColumns(keyValueHead))
    let values = sequence.rows(visible).columns(shape.valueColumns(keyValueHead))
    let stacked = workspace.stackedHeads(rowCount: group * count)
    let scores = workspace.scores(rowCount: group * count, columnCount: visible.count)
    for member in 0..<group {
      let columns = shape.headColumns(keyValueHead * group + member)
      let rows = member * count..<(member + 1) * count
      copy(sequence.rows(tokens).columns(columns), into: stacked.rows(rows))
    }
    multiply(stacked, transposed: keys, into: scores)
    for member in 0..<group {
      kernels.causalSoftmax(
        scores.rows(member * count..<(member + 1) * count),
        first: tokens.lowerBound - firstKey, window: window, scale: shape.attentionScale)
    }
    multiply(scores, values, into: stacked)
    for member in 0..<group {
      let columns = shape.headColumns(keyValueHead * group + member)
      let rows = member * count..<(member + 1) * count
      copy(stacked.rows(rows), into: sequence.rows(tokens).columns(columns))
    }
  }

  /// From the heads' outputs to the next block's residual stream, in place.
  ///
  /// - Parameters:
  ///   - x: residual stream, [tokens, hidden]; becomes y.
  ///   - heads: the heads' outputs side by side, [tokens, query].
  func finish(_ x: MatrixView, heads: MatrixView, workspace: Workspace, tap: Tap) {
    tap(.attentionHeads, heads)
    let o = workspace.output(rowCount: x.rowCount)
    multiply(heads, transposed: weights.attentionOutput, into: o)
    if let bias = weights.attentionOutputBias { kernels.addBias(bias, to: o) }
    tap(.attentionOutput, o)
    kernels.add(o, to: x)
    tap(.residualMid, x)
    let m = workspace.normalised(rowCount: x.rowCount)
    kernels.rmsNorm(x, gain: weights.ffnNorm, epsilon: shape.epsilon, into: m)
    tap.edit(.ffnInput, m)
    tap(.ffnInput, m)
    let gateUp = workspace.gateUp(rowCount: x.rowCount)
    multiply(m, transposed: weights.gateUp, into: gateUp)
    if let bias = weights.gateUpBias { kernels.addBias(bias, to: gateUp) }
    let gate = gateUp.columns(0..<shape.intermediateSize)
    let up = gateUp.columns(shape.intermediateSize..<2 * shape.intermediateSize)
    tap(.ffnGate, gate)
    tap(.ffnUp, up)
    let hidden = workspace.intermediate(rowCount: x.rowCount)
    kernels.swiGLU(gate: gate, up: up, into: hidden)
    tap(.ffnHidden, hidden)
    let f = workspace.output(rowCount: x.rowCount)
    multiply(hidden, transposed: weights.down, into: f)
    if let bias = weights.downBias { kernels.addBias(bias, to: f) }
    tap(.ffnOutput, f)
    kernels.add(f, to: x)
    tap(.residualPost, x)
  }
}

/// Consecutive rows of a panel that belong to one sequence, and the position of the first.
struct PositionRun: Sendable, Equatable {
  let rows: Range<Int>
  let position: Int
}
