import Kernels
import Tensors

/// Least-squares refit of what sub-dimensions give back: with z̃ what is active of z = R x,
/// A = (E[z̃ z̃ᵀ] + λI)⁻¹ (E[z̃ xᵀ] + λR).
///
/// Directions of different sub-dimensions overlap, so that their sum is not a projection: with one
/// specialised sub-dimension for each token the shared weights gain by it, with several it keeps
/// them from giving the same twice. A large λ gives R back.
/// Source: ours; conversion with refit weights as in `RefitStep`.
package struct SubspaceRefit: Sendable {
  package init() {}

  /// λ as a share of the mean of E[z̃ z̃ᵀ]'s diagonal.
  static let penalties = [0.03, 0.3, 3]
  /// Wider than this many hidden sizes it is left out: its work grows with the square of D.
  static let greatestTimes = 2

  package func candidates(
    _ subspaces: LocalSubspaces, _ x: MatrixView, choices: ClusterChoices
  ) -> [LocalSubspaces] {
    let width = subspaces.analysis.view.rowCount
    guard width <= Self.greatestTimes * x.columnCount else { return [] }
    var gram = DoubleMatrix(rowCount: width, columnCount: width)
    var cross = DoubleMatrix(rowCount: width, columnCount: x.columnCount)
    subspaces.forEachBlock(x, choices) { rows, kept in
      gram.add(crossMoments(kept, kept))
      cross.add(crossMoments(kept, x.rows(rows)))
    }
    let analysis = DoubleMatrix(subspaces.analysis.view)
    return Self.penalties.compactMap { penalty in
      let ridge = penalty * max(gram.meanDiagonal, .leastNormalMagnitude)
      var (damped, right) = (gram, cross)
      damped.addToDiagonal(ridge)
      right.add(analysis, times: ridge)
      guard let solution = damped.solvePositive(right) else { return nil }
      var result = subspaces
      result.synthesis = SharedMatrix(solution)
      return result
    }
  }
}
