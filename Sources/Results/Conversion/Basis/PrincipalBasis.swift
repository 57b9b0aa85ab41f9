import Kernels

/// Principal components: C = QΛQᵀ, z = Qᵀa, largest variance first.
///
/// Dropping dimensions D of z costs Σ_D λ_j ‖(QᵀW)_j‖², so variance alone is not what counts.
package struct PrincipalBasis: BasisStrategy {
  package init() {}

  package func basis(covariance: DoubleMatrix, weightMoments: DoubleMatrix) -> InputBasis? {
    guard let (_, vectors) = covariance.symmetricEigen() else { return nil }
    return InputBasis(transform: vectors.transposed, inverse: vectors)
  }
}
