import Checkpoints
import Kernels
import Tensors

/// MoHD's component by its definition (modeling_mohd.py): inactive sub-dimensions are multiplied by 0,
/// or left out of the products where `input` and `output` leave them out, which is the same to rounding.
struct MixtureComponent: Component {
  let settings: SubDimensions
  let tensors: ComponentTensors
  let input: HiddenProjection
  let output: HiddenProjection
  /// The sub-dimension of each entry of z, [D], and of each row of W_out.
  private let member: IndexList
  private let outputMember: IndexList
  /// In which order sub-dimensions are runs of W_out's rows; nil: as they lie.
  private let outputOrder: IndexList?
  /// The entry of the output that each row of W_out is; nil: as they lie, all of them.
  private let usedOutputs: IndexList?
  private let basis: Monarch?
  private let fusion: Monarch?
  private let basisBlocks: MonarchBlocks?
  private let fusionBlocks: MonarchBlocks?
  /// ‖w_j‖² of the joined input projections, [1, D]: constants to the gradient.
  private let norms: MatrixView?
  private let kernels = SubDimensionKernels.fastest
  private let training = TrainingKernels.fastest

  init(
    _ settings: SubDimensions, _ tensors: ComponentTensors, hiddenSize: Int, leastSize: Int,
    room: ProductRoom
  ) {
    self.settings = settings
    self.tensors = tensors
    let sides = settings.products(hiddenSize: hiddenSize, leastSize: leastSize)
    (input, output) = tensors.projections(input: sides.input, output: sides.output, room: room)
    let (width, rowCount) = (tensors.input.columnCount, tensors.output.rowCount)
    member = Self.members(tensors.inputOrder, settings, width: width)
    // W_out's rows are fewer than z's entries or more, where z has a width of its own.
    let keepsUsedOutputs = settings.keepsUsedOutputs(hiddenSize: hiddenSize)
    outputOrder = keepsUsedOutputs ? nil : tensors.outputOrder
    outputMember = Self.members(outputOrder, settings, width: rowCount)
    usedOutputs =
      keepsUsedOutputs
      ? tensors.outputOrder?[0..<rowCount] ?? IndexList((0..<rowCount).map { Int32($0) }) : nil
    basis = tensors[.basisRight].map { Monarch(right: $0, left: tensors[.basisLeft]) }
    fusion = tensors[.fusionRight].map { Monarch(right: $0, left: tensors[.fusionLeft]) }
    basisBlocks = basis.map { MonarchBlocks($0) }
    fusionBlocks = fusion.map { MonarchBlocks($0) }
    norms = settings.router == .energy ? tensors.squaredNorms : nil
  }

  /// Entries that do not fill a sub-dimension (outputs that are whole) belong to the last.
  private static func members(
    _ order: IndexList?, _ settings: SubDimensions, width: Int
  ) -> IndexList {
    let size = max(width / settings.count, 1)
    let runs = (0..<width).map { Int32(min($0 / size, settings.count - 1)) }
    return order.map { IndexList($0.inverse.indices.map { runs[Int($0)] }) } ?? IndexList(runs)
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
    let selected = readsUnweighed ? z : scratch.selected(like: z)
    if !readsUnweighed {
      kernels.weigh(z, member: member, weights: inputFactors(routing, scratch), into: selected)
    }
    input.multiplyToWide(selected, routing, into: y, scratch.product)
    if let bias = tensors.inputBias { Elementwise.fastest.addBias(bias, to: y) }
    // What inactive sub-dimensions leave behind.
    guard tensors[.inactiveBias] != nil || tensors[.lowRankDown] != nil else { return }
    let inactive = inactiveFactors(routing, scratch)
    if let bias = tensors[.inactiveBias] { multiply(inactive, bias, into: y, adding: true) }
    if let down = tensors[.lowRankDown], let up = tensors[.lowRankUp] {
      let unselected = scratch.selected(like: z)
      kernels.weigh(z, member: member, weights: inactive, into: unselected)
      let low = scratch.low(rowCount: a.rowCount, columnCount: down.rowCount)
      multiply(unselected, transposed: down, into: low)
      multiply(low, transposed: up, into: y, adding: true)
    }
  }

  func write(
    _ inner: MatrixView, into y: MatrixView, tape: ComponentTape, scratch: ComponentScratch
  ) {
    guard let routing = tape.routing else { return }
    let written = tape.written ?? y
    output.multiplyToHidden(inner, routing, into: written, scratch.product)
    if let bias = tensors.outputBias { Elementwise.fastest.addBias(bias, to: written) }
    guard let fusion, let fusionBlocks else {
      if tape.written != nil { weighOutput(written, routing, into: y, scratch) }
      return
    }
    let u = scratch.selected(like: y)
    let fused = tensors.outputOrder == nil ? y : scratch.basis(like: y)
    weighOutput(written, routing, into: tensors.outputOrder == nil ? u : y, scratch)
    if let order = tensors.outputOrder { kernels.gather(y, columns: order, into: u) }
    fusion.apply(
      to: u, into: fused, blocks: fusionBlocks, scratch: scratch.monarch(like: y), scratch.product)
    if let order = tensors.outputOrder { kernels.scatter(fused, columns: order, into: y) }
  }

  /// Whether input products read z as it is: nothing weighs it, and what is inactive is left out.
  private var readsUnweighed: Bool {
    input.settings.count > 1 && tensors[.scale] == nil && settings.gateAt == .output
  }

  /// z = B a.
  private func changeBasis(_ a: MatrixView, _ scratch: ComponentScratch) -> MatrixView {
    if let matrix = tensors[.basis] {
      let z = scratch.basis(rowCount: a.rowCount, columnCount: matrix.rowCount)
      multiply(a, transposed: matrix, into: z)
      return z
    }
    guard let basis, let basisBlocks else { return a }
    let z = scratch.basis(like: a)
    basis.apply(
      to: a, into: z, blocks: basisBlocks, scratch: scratch.monarch(like: a), scratch.product)
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
      kernels.energy(z, norms: norms, order: tensors.inputOrder, into: scores)
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

  /// y ← α g y where outputs are sparse too (Eq. 10), 0 where nothing writes; y as it is where they
  /// are whole.
  ///
  /// - Parameters:
  ///   - written: [tokens, rows of W_out].
  ///   - y: [tokens, hidden].
  private func weighOutput(
    _ written: MatrixView, _ routing: Routing, into y: MatrixView, _ scratch: ComponentScratch
  ) {
    guard settings.sparseSide == .both else { return copy(written, into: y) }
    let factors = outputFactors(routing, scratch)
    guard let usedOutputs else {
      return kernels.weigh(written, member: outputMember, weights: factors, into: y)
    }
    let used = scratch.basis(like: written)
    kernels.weigh(written, member: outputMember, weights: factors, into: used)
    clear(y)
    kernels.scatter(used, columns: usedOutputs, into: y)
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
    if let fusion, let fusionBlocks, let written = tape.written {
      // u: what M read. It was not kept: it is a product away.
      let order = tensors.outputOrder
      let y = order == nil ? rows.fused : scratch.selected(like: dy)
      weighOutput(written, routing, into: y, scratch)
      if let order { kernels.gather(y, columns: order, into: rows.fused) }
      let du = order == nil && usedOutputs == nil ? d : scratch.selected(like: dy)
      let dFused = order == nil ? dy : scratch.basis(like: dy)
      if let order { kernels.gather(dy, columns: order, into: dFused) }
      fusion.backward(
        rows.fused, dy: dFused, into: du, dRight: rows.dFused,
        dLeft: rows.sum(.fusionLeft, width: fusion.leftCount), blocks: fusionBlocks,
        scratch: scratch.monarch(like: dy), scratch.product)
      if usedOutputs != nil {
        copy(du.columns(0..<d.columnCount), into: d)  // used rows come first
      } else if let order {
        kernels.scatter(du, columns: order, into: d)
      }
    } else if let usedOutputs {
      kernels.gather(dy, columns: usedOutputs, into: d)
    } else {
      copy(dy, into: d)
    }
    let dGates = rows.dGates
    clear(dGates)
    if settings.sparseSide == .both, let written = tape.written {
      if settings.gate == .softmax {
        training.addProducts(d, written, order: outputOrder, to: dGates)
      }
      kernels.weigh(d, member: outputMember, weights: outputFactors(routing, scratch), into: d)
    }
    if settings.gate == .softmax {
      let (power, factor) = settings.scaling.power(settings)
      training.gates(
        routing.gates, active: routing.active, alpha: routing.alpha, power: power,
        factor: factor, shares: penalty.shares, balance: penalty.balance, d: dGates)
    }
    output.multiplyToWide(d, routing, into: dInner, scratch.product)
    if let bias = tensors.outputBias { rows.add(d, .outputBias, width: bias.columnCount) }
  }

  func readBackward(
    _ dy: MatrixView, _ a: MatrixView, into da: MatrixView, tape: ComponentTape,
    rows: GradientRows, penalty: RouterPenalty, scratch: ComponentScratch
  ) {
    guard let routing = tape.routing else { return }
    let z = changeBasis(a, scratch)
    let hasBasis = tensors[.basis] != nil || basis != nil
    let dz = hasBasis ? rows.dBasis : da
    if let bias = tensors.inputBias { rows.add(dy, .inputBias, width: bias.columnCount) }
    if readsUnweighed {
      if hasBasis { copy(z, into: rows.selected) }
      input.multiplyToHidden(dy, routing, into: dz, scratch.product)
    } else {
      let factors = inputFactors(routing, scratch)
      kernels.weigh(z, member: member, weights: factors, into: rows.selected)
      let dSelected = scratch.selected(like: z)
      input.multiplyToHidden(dy, routing, into: dSelected, scratch.product)
      kernels.weigh(dSelected, member: member, weights: factors, into: dz)
      factorsBackward(dSelected, z, routing, rows, scratch)
    }
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
    } else if let basis, let basisBlocks {
      let dBasis = scratch.selected(like: dz)
      copy(dz, into: dBasis)
      basis.backward(
        a, dy: dBasis, into: da, dRight: rows.dBasis,
        dLeft: rows.sum(.basisLeft, width: basis.leftCount), blocks: basisBlocks,
        scratch: scratch.monarch(like: a), scratch.product)
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
    training.addProducts(dSelected, z, order: tensors.inputOrder, to: dFactors)
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

  func projectionSums(
    dy: MatrixView, inner: MatrixView, dProjections: MatrixView, a: MatrixView,
    tape: ComponentTape, rows: GradientRows, into gradients: ComponentTensors
  ) -> [ProjectionSum] {
    let hasBasis = tensors[.basis] != nil || basis != nil
    return [
      ProjectionSum(
        projection: input, hidden: readsUnweighed && !hasBasis ? a : rows.selected,
        wide: dProjections, routing: tape.routing, target: gradients.input),
      ProjectionSum(
        projection: output, hidden: rows.dWritten, wide: inner, routing: tape.routing,
        target: gradients.output),
    ]
  }

  func products(
    dProjections: MatrixView, a: MatrixView, rows: GradientRows, into gradients: ComponentTensors
  ) -> [ProductSum] {
    var sums = [
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
