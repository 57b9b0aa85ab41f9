import Foundation
import Kernels
import Tensors

/// A linear router over x: score_c = φ_c·x + b_c, Eq. 6 with a bias.
package struct SubspaceRouter: Sendable {
  /// [clusters, d].
  package var weight: DoubleMatrix
  /// [clusters]
  package var bias: [Double]

  /// [tokens, clusters]
  package func scores(_ x: MatrixView) -> SharedMatrix {
    let result = SharedMatrix(rowCount: x.rowCount, columnCount: bias.count)
    multiply(x, transposed: SharedMatrix(weight).view, into: result.view)
    let row = SharedMatrix(rowCount: 1, columnCount: bias.count)
    for index in bias.indices { row.view[0, index] = Float(bias[index]) }
    Elementwise.fastest.addBias(row.view, to: result.view)
    return result
  }

  package func choices(_ x: MatrixView, perToken: Int) -> ClusterChoices {
    ClusterChoices(scores: scores(x).view, perToken: perToken)
  }
}

/// Fits a router to the best choices: whitened class means, then a few steps on what they are for.
///
/// With μ_c the mean of cluster c's tokens and Σ the second moment of all, damped: φ_c = Σ⁻¹μ_c,
/// b_c = −½ μ_cᵀΣ⁻¹μ_c + ln(share of c), the linear discriminant of Gaussian classes. These centroids
/// are then moved so that a token drawn by softmax(φ x + b) is expected to capture the most.
package struct SubspaceRouterFit: Sendable {
  /// Added to Σ's diagonal, as a share of its mean.
  static let damping = 0.01
  static let stepCount = 60
  static let stepTokenCount = 8192
  static let rate = 0.02
  /// Held-out tokens are asked every so many steps.
  static let asking = 10

  /// Fitting tokens, [tokens, d].
  let x: MatrixView
  /// Σ, [d, d].
  private let moments: DoubleMatrix

  init(_ x: MatrixView) {
    self.x = x
    var moments = crossMoments(x, x)
    moments.scale(by: 1 / Double(max(x.rowCount, 1)))
    moments.addToDiagonal(Self.damping * max(moments.meanDiagonal, .leastNormalMagnitude))
    self.moments = moments
  }

  /// - Parameter choices: the best choice for each fitting token.
  /// - Returns: nil when Σ cannot be inverted.
  func centroids(choices: ClusterChoices, clusterCount: Int) -> SubspaceRouter? {
    let members = choices.members(clusterCount: clusterCount)
    var means = DoubleMatrix(rowCount: clusterCount, columnCount: x.columnCount)
    for (cluster, tokens) in members.enumerated() where !tokens.isEmpty {
      let sums = columnSums(SharedMatrix(x, rows: tokens).view)
      for (column, sum) in sums.enumerated() { means[cluster, column] = sum / Double(tokens.count) }
    }
    guard let solution = moments.solvePositive(means.transposed) else { return nil }
    let weight = solution.transposed
    let all = Double(max(choices.clusters.count, 1))
    let bias = (0..<clusterCount).map { cluster in
      let square = (0..<x.columnCount).reduce(0.0) {
        $0 + weight[cluster, $1] * means[cluster, $1]
      }
      return log(max(Double(members[cluster].count), 0.5) / all) - square / 2
    }
    return SubspaceRouter(weight: weight, bias: bias)
  }

  /// Moves centroids up the expected capture, and keeps the step at which held-out tokens capture
  /// most; the centroids themselves where none does better.
  ///
  /// - Parameters:
  ///   - gains: what each cluster would capture of each fitting token, [tokens, clusters].
  ///   - heldOutGains: the same of `heldOut`.
  ///   - perToken: K − S.
  func improved(
    _ router: SubspaceRouter, gains: MatrixView, heldOut: MatrixView,
    heldOutGains: MatrixView, perToken: Int
  ) -> SubspaceRouter {
    let seen = evenly(self.x.rowCount, atMost: Self.stepTokenCount)
    let x = SharedMatrix(self.x, rows: seen).view
    let gains = SharedMatrix(gains, rows: seen).view
    let (tokenCount, count) = (x.rowCount, router.bias.count)
    var total = 0.0
    for token in 0..<tokenCount {
      for cluster in 0..<count { total += Double(gains[token, cluster]) }
    }
    let scale = Float(Double(tokenCount) / max(total, .leastNormalMagnitude))
    var (current, best) = (router, router)
    var most = Self.captured(router.choices(heldOut, perToken: perToken), heldOutGains)
    var state = AdamState(count: count * (x.columnCount + 1))
    let size =
      (router.weight.elements.reduce(0) { $0 + $1 * $1 }
      / Double(router.weight.elements.count)).squareRoot()
    for step in 1...Self.stepCount {
      let slopes = current.scores(x)
      Self.expectedGainSlopes(slopes.view, gains: gains, scale: scale)
      let weightSlope = crossMoments(slopes.view, x)
      let biasSlope = columnSums(slopes.view)
      // Weights in units of their own size, so that one rate serves all layers.
      var units = current.weight.elements.map { $0 / size }
      state.step(
        &units, &current.bias,
        weightSlope.elements.map { -$0 * size / Double(tokenCount) },
        biasSlope.map { -$0 / Double(tokenCount) }, rate: Self.rate)
      current.weight.elements = units.map { $0 * size }
      guard step.isMultiple(of: Self.asking) else { continue }
      let now = Self.captured(current.choices(heldOut, perToken: perToken), heldOutGains)
      if now > most { (best, most) = (current, now) }
    }
    return best
  }

  /// Σ over tokens of what their choices capture.
  static func captured(_ choices: ClusterChoices, _ gains: MatrixView) -> Double {
    var sum = 0.0
    for token in 0..<gains.rowCount {
      for cluster in choices[token] { sum += Double(gains[token, cluster]) }
    }
    return sum
  }

  /// Scores become ∂/∂score_c of Σ_c p_c u_c, p = softmax(scores), u = gains · scale: p_c (u_c − Σ p u).
  private static func expectedGainSlopes(_ scores: MatrixView, gains: MatrixView, scale: Float) {
    let count = scores.columnCount
    SubDimensionKernels.fastest.softmax(scores, bias: nil)
    for token in 0..<scores.rowCount {
      var mean: Float = 0
      for cluster in 0..<count { mean += scores[token, cluster] * gains[token, cluster] * scale }
      for cluster in 0..<count {
        scores[token, cluster] *= gains[token, cluster] * scale - mean
      }
    }
  }
}
