import Checkpoints
import Kernels
import Tensors

/// MoHD's component by its definition (modeling_mohd.py): everything is computed, and inactive
/// sub-dimensions are multiplied by 0. The oracle of every faster execution and of every gradient.
struct MaskedComponent: Component {
  let settings: SubDimensions
  let tensors: ComponentTensors
  /// The sub-dimension of each entry of z, [D], and of each entry of the output, [hidden].
  private let member: IndexList
  private let basis: Monarch?
  private let fusion: Monarch?
  /// ‖w_j‖² of the joined input projections, [1, D]: constants to the gradient.
  private let norms: MatrixView?
  private let kernels = SubDimensionKernels.fastest
  private let training = TrainingKernels.fastest

  init(_ settings: SubDimensions, _ tensors: ComponentTensors) {
    self.settings = settings
    self.tensors = tensors
    let size = tensors.input.columnCount / settings.count
    let runs = (0..<tensors.input.columnCount).map { Int32($0 / size) }
    member =
      tensors.order.map { IndexList($0.inverse.indices.map { runs[Int($0)] }) }
      ?? IndexList(runs)
    basis = tensors[.basisRight].map { Monarch(right: $0, left: tensors[.basisLeft]) }
    fusion = tensors[.fusionRight].map { Monarch(right: $0, left: tensors[.fusionLeft]) }
    if settings.router == .energy {
      let norms = Matrix(rowCount: 1, columnCount: tensors.input.columnCount).view
      SubDimensionKernels.fastest.addSquares(of: tensors.input, to: norms)
      self.norms = norms
    } else {
      norms = nil
    }
  }

  // MARK: - Forward

  func read(
    _ a: MatrixView, into y: MatrixView, tape: ComponentTape, scratch: ComponentScratch
  ) {
    guard let routing = tape.routing else { return }
    let z = changeBasis(a, scratch)
    score(a, z, routing, tape.logSums)
    routing.decide()
    // z̃ = c g z, 0 where inactive (Eqs. 7, 14).
    let selected = scratch.selected(like: z)
    kernels.weigh(z, member: member, weights: inputFactors(routing, scratch), into: selected)
    multiply(selected, transposed: tensors.input, into: y)
    if let bias = tensors.inputBias { Elementwise.fastest.addBias(bias, to: y) }
    // What inactive sub-dimensions leave behind.
    guard tensors[.inactiveBias] != nil || tensors[.lowRankDown] != nil else { return }
    let inactive = inactiveFactors(routing, scratch)
    if let bias = tensors[.inactiveBias] { multiply(inactive, bias, into: y, adding: true) }
    if let down = tensors[.lowRankDown], let up = tensors[.lowRankUp] {
      kernels.weigh(z, member: member, weights: inactive, into: selected)
      let low = scratch.low(rowCount: a.rowCount, columnCount: down.rowCount)
      multiply(selected, transposed: down, into: low)
      multiply(low, transposed: up, into: y, adding: true)
    }
  }

  func write(
    _ inner: MatrixView, into y: MatrixView, tape: ComponentTape, scratch: ComponentScratch
  ) {
    guard let routing = tape.routing else { return }
    let written = tape.written ?? y
    multiply(inner, transposed: tensors.output, into: written)
    if let bias = tensors.outputBias { Elementwise.fastest.addBias(bias, to: written) }
    if tape.written != nil { weighOutput(written, routing, into: y, scratch) }
    guard let fusion else { return }
    let u = scratch.selected(like: y)
    let fused = scratch.basis(like: y)
    kernels.gather(y, columns: tensors.order, into: u)
    fusion.apply(to: u, into: fused, scratch: scratch.monarch(like: y))
    kernels.scatter(fused, columns: tensors.order, into: y)
  }

  /// z = B a.
  private func changeBasis(_ a: MatrixView, _ scratch: ComponentScratch) -> MatrixView {
    if let matrix = tensors[.basis] {
      let z = scratch.basis(rowCount: a.rowCount, columnCount: matrix.rowCount)
      multiply(a, transposed: matrix, into: z)
      return z
    }
    guard let basis else { return a }
    let z = scratch.basis(like: a)
    basis.apply(to: a, into: z, scratch: scratch.monarch(like: a))
    return z
  }

  /// Scores of all sub-dimensions: softmax(Φ a + b) (Eqs. 6, 11), or the energies of z.
  private func score(
    _ a: MatrixView, _ z: MatrixView, _ routing: Routing, _ logSums: MatrixView?
  ) {
    let scores = routing.scores
    if let weight = tensors[.routerWeight] {
      multiply(a, transposed: weight, into: scores)
      if let bias = tensors[.routerBias] { Elementwise.fastest.addBias(bias, to: scores) }
      if let logSums {
        for row in 0..<scores.rowCount {
          logSums[row, 0] = Float(Elementwise.fastest.logSumExp(scores.rows(row..<row + 1)))
        }
      }
      kernels.softmax(scores, bias: nil)
    } else if let norms {
      kernels.energy(z, norms: norms, order: tensors.order, into: scores)
    }
  }

  /// c_i, times g_i under `every_projection`; 0 where inactive: [tokens, N].
  private func inputFactors(_ routing: Routing, _ scratch: ComponentScratch) -> MatrixView {
    let factors = scratch.factors(like: routing.scores)
    copy(settings.gateAt == .everyProjection ? routing.gates : routing.active, into: factors)
    if let scale = tensors[.scale] { scaleColumns(of: factors, by: scale) }
    return factors
  }

  /// 1 where a sub-dimension is inactive, else 0: [tokens, N].
  private func inactiveFactors(_ routing: Routing, _ scratch: ComponentScratch) -> MatrixView {
    let factors = scratch.factors(like: routing.scores)
    fillInactive(factors, routing)
    return factors
  }

  private func fillInactive(_ factors: MatrixView, _ routing: Routing) {
    for row in 0..<factors.rowCount {
      for i in 0..<factors.columnCount { factors[row, i] = 1 - routing.active[row, i] }
    }
  }

  /// y ← α g y where outputs are sparse too (Eq. 10); y as it is where they are whole.
  private func weighOutput(
    _ written: MatrixView, _ routing: Routing, into y: MatrixView, _ scratch: ComponentScratch
  ) {
    guard settings.sparseSide == .both else { return copy(written, into: y) }
    kernels.weigh(
      written, member: member, weights: outputFactors(routing, scratch), into: y)
  }

  /// α g_i, 0 where inactive: [tokens, N].
  private func outputFactors(_ routing: Routing, _ scratch: ComponentScratch) -> MatrixView {
    let factors = scratch.factors(like: routing.scores)
    for row in 0..<factors.rowCount {
      let alpha = routing.alpha[row, 0]
      for i in 0..<factors.columnCount { factors[row, i] = alpha * routing.gates[row, i] }
    }
    return factors
  }

  // MARK: - Backward

  func writeBackward(
    _ dy: MatrixView, into dInner: MatrixView, tape: ComponentTape, rows: GradientRows,
    penalty: RouterPenalty, scratch: ComponentScratch
  ) {
    guard let routing = tape.routing else { return }
    // d becomes the derivative by α g (W inner + b), then by W inner + b.
    let d = rows.dWritten
    if let fusion, let written = tape.written {
      // u: what M read. It was not kept: it is a product away.
      let y = scratch.selected(like: dy)
      weighOutput(written, routing, into: y, scratch)
      kernels.gather(y, columns: tensors.order, into: rows.fused)
      let du = scratch.selected(like: dy)
      let dFused = scratch.basis(like: dy)
      kernels.gather(dy, columns: tensors.order, into: dFused)
      fusion.backward(
        rows.fused, dy: dFused, into: du, dRight: rows.dFused,
        dLeft: rows.sum(.fusionLeft, width: fusion.leftCount),
        scratch: scratch.monarch(like: dy))
      kernels.scatter(du, columns: tensors.order, into: d)
    } else {
      copy(dy, into: d)
    }
    let dGates = rows.dGates
    clear(dGates)
    if settings.sparseSide == .both, let written = tape.written {
      if settings.gate == .softmax {
        training.addProducts(d, written, order: tensors.order, to: dGates)
      }
      kernels.weigh(d, member: member, weights: outputFactors(routing, scratch), into: d)
    }
    if settings.gate == .softmax {
      let (power, factor) = settings.scaling.power(settings)
      training.gates(
        routing.gates, active: routing.active, alpha: routing.alpha, power: power,
        factor: factor, shares: penalty.shares, balance: penalty.balance, d: dGates)
    }
    multiply(d, tensors.output, into: dInner)
    if let bias = tensors.outputBias { rows.add(d, .outputBias, width: bias.columnCount) }
  }

  func readBackward(
    _ dy: MatrixView, _ a: MatrixView, into da: MatrixView, tape: ComponentTape,
    rows: GradientRows, penalty: RouterPenalty, scratch: ComponentScratch
  ) {
    guard let routing = tape.routing else { return }
    let z = changeBasis(a, scratch)
    let hasBasis = tensors[.basis] != nil || basis != nil
    let factors = inputFactors(routing, scratch)
    kernels.weigh(z, member: member, weights: factors, into: rows.selected)
    let dSelected = scratch.selected(like: z)
    multiply(dy, tensors.input, into: dSelected)
    if let bias = tensors.inputBias { rows.add(dy, .inputBias, width: bias.columnCount) }
    let dz = hasBasis ? rows.dBasis : da
    kernels.weigh(dSelected, member: member, weights: factors, into: dz)
    factorsBackward(dSelected, z, routing, rows, scratch)
    inactiveBackward(dy, z, routing, addingTo: dz, rows, scratch)
    // The router: from gates to scores, to logits, to what it read.
    let dScores = rows.dGates
    if settings.gate == .softmax, let norms {
      // s_i = Σ norms z²: of the norms' own change there is no derivative.
      let doubled = scratch.selected(like: z)
      for row in 0..<z.rowCount {
        for j in 0..<z.columnCount { doubled[row, j] = 2 * norms[0, j] * z[row, j] }
      }
      training.addWeighed(doubled, member: member, weights: dScores, to: dz)
    }
    if let matrix = tensors[.basis] {
      multiply(dz, matrix, into: da)
    } else if let basis {
      let dBasis = scratch.selected(like: dz)
      copy(dz, into: dBasis)
      basis.backward(
        a, dy: dBasis, into: da, dRight: rows.dBasis,
        dLeft: rows.sum(.basisLeft, width: basis.leftCount), scratch: scratch.monarch(like: a))
    }
    if let weight = tensors[.routerWeight] {
      if settings.gate == .softmax { training.softmax(routing.scores, d: dScores) }
      if let logSums = tape.logSums { zBackward(routing, logSums, penalty.z, addingTo: dScores) }
      multiply(dScores, weight, into: da, adding: true)
      if let bias = tensors[.routerBias] { rows.add(dScores, .routerBias, width: bias.columnCount) }
    }
  }

  /// What multiplied the inputs: c, and g under `every_projection`.
  private func factorsBackward(
    _ dSelected: MatrixView, _ z: MatrixView, _ routing: Routing, _ rows: GradientRows,
    _ scratch: ComponentScratch
  ) {
    let isGated = settings.gateAt == .everyProjection && settings.gate == .softmax
    guard tensors[.scale] != nil || isGated else { return }
    let dFactors = scratch.factors(like: routing.scores)
    clear(dFactors)
    training.addProducts(dSelected, z, order: tensors.order, to: dFactors)
    let sums = tensors[.scale].flatMap { rows.sum(.scale, width: $0.columnCount) }
    for row in 0..<dFactors.rowCount {
      for i in 0..<dFactors.columnCount where routing.active[row, i] != 0 {
        let d = dFactors[row, i]
        let gate = settings.gateAt == .everyProjection ? routing.gates[row, i] : 1
        if let sums { sums[0, i] += gate * d }
        if isGated { rows.dGates[row, i] += (tensors[.scale]?[0, i] ?? 1) * d }
      }
    }
  }

  /// What inactive sub-dimensions leave behind: bias and low-rank path.
  private func inactiveBackward(
    _ dy: MatrixView, _ z: MatrixView, _ routing: Routing, addingTo dz: MatrixView,
    _ rows: GradientRows, _ scratch: ComponentScratch
  ) {
    guard tensors[.inactiveBias] != nil || tensors[.lowRankDown] != nil else { return }
    let inactive = rows.inactive
    fillInactive(inactive, routing)
    guard let down = tensors[.lowRankDown], let up = tensors[.lowRankUp] else { return }
    kernels.weigh(z, member: member, weights: inactive, into: rows.unselected)
    multiply(rows.unselected, transposed: down, into: rows.low)
    multiply(dy, up, into: rows.dLow)
    let dUnselected = scratch.selected(like: z)
    multiply(rows.dLow, down, into: dUnselected)
    training.addWeighed(dUnselected, member: member, weights: inactive, to: dz)
  }

  /// The z-loss, weight · mean(logsumexp²).
  private func zBackward(
    _ routing: Routing, _ logSums: MatrixView, _ weight: Float, addingTo dLogits: MatrixView
  ) {
    for row in 0..<dLogits.rowCount {
      let factor = 2 * weight * logSums[row, 0]
      for i in 0..<dLogits.columnCount { dLogits[row, i] += factor * routing.scores[row, i] }
    }
  }

  func products(
    dy: MatrixView, inner: MatrixView, dProjections: MatrixView, a: MatrixView,
    rows: GradientRows, into gradients: ComponentTensors
  ) -> [ProductSum] {
    var sums = [
      ProductSum(dProjections, rows.selected, into: gradients.input),
      ProductSum(rows.dWritten, inner, into: gradients.output),
      ProductSum(rows.dGates, a, into: gradients[.routerWeight]),
      ProductSum(rows.inactive, dProjections, into: gradients[.inactiveBias]),
      ProductSum(rows.dLow, rows.unselected, into: gradients[.lowRankDown]),
      ProductSum(dProjections, rows.low, into: gradients[.lowRankUp]),
      ProductSum(rows.dBasis, a, into: gradients[.basis]),
    ]
    if let fusion, let target = gradients[.fusionRight] {
      sums += fusion.rightSums(rows.fused, rows.dFused, into: target)
    }
    if let basis, let target = gradients[.basisRight] {
      sums += basis.rightSums(a, rows.dBasis, into: target)
    }
    return sums.compactMap { $0 }
  }
}

/// x[r, c] *= factors[0, c].
private func scaleColumns(of x: MatrixView, by factors: MatrixView) {
  for row in 0..<x.rowCount {
    for column in 0..<x.columnCount { x[row, column] *= factors[0, column] }
  }
}

extension SubDimensions.Scaling {
  /// α as a function of G = Σ g: factor · Gᵖ (Section 4.2).
  fileprivate func power(_ settings: SubDimensions) -> (power: Int, factor: Float) {
    switch self {
    case .paper: (1, Float(settings.count))
    case .unitSum: (-1, Float(settings.count))
    case .unitMean: (-1, Float(settings.activeCount))
    case .none: (0, 1)
    }
  }
}
