import Kernels
import Tensors

/// A low-rank path from the inactive entries to the projections: the rank-r map that is closest to W
/// on what is left out, C_r^½Wᵀ = UΣVᵀ cut after r terms.
struct LowRankStep: CompensationStep {
  let rank: Int

  func candidates(
    _ component: CompensatedComponent, fitting: MaskedInputs, target: MatrixView, order: [Int]
  ) -> [CompensatedComponent] {
    let rest = fitting.rest
    var covariance = crossMoments(rest.view, rest.view)
    covariance.addToDiagonal(max(1e-4 * covariance.meanDiagonal, .leastNormalMagnitude))
    let moments = crossMoments(target, target)
    guard rank > 0, rank <= covariance.rowCount,
      let basis = OutputAwareBasis().basis(covariance: covariance, weightMoments: moments)
    else { return [] }
    // W ≈ (W B⁻¹)_r B_r: the first r coordinates of the output-aware basis of the rest.
    let first = Array(0..<rank)
    let down = basis.transform.rows(first)
    let columns = basis.inverse.transposed.rows(first)
    var result = component
    result.lowRank = (
      SharedMatrix(down), SharedMatrix(.product(DoubleMatrix(target), columns, transposeB: true))
    )
    return [result]
  }
}
