import Kernels

/// Ridge regression of each sub-dimension's share of a token's energy on the token's input:
/// Φ = (C + λI)⁻¹ E[a (u − ū)ᵀ], b = ū. λ is chosen on held-out tokens; a large one is static.
struct RidgeRouterFit: RouterFit {
  /// λ as a share of the mean of C's diagonal.
  static let penalties = [0.01, 0.1, 1, 10, 1000]

  func fit(_ task: RouterTask) -> [(weight: DoubleMatrix, bias: [Double])] {
    let shares = task.energies.shares()
    let means = columnMeans(shares.view)
    let inputMeans = columnMeans(task.inputs.view)
    let inputs = centred(task.inputs.view, means: inputMeans)
    let targets = centred(shares.view, means: means)
    let covariance = crossMoments(inputs.view, inputs.view)
    let cross = crossMoments(inputs.view, targets.view)
    return Self.penalties.compactMap { penalty in
      var damped = covariance
      damped.addToDiagonal(penalty * covariance.meanDiagonal)
      guard let solution = damped.solvePositive(cross) else { return nil }
      let weight = solution.transposed
      let bias = means.indices.map { index in
        means[index]
          - (0..<weight.columnCount).reduce(0.0) { $0 + weight[index, $1] * inputMeans[$1] }
      }
      return (weight, bias)
    }
  }
}
