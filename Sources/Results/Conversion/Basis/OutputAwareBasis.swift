import Kernels

/// The basis in which dropping dimensions costs the component's outputs least.
///
/// C^½Wᵀ = UΣVᵀ, z = UᵀC^{−½}a; the weights become VΣ. Dropping dimensions D costs exactly Σ_D σ_j²,
/// and no choice of as many dimensions that is the same for all tokens costs less.
package struct OutputAwareBasis: BasisStrategy {
  package init() {}

  package func basis(covariance: DoubleMatrix, weightMoments: DoubleMatrix) -> InputBasis? {
    guard let (values, vectors) = covariance.symmetricEigen(), values.allSatisfy({ $0 > 0 })
    else { return nil }
    func power(_ exponent: (Double) -> Double) -> DoubleMatrix {
      .product(vectors.scalingColumns(by: values.map(exponent)), vectors, transposeB: true)
    }
    let root = power { $0.squareRoot() }
    let inverseRoot = power { 1 / $0.squareRoot() }
    // The left singular vectors of C^½Wᵀ are the eigenvectors of C^½WᵀWC^½.
    let gram = DoubleMatrix.product(DoubleMatrix.product(root, weightMoments), root)
    guard let (_, u) = gram.symmetricEigen() else { return nil }
    return InputBasis(
      transform: .product(u, inverseRoot, transposeA: true), inverse: .product(root, u))
  }
}
