import Glibc
import Tensors

/// Naive twins of the fast kernels: one loop over indices each, in Double, for tests to compare with.
public enum Reference {
  /// y = x·wᵀ.  x: [tokens, inputs]; w: [outputs, inputs]; y: [tokens, outputs].
  public static func multiply(_ x: MatrixView, transposed w: MatrixView, into y: MatrixView) {
    for row in 0..<x.rowCount {
      for output in 0..<w.rowCount {
        var sum = 0.0
        for input in 0..<x.columnCount {
          sum += Double(x[row, input]) * Double(w[output, input])
        }
        y[row, output] = Float(sum)
      }
    }
  }

  /// y = gain · x / √(mean(x²) + ε).
  public static func rmsNorm(
    _ x: MatrixView, gain: MatrixView, epsilon: Float, into y: MatrixView
  ) {
    for row in 0..<x.rowCount {
      var sum = 0.0
      for i in 0..<x.columnCount { sum += Double(x[row, i]) * Double(x[row, i]) }
      let scale = 1 / (sum / Double(x.columnCount) + Double(epsilon)).squareRoot()
      for i in 0..<x.columnCount {
        y[row, i] = Float(Double(gain[0, i]) * Double(x[row, i]) * scale)
      }
    }
  }

  /// y = SiLU(gate) · up.
  public static func swiGLU(gate: MatrixView, up: MatrixView, into y: MatrixView) {
    for row in 0..<y.rowCount {
      for i in 0..<y.columnCount {
        let g = Double(gate[row, i])
        y[row, i] = Float(g / (1 + exp(-g)) * Double(up[row, i]))
      }
    }
  }

  /// Softmax over positions max(0, first + r − window + 1) … first + r of row r.
  public static func causalSoftmax(_ s: MatrixView, first: Int, window: Int, scale: Float) {
    for row in 0..<s.rowCount {
      let visible = max(0, first + row - window + 1)...(first + row)
      let largest = visible.map { Double(s[row, $0]) }.max() ?? 0
      let weights = visible.map { exp((Double(s[row, $0]) - largest) * Double(scale)) }
      let sum = weights.reduce(0, +)
      for column in 0..<s.columnCount { s[row, column] = 0 }
      for (weight, column) in zip(weights, visible) { s[row, column] = Float(weight / sum) }
    }
  }

  /// log Σ exp of one row.
  public static func logSumExp(_ x: MatrixView) -> Double {
    let values = (0..<x.columnCount).map { Double(x[0, $0]) }
    let largest = values.max() ?? 0
    return largest + log(values.reduce(0) { $0 + exp($1 - largest) })
  }

  /// KL(softmax(a)‖softmax(b)) of two rows.
  public static func divergence(_ a: MatrixView, _ b: MatrixView) -> Double {
    let (sumA, sumB) = (logSumExp(a), logSumExp(b))
    return (0..<a.columnCount).reduce(0) { total, column in
      let logP = Double(a[0, column]) - sumA
      return total + exp(logP) * (logP - (Double(b[0, column]) - sumB))
    }
  }

  /// Rotary embedding with split halves.
  public static func rotary(
    _ x: MatrixView, cosine: MatrixView, sine: MatrixView, into y: MatrixView
  ) {
    let half = cosine.columnCount
    for row in 0..<x.rowCount {
      for i in 0..<half {
        let (a, b) = (Double(x[row, i]), Double(x[row, half + i]))
        let (c, s) = (Double(cosine[row, i]), Double(sine[row, i]))
        y[row, i] = Float(a * c - b * s)
        y[row, half + i] = Float(b * c + a * s)
      }
    }
  }
}
