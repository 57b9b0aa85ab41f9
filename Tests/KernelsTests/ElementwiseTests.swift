import Kernels
import Tensors
import Testing

/// Single precision with a polynomial exponential (2.9e-7) and sums of up to a few hundred terms.
private let relativeTolerance: Float = 3e-6

@Suite("Elementwise kernels equal their naive twins")
struct ElementwiseTests {
  static let variants = Elementwise.available
  /// Widths around the vector sizes, and one of a real model.
  static let widths = [1, 7, 8, 9, 33, 576]

  @Test("RMSNorm equals gain · x / √(mean x² + ε)", arguments: 0..<2, widths)
  func rmsNorm(variant: Int, width: Int) {
    let x = randomMatrix(5, width, seed: 1)
    let gain = randomMatrix(1, width, seed: 2)
    let y = Matrix(rowCount: 5, columnCount: width)
    let expected = copyOf(x)
    Self.variants[variant].rmsNorm(x.view, gain: gain.view, epsilon: 1e-5, into: y.view)
    Reference.rmsNorm(x.view, gain: gain.view, epsilon: 1e-5, into: expected.view)
    expectClose(y.view, expected.view)
  }

  @Test("RMSNorm leaves a unit-RMS row unchanged up to ε")
  func unitRow() {
    let x = Matrix(rowCount: 1, columnCount: 4, elements: [1, -1, 1, -1])
    let gain = Matrix(rowCount: 1, columnCount: 4, elements: [1, 1, 1, 1])
    let y = Matrix(rowCount: 1, columnCount: 4)
    Elementwise.fastest.rmsNorm(x.view, gain: gain.view, epsilon: 0, into: y.view)
    let elements = y.view.elements()
    #expect(elements == [1, -1, 1, -1])
  }

  @Test(
    "SwiGLU equals SiLU(gate) · up, also where the exponential saturates", arguments: 0..<2, widths)
  func swiGLU(variant: Int, width: Int) {
    let gate = randomMatrix(4, width, seed: 3, scale: 30)
    gate.view[0, 0] = 200
    gate.view[1, 0] = -200
    let up = randomMatrix(4, width, seed: 4)
    let y = Matrix(rowCount: 4, columnCount: width)
    let expected = Matrix(rowCount: 4, columnCount: width)
    Self.variants[variant].swiGLU(gate: gate.view, up: up.view, into: y.view)
    Reference.swiGLU(gate: gate.view, up: up.view, into: expected.view)
    expectClose(y.view, expected.view)
  }

  @Test(
    "Causal softmax sees the latest positions only, and its rows sum to 1", arguments: 0..<2,
    [1, 5, 1000])
  func causalSoftmax(variant: Int, window: Int) {
    let scores = randomMatrix(20, 40, seed: 5, scale: 10)
    let expected = copyOf(scores)
    Self.variants[variant].causalSoftmax(scores.view, first: 17, window: window, scale: 0.125)
    Reference.causalSoftmax(expected.view, first: 17, window: window, scale: 0.125)
    expectClose(scores.view, expected.view)
    for row in 0..<20 {
      var sum: Float = 0
      for column in 0..<40 { sum += scores.view[row, column] }
      #expect(abs(sum - 1) < relativeTolerance)
    }
  }

  @Test(
    "Rotary embedding turns each pair of halves and keeps its length", arguments: 0..<2, [2, 6, 64])
  func rotary(variant: Int, size: Int) {
    let x = randomMatrix(3, size, seed: 6)
    let cosine = randomMatrix(3, size / 2, seed: 7)
    let sine = randomMatrix(3, size / 2, seed: 8)
    let y = copyOf(x)
    let expected = copyOf(x)
    Self.variants[variant].rotary(x.view, cosine: cosine.view, sine: sine.view, into: y.view)
    Reference.rotary(x.view, cosine: cosine.view, sine: sine.view, into: expected.view)
    expectClose(y.view, expected.view)
  }

  @Test("Adding works on columns of a wider matrix", arguments: 0..<2)
  func strided(variant: Int) {
    let wide = Matrix(rowCount: 2, columnCount: 5)
    let bias = Matrix(rowCount: 1, columnCount: 2, elements: [1, 2])
    Self.variants[variant].addBias(bias.view, to: wide.view.columns(1..<3))
    Self.variants[variant].add(wide.view.columns(1..<3), to: wide.view.columns(3..<5))
    let elements = wide.view.elements()
    #expect(elements == [0, 1, 2, 1, 2, 0, 1, 2, 1, 2])
  }

  @Test("log Σ exp equals its naive twin, and large logits do not overflow", arguments: 0..<2)
  func logSumExp(variant: Int) {
    let x = randomMatrix(1, 5000, seed: 11, scale: 20)
    x.view[0, 7] = 300
    let expected = Reference.logSumExp(x.view)
    #expect(abs(Self.variants[variant].logSumExp(x.view) - expected) < 1e-5 * expected)
  }

  /// Logits of a real vocabulary, sums of 5,000 single-precision terms in blocks of 1024.
  private static let divergenceTolerance = 2e-6

  @Test("The divergence of two rows equals its naive twin, is 0 of equals, and never negative")
  func divergence() {
    for (scale, seed) in [(Float(20), UInt64(12)), (0.01, 14), (2, 16)] {
      let a = randomMatrix(1, 5000, seed: seed, scale: scale)
      let b = randomMatrix(1, 5000, seed: seed + 1, scale: scale)
      a.view[0, 7] = 30
      b.view[0, 7] = 29
      let expected = Reference.divergence(a.view, b.view)
      for kernels in Self.variants {
        let found = kernels.divergence(a.view, b.view)
        #expect(abs(found.divergence - expected) < Self.divergenceTolerance)
        let sums = [Reference.logSumExp(a.view), Reference.logSumExp(b.view)]
        #expect(abs(found.logSumExp - sums[0]) < Self.divergenceTolerance)
        #expect(abs(found.otherLogSumExp - sums[1]) < Self.divergenceTolerance)
        #expect(kernels.divergence(a.view, a.view).divergence == 0)
      }
    }
  }

  @Test("The first of equal largest values is found, wherever it is", arguments: [0, 3, 17, 99])
  func indexOfLargest(place: Int) {
    let x = randomMatrix(1, 100, seed: 13)
    x.view[0, place] = 5
    x.view[0, 99] = 5
    for kernels in Self.variants { #expect(kernels.indexOfLargest(x.view) == place) }
  }

  @Test("A product equals its naive twin", arguments: [1, 3, 64], [1, 5, 130])
  func product(rows: Int, outputs: Int) {
    let x = randomMatrix(rows, 70, seed: 9)
    let w = randomMatrix(outputs, 70, seed: 10)
    let y = Matrix(rowCount: rows, columnCount: outputs)
    let expected = Matrix(rowCount: rows, columnCount: outputs)
    multiply(x.view, transposed: w.view, into: y.view)
    Reference.multiply(x.view, transposed: w.view, into: expected.view)
    expectClose(y.view, expected.view)
  }
}

func randomMatrix(_ rows: Int, _ columns: Int, seed: UInt64, scale: Float = 2) -> Matrix {
  var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
  let elements = (0..<rows * columns).map { _ -> Float in
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return (Float(state >> 40) / Float(1 << 24) - 0.5) * scale
  }
  return Matrix(rowCount: rows, columnCount: columns, elements: elements)
}

func copyOf(_ matrix: borrowing Matrix) -> Matrix {
  Matrix(
    rowCount: matrix.rowCount, columnCount: matrix.columnCount, elements: matrix.view.elements())
}

func expectClose(
  _ actual: MatrixView, _ expected: MatrixView, sourceLocation: SourceLocation = #_sourceLocation
) {
  let largest = expected.elements().map(abs).max() ?? 0
  for row in 0..<expected.rowCount {
    for column in 0..<expected.columnCount {
      let (a, e) = (actual[row, column], expected[row, column])
      if !(abs(a - e) <= relativeTolerance * max(abs(e), largest * 0.1)) {
        Issue.record(
          "[\(row), \(column)]: expected \(e), found \(a)", sourceLocation: sourceLocation)
        return
      }
    }
  }
}
