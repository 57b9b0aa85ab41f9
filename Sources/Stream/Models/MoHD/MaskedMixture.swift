import Checkpoints
import Kernels
import Tensors

/// The definition itself: everything is computed, and inactive sub-dimensions are multiplied by 0.
///
/// A token costs what it costs in the dense model and a little more. It is what the block-sparse
/// execution is compared with, and what runs where that one would not pay.
struct MaskedMixture: Mixture {
  let weights: MixtureWeights
  /// The joined input projections, [m, D], and their bias, [1, m].
  let input: MatrixView
  let inputBias: MatrixView?
  /// W_o or W_down, [hidden, inner], and its bias, [1, hidden]; their used rows alone, where those
  /// are stored.
  let output: MatrixView
  let outputBias: MatrixView?
  private let kernels = SubDimensionKernels.fastest

  init(
    weights: MixtureWeights, input: MatrixView, inputBias: MatrixView?, output: MatrixView,
    outputBias: MatrixView?
  ) {
    self.weights = weights
    self.input = input
    self.inputBias = inputBias
    self.output = output
    self.outputBias = outputBias
  }

  var settings: SubDimensions { weights.settings }

  func read(
    _ a: MatrixView, into y: MatrixView, routing: Routing, workspace: MixtureWorkspace,
    needsScores: Bool, intervention: PanelIntervention?
  ) {
    let count = a.rowCount
    let z = weights.changeBasis(a, workspace)
    weights.score(a, z, order: weights.order, into: routing.scores)
    routing.decide()
    intervention?.choose(routing, z, weights: weights)

    // z̃ = c g z, 0 where inactive.
    let factors = workspace.factors(rowCount: count, columnCount: settings.count)
    weights.inputFactors(routing, into: factors)
    let selected = workspace.selected(rowCount: count, columnCount: weights.width)
    kernels.weigh(z, member: weights.member, weights: factors, into: selected)
    multiply(selected, transposed: input, into: y)
    if let inputBias { Elementwise.fastest.addBias(inputBias, to: y) }

    // What inactive sub-dimensions leave behind.
    weights.inactiveFactors(routing, into: factors)
    if let bias = weights.inactiveBias { multiply(factors, bias, into: y, adding: true) }
    if let down = weights.lowRankDown, let up = weights.lowRankUp {
      kernels.weigh(z, member: weights.member, weights: factors, into: selected)
      let low = workspace.low(rowCount: count, columnCount: down.rowCount)
      multiply(selected, transposed: down, into: low)
      multiply(low, transposed: up, into: y, adding: true)
    }
  }

  func write(
    _ inner: MatrixView, into y: MatrixView, routing: Routing, workspace: MixtureWorkspace
  ) {
    weights.write(
      inner, through: output, bias: outputBias, into: y, routing: routing, workspace: workspace)
  }
}

extension MixtureWeights {
  /// The output side through a matrix that is multiplied whole.
  ///
  /// - Parameters:
  ///   - output: W_o or W_down, as stored.
  ///   - bias: one number for each of its rows.
  func write(
    _ inner: MatrixView, through output: MatrixView, bias: MatrixView?, into y: MatrixView,
    routing: Routing, workspace: MixtureWorkspace
  ) {
    guard settings.keepsUsedOutputs(hiddenSize: hiddenSize) else {
      multiply(inner, transposed: output, into: y)
      finish(y, bias: bias, routing: routing, isSelected: false, workspace: workspace)
      return
    }
    // Row j of W_out is entry o_j of y; the entries that nothing writes are 0.
    let used = workspace.basis(rowCount: y.rowCount, columnCount: width)
    multiply(inner, transposed: output, into: used)
    if let bias { Elementwise.fastest.addBias(bias, to: used) }
    if settings.gate == .softmax {
      let factors = workspace.factors(rowCount: y.rowCount, columnCount: settings.count)
      outputFactors(routing, into: factors)
      SubDimensionKernels.fastest.weighRuns(used, weights: factors)
    }
    clear(y)
    SubDimensionKernels.fastest.scatter(used, columns: outputOrder?[0..<width], into: y)
    fuse(y, workspace)
  }

  /// The end of the output side, in place: y ← M α g (y + bias), 0 where inactive; outputs that are
  /// whole have no α and g.
  ///
  /// - Parameter isSelected: y is 0 where inactive, and α g is 1 elsewhere.
  func finish(
    _ y: MatrixView, bias: MatrixView?, routing: Routing, isSelected: Bool,
    workspace: MixtureWorkspace
  ) {
    let kernels = SubDimensionKernels.fastest
    if let bias { Elementwise.fastest.addBias(bias, to: y) }
    if settings.sparseSide == .both, bias != nil || !isSelected {
      let factors = workspace.factors(rowCount: y.rowCount, columnCount: settings.count)
      outputFactors(routing, into: factors)
      kernels.weigh(y, member: outputMember, weights: factors, into: y)
    }
    fuse(y, workspace)
  }

  /// y ← M y in the order of the sub-dimensions (Eq. 9), in place.
  private func fuse(_ y: MatrixView, _ workspace: MixtureWorkspace) {
    guard let fusion else { return }
    let kernels = SubDimensionKernels.fastest
    let u = workspace.selected(rowCount: y.rowCount, columnCount: hiddenSize)
    let fused = workspace.basis(rowCount: y.rowCount, columnCount: hiddenSize)
    kernels.gather(y, columns: outputOrder, into: u)
    fusion.apply(to: u, into: fused, scratch: workspace.monarch(rowCount: y.rowCount))
    kernels.scatter(fused, columns: outputOrder, into: y)
  }

  /// z = B a, [tokens, D]; a itself where there is no basis.
  func changeBasis(_ a: MatrixView, _ workspace: MixtureWorkspace) -> MatrixView {
    let z = workspace.basis(rowCount: a.rowCount, columnCount: width)
    if let basis {
      multiply(a, transposed: basis, into: z)
    } else if let monarchBasis {
      monarchBasis.apply(to: a, into: z, scratch: workspace.monarch(rowCount: a.rowCount))
    } else {
      return a
    }
    return z
  }

  /// Scores of all sub-dimensions: softmax(Φ a + b), or the energies of z.
  ///
  /// - Parameter order: of the entries of z.
  func score(_ a: MatrixView, _ z: MatrixView, order: IndexList?, into scores: MatrixView) {
    let kernels = SubDimensionKernels.fastest
    if let routerWeight {
      multiply(a, transposed: routerWeight, into: scores)
      kernels.softmax(scores, bias: routerBias)
    } else if let norms {
      kernels.energy(z, norms: norms, order: order, into: scores)
    }
  }

  /// What each sub-dimension's input is multiplied by: c_i, times g_i under `every_projection`; 0
  /// where inactive. [tokens, N]
  func inputFactors(_ routing: Routing, into factors: MatrixView) {
    copy(settings.gateAt == .everyProjection ? routing.gates : routing.active, into: factors)
    guard let scale else { return }
    for token in 0..<factors.rowCount {
      for i in 0..<settings.count { factors[token, i] *= scale[0, i] }
    }
  }

  /// 1 where a sub-dimension is inactive, else 0: [tokens, N].
  func inactiveFactors(_ routing: Routing, into factors: MatrixView) {
    for token in 0..<factors.rowCount {
      for i in 0..<settings.count { factors[token, i] = 1 - routing.active[token, i] }
    }
  }

  /// α g_i, 0 where inactive: [tokens, N].
  func outputFactors(_ routing: Routing, into factors: MatrixView) {
    for token in 0..<factors.rowCount {
      let alpha = routing.alpha[token, 0]
      for i in 0..<settings.count { factors[token, i] = alpha * routing.gates[token, i] }
    }
  }
}
