import Kernels
import Tensors

/// Least-squares refit of the weights to their masked inputs:
/// Ŵᵀ = (E[z̃ z̃ᵀ] + λI)⁻¹ (E[z̃ zᵀ] + λI) Wᵀ.
///
/// A large λ gives W back, so that the choice among several on held-out tokens cannot make it worse.
struct RefitStep: CompensationStep {
  /// λ as a share of the mean of E[z̃ z̃ᵀ]'s diagonal.
  static let penalties = [0.01, 0.1, 1, 10]

  func candidates(
    _ component: CompensatedComponent, fitting: MaskedInputs, target: MatrixView, order: [Int]
  ) -> [CompensatedComponent] {
    let gram = crossMoments(fitting.kept.view, fitting.kept.view)
    let cross = crossMoments(fitting.kept.view, fitting.z.view)
    let dense = DoubleMatrix(target)
    return Self.penalties.compactMap { penalty in
      let ridge = penalty * max(gram.meanDiagonal, .leastNormalMagnitude)
      var (damped, right) = (gram, cross)
      damped.addToDiagonal(ridge)
      right.addToDiagonal(ridge)
      guard let mixing = damped.solvePositive(right) else { return nil }
      var result = component
      result.weights = SharedMatrix(.product(dense, mixing, transposeB: true))
      return result
    }
  }
}
