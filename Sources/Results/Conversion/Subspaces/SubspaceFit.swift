import Kernels
import Tensors

/// Local subspaces and their router, fitted together, judged on held-out tokens.
struct SubspaceFit: Sendable {
  let counts: ConversionRecipe.Component
  /// d_e.
  let size: Int
  let seed: UInt64

  /// What came out, with its errors on held-out tokens.
  struct Outcome: Sendable {
    var subspaces: LocalSubspaces
    var router: SubspaceRouter
    /// Held-out choices of the router, and the best ones.
    let chosen: ClusterChoices
    let best: ClusterChoices
    /// Shares of Σ‖x‖² that are left out, by the router's choice and the best.
    var routedError: Double
    let oracleError: Double
  }

  /// Held-out error of the first `width` entries for every token, a share of Σ‖x‖²: what a static
  /// choice leaves out.
  static func staticError(_ heldOut: MatrixView, width: Int) -> Double {
    var (left, whole) = (0.0, 0.0)
    for (column, energy) in columnEnergies(heldOut).enumerated() {
      whole += energy
      if column >= width { left += energy }
    }
    return whole > 0 ? left / whole : 0
  }

  /// Rounds of router and subspaces in turn, each kept where held-out tokens lose less.
  static let roundCount = 2

  /// - Parameters:
  ///   - x, heldOut: tokens in the coordinates of `LocalSubspaces`, entries by energy, [tokens, d].
  /// - Returns: nil where there are fewer tokens than clusters, or numbers that cannot be decomposed.
  func fit(_ x: MatrixView, heldOut: MatrixView) -> Outcome? {
    let clusterCount = counts.subDimensionCount - counts.sharedCount
    guard x.rowCount >= SubspaceClustering.fewest * clusterCount else { return nil }
    let clustering = SubspaceClustering(counts: counts, size: size, seed: seed)
    guard var subspaces = clustering.fit(x),
      var result = judged(subspaces, x, heldOut)
    else { return nil }
    for _ in 0..<Self.roundCount {
      let choices = result.router.choices(x, perToken: subspaces.choiceCount)
      guard let next = clustering.refit(x, choices: choices, from: subspaces),
        let candidate = judged(next, x, heldOut), candidate.routedError < result.routedError
      else { break }
      (subspaces, result) = (next, candidate)
    }
    return result
  }

  /// Fits a router to these subspaces.
  private func judged(_ subspaces: LocalSubspaces, _ x: MatrixView, _ heldOut: MatrixView) -> Outcome? {
    let perToken = subspaces.choiceCount
    let gains = subspaces.gains(x)
    let heldOutGains = subspaces.gains(heldOut)
    let best = ClusterChoices(scores: heldOutGains.view, perToken: perToken)
    let fit = SubspaceRouterFit()
    guard
      let centroids = fit.centroids(
        x, choices: ClusterChoices(scores: gains.view, perToken: perToken),
        clusterCount: subspaces.clusterCount)
    else { return nil }
    let router = fit.improved(
      centroids, x, gains: gains.view, heldOut: heldOut, heldOutGains: heldOutGains.view,
      perToken: perToken)
    let chosen = router.choices(heldOut, perToken: perToken)
    let whole = max(columnEnergies(heldOut).reduce(0, +), .leastNormalMagnitude)
    return Outcome(
      subspaces: subspaces, router: router, chosen: chosen, best: best,
      routedError: subspaces.error(heldOut, choices: chosen) / whole,
      oracleError: subspaces.error(heldOut, choices: best) / whole)
  }
}

extension LocalSubspaces {
  /// What each specialised sub-dimension captures of each token, [tokens, N − S].
  func gains(_ x: MatrixView) -> SharedMatrix {
    let result = SharedMatrix(rowCount: x.rowCount, columnCount: clusterCount)
    let z = SharedMatrix(rowCount: x.rowCount, columnCount: size)
    for cluster in 0..<clusterCount {
      multiply(x, transposed: directions(cluster: cluster), into: z.view)
      z.view.withSpan { z in
        var index = 0
        for token in 0..<x.rowCount {
          var sum: Float = 0
          for _ in 0..<size {
            sum += z[index] * z[index]
            index += 1
          }
          result.view[token, cluster] = sum
        }
      }
    }
    return result
  }
}

/// Σ over rows of the square of each column.
func columnEnergies(_ x: MatrixView) -> [Double] {
  var sums = [Double](repeating: 0, count: x.columnCount)
  for row in 0..<x.rowCount {
    x.rows(row..<row + 1).withSpan { numbers in
      for column in numbers.indices { sums[column] += Double(numbers[column] * numbers[column]) }
    }
  }
  return sums
}
