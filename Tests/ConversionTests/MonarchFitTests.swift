import Conversion
import Kernels
import Tensors
import Testing

/// Moments are summed in Float32 over 256 rows at a time.
private let tolerance = 1e-4

@Suite("Fitting a Monarch matrix")
struct MonarchFitTests {
  private static let (size, blockCount, tokenCount) = (12, 3, 600)

  private func random(_ rows: Int, _ columns: Int, seed: UInt64) -> DoubleMatrix {
    var generator = SeededGenerator(seed: [seed])
    var result = DoubleMatrix(rowCount: rows, columnCount: columns)
    for index in result.elements.indices {
      result.elements[index] = Double.random(in: -1...1, using: &generator)
    }
    return result
  }

  private func floats(_ matrix: DoubleMatrix) -> Matrix {
    let result = Matrix(rowCount: matrix.rowCount, columnCount: matrix.columnCount)
    matrix.copy(into: result.view)
    return result
  }

  /// M as a dense matrix, from its definition.
  private func dense(_ fit: MonarchFit) -> DoubleMatrix {
    let (r, b) = (fit.blockCount, fit.blockSize)
    var result = DoubleMatrix(rowCount: r * b, columnCount: r * b)
    for p in 0..<b {
      for h in 0..<r {
        for g in 0..<r {
          let weight = fit.left?[p][h, g] ?? (h == g ? 1 : 0)
          for q in 0..<b { result[h * b + p, g * b + q] = weight * fit.right[g][p, q] }
        }
      }
    }
    return result
  }

  /// Tokens, what M reads of them, and what some matrix makes of that.
  private func task(by matrix: DoubleMatrix, seed: UInt64 = 1) -> (
    u: DoubleMatrix, y: DoubleMatrix, moments: MonarchFit.Moments
  ) {
    let mixing = random(Self.size, Self.size, seed: seed + 10)
    let u = DoubleMatrix.product(random(Self.tokenCount, Self.size, seed: seed), mixing)
    let y = DoubleMatrix.product(u, matrix, transposeB: true)
    return (u, y, .init(floats(u).view, floats(y).view, blockCount: Self.blockCount))
  }

  private func identity(hasLeft: Bool = true) -> MonarchFit {
    MonarchFit(identity: Self.size, blockCount: Self.blockCount, hasLeft: hasLeft)
  }

  @Test("The error is that of the tokens themselves", arguments: [true, false])
  func error(hasLeft: Bool) {
    let (u, y, moments) = task(by: random(Self.size, Self.size, seed: 5))
    var fit = identity(hasLeft: hasLeft)
    for _ in 0..<2 {
      let given = DoubleMatrix.product(u, dense(fit), transposeB: true)
      let expected = zip(y.elements, given.elements).reduce(0) {
        $0 + ($1.0 - $1.1) * ($1.0 - $1.1)
      }
      #expect(abs(fit.error(on: moments) / expected - 1) < tolerance)
      fit.fit(to: moments, penalty: 0.1, rounds: 1)
    }
  }

  @Test("Each alternation comes closer", arguments: [1, 2, 3] as [UInt64])
  func monotone(seed: UInt64) {
    let moments = task(by: random(Self.size, Self.size, seed: seed + 20), seed: seed).moments
    var fit = identity()
    var last = fit.error(on: moments)
    for _ in 0..<6 {
      fit.fit(to: moments, penalty: 1e-9, rounds: 1)
      let error = fit.error(on: moments)
      #expect(error <= last * (1 + tolerance))
      last = error
    }
    #expect(last < identity().error(on: moments) / 2)
  }

  @Test("A Monarch matrix is found again")
  func planted() {
    var planted = identity()
    // Any fit is a Monarch matrix.
    planted.fit(
      to: task(by: random(Self.size, Self.size, seed: 7), seed: 3).moments, penalty: 0.5, rounds: 2)
    let moments = task(by: dense(planted), seed: 4).moments
    var fit = identity()
    fit.fit(to: moments, penalty: 1e-9, rounds: 60)
    #expect(fit.error(on: moments) < 1e-3 * identity().error(on: moments))
  }

  @Test("A block-diagonal matrix is found at once, and exactly")
  func blockDiagonal() {
    var planted = identity(hasLeft: false)
    planted.fit(
      to: task(by: random(Self.size, Self.size, seed: 8), seed: 5).moments, penalty: 0.5, rounds: 1)
    let moments = task(by: dense(planted), seed: 6).moments
    var fit = identity(hasLeft: false)
    fit.fit(to: moments, penalty: 1e-9, rounds: 1)
    for (found, expected) in zip(dense(fit).elements, dense(planted).elements) {
      #expect(abs(found - expected) < 1e-2)
    }
  }

  @Test("A large penalty gives the identity, and inputs that are all zero change nothing")
  func ends() {
    var fit = identity()
    fit.fit(
      to: task(by: random(Self.size, Self.size, seed: 9)).moments, penalty: 1e9, rounds: 2)
    for (found, expected) in zip(dense(fit).elements, DoubleMatrix.identity(Self.size).elements) {
      #expect(abs(found - expected) < tolerance)
    }
    let nothing = Matrix(rowCount: 5, columnCount: Self.size).view
    var still = identity()
    still.fit(
      to: .init(nothing, nothing, blockCount: Self.blockCount), penalty: 0.1, rounds: 2)
    #expect(dense(still).elements.allSatisfy { $0.isFinite })
  }
}
