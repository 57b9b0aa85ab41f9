import Conversion
import Kernels
import Tensors
import Testing

@Suite("k-means")
struct KMeansTests {
  private func blobs(_ count: Int, clusters: Int) -> SharedMatrix {
    var generator = SeededGenerator(seed: [9])
    let x = SharedMatrix(rowCount: count, columnCount: 6)
    for row in 0..<count {
      for column in 0..<6 {
        let centre: Float = column == row % clusters ? 10 : 0
        x.view[row, column] = centre + Float.random(in: -1...1, using: &generator)
      }
    }
    return x
  }

  @Test("Separate clusters are found, and the inertia is that of the assignment")
  func separate() {
    let x = blobs(600, clusters: 5)
    let result = KMeans(clusterCount: 5, seed: 1).fit(x.view, pool: WorkerPool(workerCount: 2))
    for row in 5..<600 { #expect(result.assignment[row] == result.assignment[row % 5]) }
    var inertia = 0.0
    for row in 0..<600 {
      for column in 0..<6 {
        let difference = Double(
          x.view[row, column] - result.centroids.view[result.assignment[row], column])
        inertia += difference * difference
      }
    }
    // Distances come from norms and products in Float32.
    #expect(abs(result.inertia - inertia) < 1e-3 * inertia)
  }

  @Test("The same for any number of workers, and other seeds are others")
  func determinism() {
    let x = blobs(300, clusters: 3)
    func run(_ workers: Int, _ seed: UInt64) -> [Float] {
      KMeans(clusterCount: 7, seed: seed).fit(x.view, pool: WorkerPool(workerCount: workers))
        .centroids.view.elements()
    }
    #expect(run(1, 4) == run(3, 4))
    #expect(run(1, 4) != run(1, 5))
  }

  @Test("As many clusters as rows leave no inertia")
  func exact() {
    let x = blobs(8, clusters: 2)
    let result = KMeans(clusterCount: 8, seed: 0).fit(x.view, pool: WorkerPool(workerCount: 1))
    #expect(result.inertia < 1e-3)
  }
}
