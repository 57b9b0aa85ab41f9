import Kernels
import Tensors

/// Lloyd's algorithm from a k-means++ start (Arthur and Vassilvitskii 2007), seeded.
public struct KMeans: Sendable {
  let clusterCount: Int
  let seed: UInt64
  var iterationLimit = 100
  /// It ends when the centroids' squared movement falls below this share of the data's variance, as
  /// scikit-learn's does.
  var tolerance = 1e-4

  public struct Clusters: Sendable {
    /// [clusters, d].
    package let centroids: SharedMatrix
    /// Each row's cluster.
    public let assignment: [Int]
    /// Σ of squared distances to the nearest centroid.
    public let inertia: Double
  }

  public init(clusterCount: Int, seed: UInt64) {
    (self.clusterCount, self.seed) = (clusterCount, seed)
  }

  /// - Parameter x: [tokens, d], at least as many tokens as clusters.
  public func fit(_ x: MatrixView, pool: WorkerPool) -> Clusters {
    let width = x.columnCount
    let norms = squaredNorms(x)
    let centroids = start(x, norms: norms)
    let variance = totalVariance(x) / Double(max(width, 1))
    var nearest = assign(x, norms: norms, centroids: centroids.view, pool: pool)
    for _ in 0..<iterationLimit {
      var sums = DoubleMatrix(rowCount: clusterCount, columnCount: width)
      var sizes = [Double](repeating: 0, count: clusterCount)
      for row in 0..<x.rowCount {
        let cluster = nearest.clusters[row]
        sizes[cluster] += 1
        x.rows(row..<row + 1).withSpan { numbers in
          for column in 0..<width {
            sums.elements[cluster * width + column] += Double(numbers[column])
          }
        }
      }
      // An empty cluster takes the row that lies farthest from its own centroid.
      for cluster in 0..<clusterCount where sizes[cluster] == 0 {
        guard
          let far = nearest.distances.indices.max(by: {
            nearest.distances[$0] < nearest.distances[$1]
          })
        else { break }
        nearest.distances[far] = 0
        sizes[cluster] = 1
        for column in 0..<width { sums[cluster, column] = Double(x[far, column]) }
      }
      var movement = 0.0
      for cluster in 0..<clusterCount {
        for column in 0..<width {
          let value = Float(sums[cluster, column] / sizes[cluster])
          let change = Double(value - centroids.view[cluster, column])
          movement += change * change
          centroids.view[cluster, column] = value
        }
      }
      nearest = assign(x, norms: norms, centroids: centroids.view, pool: pool)
      if movement <= tolerance * variance { break }
    }
    return Clusters(
      centroids: centroids, assignment: nearest.clusters,
      inertia: nearest.distances.reduce(0) { $0 + Double($1) })
  }

  /// k-means++ with a few candidates for each centre, of which the best is taken.
  private func start(_ x: MatrixView, norms: [Float]) -> SharedMatrix {
    var generator = SeededGenerator(seed: [seed, UInt64(clusterCount)])
    let centroids = SharedMatrix(rowCount: clusterCount, columnCount: x.columnCount)
    var chosen = generator.next(below: x.rowCount)
    var nearest = [Float](repeating: .infinity, count: x.rowCount)
    let products = SharedMatrix(rowCount: x.rowCount, columnCount: 1)
    func distances(to row: Int) -> [Float] {
      multiply(x, transposed: x.rows(row..<row + 1), into: products.view)
      return (0..<x.rowCount).map {
        min(nearest[$0], max(0, norms[$0] + norms[row] - 2 * products.view[$0, 0]))
      }
    }
    nearest = distances(to: chosen)
    copy(x.rows(chosen..<chosen + 1), into: centroids.view.rows(0..<1))
    for cluster in 1..<max(clusterCount, 1) {
      let total = nearest.reduce(0.0) { $0 + Double($1) }
      var best: (energy: Double, row: Int, nearest: [Float])?
      for _ in 0..<Self.candidateCount {
        var left = Double.random(in: 0..<1, using: &generator) * total
        chosen = x.rowCount - 1
        for row in 0..<x.rowCount {
          left -= Double(nearest[row])
          if left < 0 {
            chosen = row
            break
          }
        }
        let candidate = distances(to: chosen)
        let energy = candidate.reduce(0.0) { $0 + Double($1) }
        if energy < best?.energy ?? .infinity { best = (energy, chosen, candidate) }
      }
      guard let best else { break }
      nearest = best.nearest
      copy(x.rows(best.row..<best.row + 1), into: centroids.view.rows(cluster..<cluster + 1))
    }
    return centroids
  }

  static let candidateCount = 2

  private func squaredNorms(_ x: MatrixView) -> [Float] {
    (0..<x.rowCount).map { row in
      x.rows(row..<row + 1).withSpan { numbers in
        var sum: Float = 0
        for index in numbers.indices { sum += numbers[index] * numbers[index] }
        return sum
      }
    }
  }

  private func totalVariance(_ x: MatrixView) -> Double {
    let means = columnMeans(x)
    let squares = squaredNorms(x).reduce(0.0) { $0 + Double($1) }
    return squares / Double(max(x.rowCount, 1)) - means.reduce(0) { $0 + $1 * $1 }
  }

  /// Each row's nearest centroid and its squared distance.
  private func assign(
    _ x: MatrixView, norms: [Float], centroids: MatrixView, pool: WorkerPool
  ) -> (clusters: [Int], distances: [Float]) {
    let centroidNorms = squaredNorms(centroids)
    let panel = 512
    let count = (x.rowCount + panel - 1) / panel
    let results = SharedMatrix(rowCount: x.rowCount, columnCount: 2)
    let products = (0..<pool.workerCount).map { _ in
      SharedMatrix(rowCount: panel, columnCount: centroids.rowCount)
    }
    pool.forEach(count) { index, worker in
      let rows = index * panel..<min((index + 1) * panel, x.rowCount)
      let product = products[worker].view.rows(0..<rows.count)
      multiply(x.rows(rows), transposed: centroids, into: product)
      product.withSpan { numbers in
        for row in 0..<rows.count {
          var (best, least) = (0, Float.infinity)
          for cluster in 0..<centroids.rowCount {
            let distance = centroidNorms[cluster] - 2 * numbers[row * centroids.rowCount + cluster]
            if distance < least { (best, least) = (cluster, distance) }
          }
          results.view[rows.lowerBound + row, 0] = Float(best)
          results.view[rows.lowerBound + row, 1] = max(0, least + norms[rows.lowerBound + row])
        }
      }
    }
    return (
      (0..<x.rowCount).map { Int(results.view[$0, 0]) },
      (0..<x.rowCount).map { results.view[$0, 1] }
    )
  }
}
