import Kernels
import Tensors

/// One factor for each sub-dimension's input, by least squares on the outputs' energy: the active
/// ones stand in for what correlates with them and is left out.
struct ScaleStep: CompensationStep {
  /// λ as a share of the mean of the diagonal; it pulls factors towards 1.
  static let penalties = [0.01, 0.1, 1]

  func candidates(
    _ component: CompensatedComponent, fitting: MaskedInputs, target: MatrixView, order: [Int]
  ) -> [CompensatedComponent] {
    let count = fitting.inactive.view.columnCount
    let size = order.count / count
    // ‖Σ_i c_i W_i z̃_i − W z‖²: G_ik = E⟨W_i z̃_i, W_k z̃_k⟩ and h_i = E⟨W_i z̃_i, W z⟩.
    let gram = crossMoments(target, target)
    let inner = crossMoments(fitting.kept.view, fitting.kept.view)
    let outer = crossMoments(fitting.kept.view, fitting.z.view)
    var group = [Int](repeating: 0, count: order.count)
    for (position, entry) in order.enumerated() { group[entry] = position / size }
    var normal = DoubleMatrix(rowCount: count, columnCount: count)
    var right = DoubleMatrix(rowCount: count, columnCount: 1)
    for row in group.indices {
      for column in group.indices {
        normal[group[row], group[column]] += gram[row, column] * inner[row, column]
        right[group[row], 0] += gram[row, column] * outer[row, column]
      }
    }
    return Self.penalties.compactMap { penalty in
      let ridge = penalty * max(normal.meanDiagonal, .leastNormalMagnitude)
      var (damped, pulled) = (normal, right)
      damped.addToDiagonal(ridge)
      for index in 0..<count { pulled[index, 0] += ridge }
      guard let factors = damped.solvePositive(pulled) else { return nil }
      var result = component
      result.scale = factors.elements
      return result
    }
  }
}
