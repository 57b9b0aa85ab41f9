import Foundation
import Kernels
import Tensors

/// The paper's φ: clusters of tokens, one for each specialised sub-dimension.
///
/// k-means++ on the component's inputs; clusters are dealt to sub-dimensions so that each gets the
/// one whose tokens give it the largest share of their energy (a balanced assignment, largest first).
/// Scores are τ (φ_i − ā)·a plus the log of the sub-dimension's mean share: without that prior plain
/// centroids do worse than a static choice. τ is chosen on held-out tokens; 0 is the static choice.
struct CentroidRouterFit: RouterFit {
  static let tokenLimit = 8192
  /// τ in units of the inverse mean squared distance of tokens from their mean.
  static let temperatures = [0, 0.3, 1, 3, 10, 30]

  func fit(_ task: RouterTask) -> [(weight: DoubleMatrix, bias: [Double])] {
    let routed = task.count - task.sharedCount
    guard routed > 0 else { return [] }
    let step = max(1, task.energies.tokenCount / Self.tokenLimit)
    let tokens = stride(from: 0, to: task.energies.tokenCount, by: step).map { $0 }
    let inputs = SharedMatrix(task.inputs.view, rows: tokens)
    let clusters = KMeans(
      clusterCount: min(routed, tokens.count), seed: task.seed
    ).fit(inputs.view, pool: WorkerPool(workerCount: 1))

    // Mean share of each specialised sub-dimension in each cluster.
    let shares = task.energies.shares()
    let count = clusters.centroids.view.rowCount
    var gains = DoubleMatrix(rowCount: count, columnCount: routed)
    var sizes = [Double](repeating: 0, count: count)
    var means = [Double](repeating: 0, count: routed)
    for (row, token) in tokens.enumerated() {
      let cluster = clusters.assignment[row]
      sizes[cluster] += 1
      for index in 0..<routed {
        let share = Double(shares.view[token, task.sharedCount + index])
        gains[cluster, index] += share
        means[index] += share / Double(tokens.count)
      }
    }
    for cluster in 0..<count {
      for index in 0..<routed {
        gains[cluster, index] = gains[cluster, index] / max(sizes[cluster], 1) - means[index]
      }
    }
    var owner = [Int?](repeating: nil, count: routed)
    var used = [Bool](repeating: false, count: count)
    let pairs = (0..<count * routed).sorted {
      let (a, b) = (gains.elements[$0], gains.elements[$1])
      return a != b ? a > b : $0 < $1
    }
    for pair in pairs {
      let (cluster, index) = pair.quotientAndRemainder(dividingBy: routed)
      if used[cluster] || owner[index] != nil { continue }
      (used[cluster], owner[index]) = (true, cluster)
    }

    let mean = columnMeans(inputs.view)
    let centredInputs = centred(inputs.view, means: mean)
    let width = inputs.view.columnCount
    let spread = max(
      crossMoments(centredInputs.view, centredInputs.view).meanDiagonal * Double(width)
        / Double(tokens.count), .leastNormalMagnitude)
    return Self.temperatures.map { temperature in
      var weight = DoubleMatrix(rowCount: task.count, columnCount: width)
      var bias = [Double](repeating: 0, count: task.count)
      for index in 0..<routed {
        let row = task.sharedCount + index
        bias[row] = log(max(means[index], 1e-12))
        guard let cluster = owner[index] else { continue }
        for column in 0..<width {
          let difference = Double(clusters.centroids.view[cluster, column]) - mean[column]
          weight[row, column] = temperature / spread * difference
          bias[row] -= weight[row, column] * mean[column]
        }
      }
      return (weight, bias)
    }
  }
}
