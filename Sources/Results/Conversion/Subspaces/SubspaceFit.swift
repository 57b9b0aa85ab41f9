import Kernels
import Tensors

/// Local subspaces and their router, fitted together, judged on held-out tokens.
package struct SubspaceFit: Sendable {
  package let counts: ConversionRecipe.Component
  /// d_e.
  package let size: Int
  package let seed: UInt64

  package init(counts: ConversionRecipe.Component, size: Int, seed: UInt64) {
    (self.counts, self.size, self.seed) = (counts, size, seed)
  }

  /// What came out, with its errors on held-out tokens.
  package struct Outcome: Sendable {
    package var subspaces: LocalSubspaces
    package var router: SubspaceRouter
    /// Held-out choices of the router, and the best ones.
    package let chosen: ClusterChoices
    package let best: ClusterChoices
    /// Shares of Σ‖x‖² that are left out, by the router's choice and the best.
    package var routedError: Double
    package var oracleError: Double
  }

  /// Held-out error of the first `width` entries for every token, a share of Σ‖x‖²: what a static
  /// choice leaves out.
  package static func staticError(_ heldOut: MatrixView, width: Int) -> Double {
    var (left, whole) = (0.0, 0.0)
    for (column, energy) in columnEnergies(heldOut).enumerated() {
      whole += energy
      if column >= width { left += energy }
    }
    return whole > 0 ? left / whole : 0
  }

  /// Rounds of router and subspaces in turn, each kept where held-out tokens lose less.
  static let roundCount = 2
  /// Routers are fitted on so many tokens at most; subspaces, to their choices, on all.
  static let routerTokenCount = 8192

  /// - Parameters:
  ///   - x, heldOut: tokens in the coordinates of `LocalSubspaces`, entries by energy, [tokens, d].
  /// - Returns: nil where there are fewer tokens than clusters, or numbers that cannot be decomposed.
  package func fit(_ x: MatrixView, heldOut: MatrixView) -> Outcome? {
    let clusterCount = counts.subDimensionCount - counts.sharedCount
    guard x.rowCount >= SubspaceClustering.fewest * clusterCount else { return nil }
    let clustering = SubspaceClustering(counts: counts, size: size, seed: seed)
    let fit = SubspaceRouterFit(
      SharedMatrix(x, rows: evenly(x.rowCount, atMost: Self.routerTokenCount)).view)
    let whole = max(columnEnergies(heldOut).reduce(0, +), .leastNormalMagnitude)
    guard let subspaces = clustering.fit(x),
      var result = judged(subspaces, fit, heldOut, whole: whole, isLast: false)
    else { return nil }
    for round in 1...Self.roundCount {
      let choices = result.router.choices(x, perToken: subspaces.choiceCount)
      guard let next = clustering.refit(x, choices: choices, from: result.subspaces),
        let candidate = judged(
          next, fit, heldOut, whole: whole, isLast: round == Self.roundCount),
        candidate.routedError < result.routedError
      else { break }
      result = candidate
    }
    return refitted(result, x, heldOut, whole: whole)
  }

  /// Fits what is given back to x again, for the choices that the router makes; kept where held-out
  /// tokens lose less.
  private func refitted(
    _ outcome: Outcome, _ x: MatrixView, _ heldOut: MatrixView, whole: Double
  ) -> Outcome {
    var best = outcome
    let subspaces = outcome.subspaces
    let choices = outcome.router.choices(x, perToken: subspaces.choiceCount)
    for candidate in SubspaceRefit().candidates(subspaces, x, choices: choices) {
      let error = candidate.error(heldOut, choices: outcome.chosen) / whole
      guard error < best.routedError else { continue }
      best.subspaces = candidate
      best.routedError = error
      best.oracleError = candidate.error(heldOut, choices: outcome.best) / whole
    }
    return best
  }

  /// Fits a router to these subspaces.
  ///
  /// - Parameters:
  ///   - whole: Σ‖x‖² of held-out tokens.
  ///   - isLast: whether its centroids are moved too, which takes longest.
  private func judged(
    _ subspaces: LocalSubspaces, _ fit: SubspaceRouterFit, _ heldOut: MatrixView, whole: Double,
    isLast: Bool
  ) -> Outcome? {
    let perToken = subspaces.choiceCount
    let gains = subspaces.gains(fit.x)
    let heldOutGains = subspaces.gains(heldOut)
    let best = ClusterChoices(scores: heldOutGains.view, perToken: perToken)
    guard
      let centroids = fit.centroids(
        choices: ClusterChoices(scores: gains.view, perToken: perToken),
        clusterCount: subspaces.clusterCount)
    else { return nil }
    let router =
      isLast
      ? fit.improved(
        centroids, gains: gains.view, heldOut: heldOut, heldOutGains: heldOutGains.view,
        perToken: perToken) : centroids
    let chosen = router.choices(heldOut, perToken: perToken)
    return Outcome(
      subspaces: subspaces, router: router, chosen: chosen, best: best,
      routedError: subspaces.error(heldOut, choices: chosen, gains: heldOutGains.view) / whole,
      oracleError: subspaces.error(heldOut, choices: best, gains: heldOutGains.view) / whole)
  }
}

extension LocalSubspaces {
  /// What each specialised sub-dimension captures of each token, [tokens, N − S].
  package func gains(_ x: MatrixView) -> SharedMatrix {
    let result = SharedMatrix(rowCount: x.rowCount, columnCount: clusterCount)
    let z = SharedMatrix(rowCount: x.rowCount, columnCount: size)
    for cluster in 0..<clusterCount {
      multiply(
        x.columns(reach), transposed: directions(cluster: cluster).columns(reach), into: z.view)
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
