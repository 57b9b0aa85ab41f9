import Checkpoints
import Kernels
import Tensors

/// One component's weights, fitted again to the dense model's projections.
struct ComponentRecovery {
  let dense: Checkpoint
  let converted: Checkpoint
  let layer: Int
  let component: MoHDComponent
  let settings: SubDimensions

  /// - Parameters:
  ///   - inputs: the component's inputs in the converted model, [tokens, d].
  ///   - targets: its inputs in the dense model, [tokens, d].
  ///   - fitting, heldOut: rows to fit on, and to choose λ by.
  /// - Returns: new joined weights; nil when none helps.
  func fit(
    inputs: MatrixView, targets: MatrixView, fitting: [Int], heldOut: [Int]
  ) -> SharedMatrix? {
    precondition(
      !settings.hasInactiveBias && settings.lowRank == 0 && settings.gate == .unit,
      "a recipe that recovers has none of these")
    let order =
      converted.inputOrder(component, layer: layer)?.map { Int($0) }
      ?? Array(0..<settings.width(hiddenSize: inputs.columnCount))
    let basis = converted.weight(.basis, component, layer: layer).map { weight in
      let matrix = SharedMatrix(rowCount: weight.rowCount, columnCount: weight.columnCount)
      weight.widen(rows: 0..<weight.rowCount, into: matrix.view)
      return matrix
    }
    let current = joinedProjections(of: converted, component, layer: layer)
    let original = joinedProjections(of: dense, component, layer: layer)

    let router = router
    func masked(_ rows: [Int], _ weights: SharedMatrix) -> MaskedInputs {
      let inputs = SharedMatrix(inputs, rows: rows)
      let z = ComponentSurvey.change(inputs, to: basis)
      if let router {
        return MaskedInputs(
          z, order: order,
          active: activeSets(
            scores: router.scores(inputs.view).view, shared: settings.sharedCount,
            active: settings.activeCount))
      }
      let energies = SubDimensionEnergies(
        z.view, norms: columnSquares(weights.view), order: order, count: settings.count)
      return MaskedInputs(
        z, order: order,
        active: activeSets(
          scores: energies.view, shared: settings.sharedCount, active: settings.activeCount))
    }
    let wanted = SharedMatrix(rowCount: heldOut.count, columnCount: original.view.rowCount)
    multiply(
      SharedMatrix(targets, rows: heldOut).view, transposed: original.view,
      into: wanted.view)
    let energy = max(squares(wanted.view, minus: nil), .leastNormalMagnitude)
    func error(_ weights: SharedMatrix) -> Double {
      let kept = masked(heldOut, weights).kept
      let output = SharedMatrix(
        rowCount: wanted.view.rowCount, columnCount: wanted.view.columnCount)
      multiply(kept.view, transposed: weights.view, into: output.view)
      return squares(wanted.view, minus: output.view) / energy
    }

    let before = error(current)
    let kept = masked(fitting, current).kept
    let gram = crossMoments(kept.view, kept.view)
    let cross = DoubleMatrix.product(
      crossMoments(kept.view, SharedMatrix(targets, rows: fitting).view),
      DoubleMatrix(original.view), transposeB: true)
    let start = DoubleMatrix(current.view).transposed
    var best: (error: Double, weights: SharedMatrix)?
    for penalty in SequentialRecovery.penalties {
      let ridge = penalty * max(gram.meanDiagonal, .leastNormalMagnitude)
      var (damped, right) = (gram, cross)
      damped.addToDiagonal(ridge)
      for index in right.elements.indices { right.elements[index] += ridge * start.elements[index] }
      guard let solution = damped.solvePositive(right) else { continue }
      let candidate = SharedMatrix(solution.transposed)
      let found = error(candidate)
      if found < best?.error ?? before { best = (found, candidate) }
    }
    return best?.weights
  }

  /// A learned router; nil: energies choose.
  private var router: SubspaceRouter? {
    func read(_ role: MoHDRole) -> DoubleMatrix? {
      converted.weight(role, component, layer: layer).map { weight in
        let matrix = SharedMatrix(rowCount: weight.rowCount, columnCount: weight.columnCount)
        weight.widen(rows: 0..<weight.rowCount, into: matrix.view)
        return DoubleMatrix(matrix.view)
      }
    }
    return read(.routerWeight).map { weight in
      SubspaceRouter(
        weight: weight,
        bias: read(.routerBias)?.elements ?? [Double](repeating: 0, count: settings.count))
    }
  }

  /// Σ (x − y)².
  private func squares(_ x: MatrixView, minus y: MatrixView?) -> Double {
    guard let y else {
      return x.withSpan { x in
        var sum = 0.0
        for index in x.indices { sum += Double(x[index]) * Double(x[index]) }
        return sum
      }
    }
    return x.withSpan { x in
      y.withSpan { y in
        var sum = 0.0
        for index in x.indices {
          let difference = Double(x[index]) - Double(y[index])
          sum += difference * difference
        }
        return sum
      }
    }
  }
}

/// q | k | v, or gate | up, as [m, d], or [m, D] of a converted model.
func joinedProjections(
  of checkpoint: Checkpoint, _ component: MoHDComponent, layer: Int
) -> SharedMatrix {
  let roles: [WeightRole] =
    component == .attention
    ? [.queryProjection, .keyProjection, .valueProjection] : [.gateProjection, .upProjection]
  let configuration = checkpoint.configuration
  let hiddenSize = configuration.hiddenSize
  let joined = SharedMatrix(
    rowCount: configuration.projectionWidth(component),
    columnCount: configuration.mohd?[component][layer].width(hiddenSize: hiddenSize) ?? hiddenSize)
  var start = 0
  for role in roles {
    guard let weight = checkpoint.weight(role, layer: layer) else { continue }
    weight.widen(
      rows: 0..<weight.rowCount, into: joined.view.rows(start..<start + weight.rowCount))
    start += weight.rowCount
  }
  return joined
}
