import Kernels
import Tensors

/// A bias for each inactive sub-dimension: what it would have given on average, given that it is
/// inactive. Ridge regression of what is missing on the indicators of inactivity.
struct InactiveBiasStep: CompensationStep {
  /// λ as a share of the mean number of inactive tokens.
  static let penalties = [0.01, 0.1, 1]

  func candidates(
    _ component: CompensatedComponent, fitting: MaskedInputs, target: MatrixView, order: [Int]
  ) -> [CompensatedComponent] {
    let indicators = fitting.inactive.view
    let gram = crossMoments(indicators, indicators)
    // E[ī rᵀ] with r = W z − W̃ z̃, from moments with z and z̃ alone.
    var missing = DoubleMatrix.product(
      crossMoments(indicators, fitting.z.view), DoubleMatrix(target), transposeB: true)
    let given = DoubleMatrix.product(
      crossMoments(indicators, fitting.kept.view), DoubleMatrix(component.weights.view),
      transposeB: true)
    for index in missing.elements.indices { missing.elements[index] -= given.elements[index] }
    return Self.penalties.compactMap { penalty in
      var damped = gram
      damped.addToDiagonal(penalty * max(gram.meanDiagonal, 1))
      guard let bias = damped.solvePositive(missing) else { return nil }
      var result = component
      result.inactiveBias = SharedMatrix(bias)
      return result
    }
  }
}
