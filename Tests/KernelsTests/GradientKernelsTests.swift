import Foundation
import Kernels
import Tensors
import Testing

/// Single precision, a polynomial exponential (2.9e-7) and sums of a few hundred terms.
private let relativeTolerance = 3e-6

@Suite("Gradient kernels equal what the formulas' derivatives give in double precision")
struct GradientKernelsTests {
  static let variants = [GradientKernels.baseline, .fastest]
  /// Widths around the vector sizes, and one of a real model.
  static let widths = [1, 7, 9, 33, 576]

  @Test("RMSNorm: a central difference of the formula itself", arguments: 0..<2, widths)
  func rmsNorm(variant: Int, width: Int) {
    let x = randomMatrix(3, width, seed: 1)
    let gain = randomMatrix(1, width, seed: 2)
    let dy = randomMatrix(3, width, seed: 3)
    let dx = randomMatrix(3, width, seed: 4)
    let before = dx.view.elements()
    Self.variants[variant].rmsNorm(
      x.view, gain: gain.view, epsilon: 1e-5, dy: dy.view, addingTo: dx.view)
    for row in 0..<3 {
      let values = (0..<width).map { Double(x.view[row, $0]) }
      func weighted(_ values: [Double]) -> Double {
        let mean = values.reduce(0) { $0 + $1 * $1 } / Double(width)
        let scale = 1 / (mean + 1e-5).squareRoot()
        return values.indices.reduce(0) {
          $0 + Double(dy.view[row, $1]) * Double(gain.view[0, $1]) * values[$1] * scale
        }
      }
      for column in 0..<width {
        let expected =
          Double(before[row * width + column]) + slope(at: values, column, of: weighted)
        expectClose(Double(dx.view[row, column]), expected)
      }
    }
  }

  @Test("SwiGLU: likewise, also where the exponential saturates", arguments: 0..<2, widths)
  func swiGLU(variant: Int, width: Int) {
    let gate = randomMatrix(2, width, seed: 5, scale: 8)
    gate.view[0, 0] = 100
    gate.view[1, 0] = -100
    let up = randomMatrix(2, width, seed: 6)
    let dy = randomMatrix(2, width, seed: 7)
    let dGate = randomMatrix(2, width, seed: 8)
    let dUp = randomMatrix(2, width, seed: 9)
    Self.variants[variant].swiGLU(
      gate: gate.view, up: up.view, dy: dy.view, dGate: dGate.view, dUp: dUp.view)
    for row in 0..<2 {
      for column in 0..<width {
        let at = [Double(gate.view[row, column]), Double(up.view[row, column])]
        let weight = Double(dy.view[row, column])
        func y(_ values: [Double]) -> Double {
          weight * values[0] / (1 + exp(-values[0])) * values[1]
        }
        expectClose(Double(dGate.view[row, column]), slope(at: at, 0, of: y))
        expectClose(Double(dUp.view[row, column]), slope(at: at, 1, of: y))
      }
    }
  }

  @Test("Softmax: scale · p · (d − Σ p d)", arguments: 0..<2, widths)
  func softmax(variant: Int, width: Int) {
    let p = randomMatrix(2, width, seed: 10)
    let d = randomMatrix(2, width, seed: 11)
    let before = d.view.elements()
    Self.variants[variant].softmax(p.view, scale: 0.125, d: d.view)
    for row in 0..<2 {
      let dot = (0..<width).reduce(0.0) {
        $0 + Double(p.view[row, $1]) * Double(before[row * width + $1])
      }
      for column in 0..<width {
        let expected =
          0.125 * Double(p.view[row, column]) * (Double(before[row * width + column]) - dot)
        expectClose(Double(d.view[row, column]), expected)
      }
    }
  }

  @Test(
    "Divergence: the difference of both softmaxes; 0 for equal logits", arguments: 0..<2, widths)
  func divergence(variant: Int, width: Int) {
    let a = randomMatrix(1, width, seed: 12, scale: 4)
    let b = randomMatrix(1, width, seed: 13, scale: 4)
    func softmax(_ row: MatrixView) -> [Double] {
      let powers = (0..<width).map { exp(Double(row[0, $0])) }
      return powers.map { $0 / powers.reduce(0, +) }
    }
    let (p, q) = (softmax(a.view), softmax(b.view))
    let sums = Elementwise.fastest.divergence(a.view, b.view)
    Self.variants[variant].divergence(a.view, b.view, sums: sums, weight: 0.5)
    for column in 0..<width {
      expectClose(Double(b.view[0, column]), 0.5 * (q[column] - p[column]))
    }
    let same = Matrix(rowCount: 1, columnCount: width, elements: a.view.elements())
    let none = Elementwise.fastest.divergence(a.view, same.view)
    Self.variants[variant].divergence(a.view, same.view, sums: none, weight: 1)
    for column in 0..<width { #expect(same.view[0, column] == 0) }
  }

  @Test(
    "Adam: three steps of Algorithm 1, rates by row and by column", arguments: 0..<2, [true, false])
  func adam(variant: Int, byRow: Bool) {
    let (rows, columns) = (3, 19)
    let w = randomMatrix(rows, columns, seed: 14)
    let m = Matrix(rowCount: rows, columnCount: columns)
    let v = Matrix(rowCount: rows, columnCount: columns)
    let rates = randomMatrix(byRow ? rows : 1, byRow ? 1 : columns, seed: 15)
    for row in 0..<rates.rowCount {
      for column in 0..<rates.columnCount {
        rates.view[row, column] = abs(rates.view[row, column])
      }
    }
    let settings = Adam()
    let (beta1, beta2) = (Double(settings.beta1), Double(settings.beta2))
    var (w64, m64, v64) = (w.view.elements().map { Double($0) }, [Double](), [Double]())
    m64 = w64.map { _ in 0 }
    v64 = m64
    for step in 1...3 {
      let g = randomMatrix(rows, columns, seed: UInt64(20 + step))
      Self.variants[variant].adam(
        w.view, firstMoment: m.view, secondMoment: v.view, gradient: g.view, settings: settings,
        step: step, rates: rates.view, share: 0.01, factor: 0.5)
      for index in w64.indices {
        let d = 0.5 * Double(g.view.elements()[index])
        m64[index] = beta1 * m64[index] + (1 - beta1) * d
        v64[index] = beta2 * v64[index] + (1 - beta2) * d * d
        let (first, second) = (
          m64[index] / (1 - pow(beta1, Double(step))), v64[index] / (1 - pow(beta2, Double(step)))
        )
        let rate = Double(byRow ? rates.view[index / columns, 0] : rates.view[0, index % columns])
        w64[index] -= 0.01 * rate * first / (second.squareRoot() + Double(settings.epsilon))
      }
    }
    for (found, expected) in zip(w.view.elements(), w64) { expectClose(Double(found), expected) }
  }

  @Test("aᵀ·b adds where asked, on columns of wider matrices")
  func transposing() {
    let a = randomMatrix(7, 9, seed: 30)
    let b = randomMatrix(7, 5, seed: 31)
    let y = randomMatrix(4, 5, seed: 32)
    let before = y.view.elements()
    multiply(transposing: a.view.columns(3..<7), b.view, into: y.view, adding: true)
    for row in 0..<4 {
      for column in 0..<5 {
        let sum = (0..<7).reduce(0.0) {
          $0 + Double(a.view[$1, 3 + row]) * Double(b.view[$1, column])
        }
        expectClose(Double(y.view[row, column]), Double(before[row * 5 + column]) + sum)
      }
    }
  }

  /// A central difference by one of the arguments.
  private func slope(
    at values: [Double], _ index: Int, of function: ([Double]) -> Double
  ) -> Double {
    let h = 1e-5 * max(1, abs(values[index]))
    var (low, high) = (values, values)
    low[index] -= h
    high[index] += h
    return (function(high) - function(low)) / (2 * h)
  }

  private func expectClose(_ found: Double, _ expected: Double) {
    #expect(abs(found - expected) <= relativeTolerance * max(1, abs(expected)))
  }
}
