import Kernels
import Tensors
import Testing

/// Double arithmetic on matrices of a dozen rows.
private let tolerance = 1e-10

@Suite("Small matrices in Double")
struct DoubleMatrixTests {
  private func random(_ rows: Int, _ columns: Int, seed: UInt64) -> DoubleMatrix {
    var generator = SeededGenerator(seed: [seed])
    var result = DoubleMatrix(rowCount: rows, columnCount: columns)
    for index in result.elements.indices {
      result.elements[index] = Double.random(in: -1...1, using: &generator)
    }
    return result
  }

  private func close(_ a: DoubleMatrix, _ b: DoubleMatrix) -> Bool {
    a.rowCount == b.rowCount
      && zip(a.elements, b.elements).allSatisfy { abs($0 - $1) < tolerance }
  }

  @Test("Products agree with sums, transposed or not")
  func products() {
    let (a, b) = (random(5, 7, seed: 1), random(7, 3, seed: 2))
    var expected = DoubleMatrix(rowCount: 5, columnCount: 3)
    for row in 0..<5 {
      for column in 0..<3 {
        for inner in 0..<7 { expected[row, column] += a[row, inner] * b[inner, column] }
      }
    }
    #expect(close(.product(a, b), expected))
    #expect(close(.product(a.transposed, b, transposeA: true), expected))
    #expect(close(.product(a, b.transposed, transposeB: true), expected))
  }

  @Test("Eigenvalues fall, and eigenvectors put the matrix together again")
  func eigen() throws {
    let a = random(9, 6, seed: 3)
    let symmetric = DoubleMatrix.product(a, a, transposeA: true)
    let (values, vectors) = try #require(symmetric.symmetricEigen())
    #expect(values == values.sorted(by: >))
    let again = DoubleMatrix.product(
      vectors.scalingColumns(by: values), vectors, transposeB: true)
    #expect(close(again, symmetric))
  }

  @Test("A positive definite system is solved; another one gives nil")
  func solve() throws {
    let a = random(9, 6, seed: 4)
    var definite = DoubleMatrix.product(a, a, transposeA: true)
    definite.addToDiagonal(0.1)
    let b = random(6, 4, seed: 5)
    let x = try #require(definite.solvePositive(b))
    #expect(close(.product(definite, x), b))
    var indefinite = DoubleMatrix.identity(3)
    indefinite[2, 2] = -1
    #expect(indefinite.solvePositive(random(3, 1, seed: 6)) == nil)
    indefinite[0, 0] = .nan
    #expect(indefinite.solvePositive(random(3, 1, seed: 6)) == nil)
    #expect(indefinite.symmetricEigen() == nil)
  }

  @Test("Orthogonal iteration holds more with every step, and in the end what eigenvectors hold")
  func leadingSubspace() throws {
    let a = random(40, 12, seed: 7)
    let moments = DoubleMatrix.product(a, a, transposeA: true)
    /// tr(V A Vᵀ)
    func held(_ v: DoubleMatrix) -> Double {
      DoubleMatrix.product(.product(v, moments), v, transposeB: true).meanDiagonal * 4
    }
    var v = random(4, 12, seed: 8)
    let isDone = v.makeRowsOrthonormal()
    #expect(isDone)
    #expect(close(.product(v, v, transposeB: true), .identity(4)))
    var before = held(v)
    for _ in 0..<6 {
      v = try #require(moments.leadingSubspace(from: v, steps: 1))
      #expect(held(v) > before)
      before = held(v)
    }
    #expect(close(.product(v, v, transposeB: true), .identity(4)))
    let most = try #require(moments.symmetricEigen()).values[..<4].reduce(0, +)
    let last = held(try #require(moments.leadingSubspace(from: v, steps: 400)))
    #expect(abs(last - most) < 1e-6 * most)
    var wrong = moments
    wrong[1, 1] = .nan
    #expect(wrong.leadingSubspace(from: v, steps: 1) == nil)
  }

  @Test("Moments over blocks are those over all rows")
  func moments() {
    let x = Matrix(rowCount: 700, columnCount: 3)
    for row in 0..<700 {
      for column in 0..<3 { x.view[row, column] = Float((row * 7 + column * 5) % 13) - 6 }
    }
    let wide = DoubleMatrix(x.view)
    let expected = DoubleMatrix.product(wide, wide, transposeA: true)
    // Small integers: exact in Float32 too.
    #expect(crossMoments(x.view, x.view) == expected)
  }
}
