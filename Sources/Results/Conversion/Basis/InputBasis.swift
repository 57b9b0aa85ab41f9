import Kernels

/// A change of coordinates of a component's input: z = B a, and what undoes it inside the weights.
package struct InputBasis: Sendable {
  /// B, [d, d].
  package let transform: DoubleMatrix
  /// B⁻¹, [d, d]: W·B⁻¹ reads z as W reads a.
  package let inverse: DoubleMatrix
}

/// One way to choose a basis from second moments.
package protocol BasisStrategy: Sendable {
  /// - Parameters:
  ///   - covariance: C = E[a aᵀ], damped, positive definite, [d, d].
  ///   - weightMoments: WᵀW of the joined input projections, [d, d].
  /// - Returns: nil when a decomposition does not converge.
  func basis(covariance: DoubleMatrix, weightMoments: DoubleMatrix) -> InputBasis?
}

extension ConversionRecipe.Basis {
  /// nil for the model's own dimensions.
  package var strategy: (any BasisStrategy)? {
    switch self {
    case .identity: nil
    case .pca: PrincipalBasis()
    case .outputAware: OutputAwareBasis()
    }
  }
}
