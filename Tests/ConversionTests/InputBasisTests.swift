import Conversion
import Kernels
import Tensors
import Testing

/// Products of matrices of this size and condition in Double.
private let tolerance = 1e-8

@Suite("Bases")
struct InputBasisTests {
  /// Seeded rows of which directions have very different variances: [count, width].
  private func rows(_ count: Int, _ width: Int, seed: UInt64) -> DoubleMatrix {
    var generator = SeededGenerator(seed: [seed])
    var mixing = DoubleMatrix(rowCount: width, columnCount: width)
    for index in mixing.elements.indices {
      mixing.elements[index] = Double.random(in: -1...1, using: &generator)
    }
    var source = DoubleMatrix(rowCount: count, columnCount: width)
    for row in 0..<count {
      for column in 0..<width {
        source[row, column] =
          Double.random(in: -1...1, using: &generator) / Double(1 + column * column)
      }
    }
    return .product(source, mixing)
  }

  private func moments(_ x: DoubleMatrix) -> DoubleMatrix {
    var result = DoubleMatrix.product(x, x, transposeA: true)
    result.elements = result.elements.map { $0 / Double(x.rowCount) }
    return result
  }

  /// Mean squared error of x·Wᵀ when all but the first `kept` coordinates of z are dropped.
  private func error(
    _ basis: InputBasis, x: DoubleMatrix, weights: DoubleMatrix, kept: Int
  ) -> Double {
    let z = DoubleMatrix.product(x, basis.transform, transposeB: true)
    let dropped = z.scalingColumns(by: (0..<z.columnCount).map { $0 < kept ? 0 : 1 })
    let inverse = DoubleMatrix.product(weights, basis.inverse)
    let lost = DoubleMatrix.product(dropped, inverse, transposeB: true)
    return lost.elements.reduce(0) { $0 + $1 * $1 } / Double(x.rowCount)
  }

  @Test("The weights read from the new coordinates what they read before")
  func exact() throws {
    let covariance = moments(rows(200, 12, seed: 1))
    let weights = moments(rows(30, 12, seed: 2))
    for kind in [ConversionRecipe.Basis.pca, .outputAware] {
      let strategy = try #require(kind.strategy)
      let basis = try #require(strategy.basis(covariance: covariance, weightMoments: weights))
      let product = DoubleMatrix.product(basis.inverse, basis.transform)
      for (found, expected) in zip(product.elements, DoubleMatrix.identity(12).elements) {
        #expect(abs(found - expected) < tolerance)
      }
    }
    #expect(ConversionRecipe.Basis.identity.strategy == nil)
  }

  @Test("The output-aware basis loses no more than the others, and what its values say")
  func best() throws {
    let (x, w) = (rows(400, 12, seed: 3), rows(30, 12, seed: 4))
    let covariance = moments(x)
    let gram = DoubleMatrix.product(w, w, transposeA: true)
    let aware = try #require(
      OutputAwareBasis().basis(covariance: covariance, weightMoments: gram))
    let principal = try #require(
      PrincipalBasis().basis(covariance: covariance, weightMoments: gram))
    for kept in [3, 6, 9] {
      let least = error(aware, x: x, weights: w, kept: kept)
      #expect(least <= error(principal, x: x, weights: w, kept: kept) * (1 + tolerance))
      #expect(least > 0)
    }
    // z is white in this basis, so the loss of one coordinate is its column's square.
    let inverse = DoubleMatrix.product(w, aware.inverse)
    let last = (0..<30).reduce(0.0) { $0 + inverse[$1, 11] * inverse[$1, 11] }
    #expect(abs(error(aware, x: x, weights: w, kept: 11) - last) <= 1e-6 * last)
  }

  @Test("A covariance without a decomposition gives nil, no trap")
  func singular() {
    var broken = DoubleMatrix.identity(4)
    broken[1, 1] = .nan
    let weights = DoubleMatrix.identity(4)
    #expect(OutputAwareBasis().basis(covariance: broken, weightMoments: weights) == nil)
    #expect(PrincipalBasis().basis(covariance: broken, weightMoments: weights) == nil)
    let zero = DoubleMatrix(rowCount: 4, columnCount: 4)
    #expect(OutputAwareBasis().basis(covariance: zero, weightMoments: weights) == nil)
  }
}
