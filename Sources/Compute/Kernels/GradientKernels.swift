import CKernels
import Tensors

/// Backward through the elementwise steps of a transformer block, and Adam, on one thread.
///
/// d_y stands for the loss's derivative by y.
@safe public struct GradientKernels: Sendable {
  // Safety: a table of function pointers in static storage, never changed.
  private nonisolated(unsafe) let table: UnsafePointer<mohd_gradients>

  /// The fastest variant that this processor runs.
  public static let fastest = unsafe GradientKernels(table: mohd_gradients())

  /// The variant that every processor of this architecture runs.
  public static let baseline = unsafe GradientKernels(table: mohd_gradients_baseline())

  /// d_x += the derivative by x of y = gain · x / √(mean(x²) + ε).
  ///
  /// - Parameters:
  ///   - x, dy, dx: [tokens, width].
  ///   - gain: [1, width].
  public func rmsNorm(
    _ x: MatrixView, gain: MatrixView, epsilon: Float, dy: MatrixView, addingTo dx: MatrixView
  ) {
    check(x, dy)
    check(x, dx)
    precondition(gain.rowCount == 1 && gain.columnCount == x.columnCount)
    unsafe table.pointee.rms_norm(
      x.base, x.stride, gain.base, epsilon, dy.base, dy.stride, dx.base, dx.stride, x.rowCount,
      x.columnCount)
    extendLifetime((x, gain, dy))
    extendLifetime(dx)
  }

  /// The derivatives by gate and up of y = SiLU(gate) · up; all are [tokens, intermediate].
  public func swiGLU(
    gate: MatrixView, up: MatrixView, dy: MatrixView, dGate: MatrixView, dUp: MatrixView
  ) {
    for each in [up, dy, dGate, dUp] { check(gate, each) }
    unsafe table.pointee.swiglu(
      gate.base, gate.stride, up.base, up.stride, dy.base, dy.stride, dGate.base, dGate.stride,
      dUp.base, dUp.stride, gate.rowCount, gate.columnCount)
    extendLifetime((gate, up, dy))
    extendLifetime((dGate, dUp))
  }

  /// The derivative by s of p = softmax(scale · s), in the place of that by p.
  ///
  /// - Parameters:
  ///   - p: [tokens, keys], 0 where a token sees nothing.
  ///   - d: the same shape.
  public func softmax(_ p: MatrixView, scale: Float, d: MatrixView) {
    check(p, d)
    unsafe table.pointee.softmax(
      p.base, p.stride, d.base, d.stride, p.rowCount, p.columnCount, scale)
    extendLifetime((p, d))
  }

  /// weight · (softmax(b) − softmax(a)) in the place of b: the derivative of weight · KL(a‖b) by
  /// the logits b.
  ///
  /// - Parameters:
  ///   - a, b: one row of logits each, [1, vocabulary].
  ///   - sums: what `Elementwise.divergence(a, b)` gave.
  public func divergence(_ a: MatrixView, _ b: MatrixView, sums: LogitDivergence, weight: Float) {
    check(a, b)
    precondition(a.rowCount == 1)
    unsafe table.pointee.divergence(
      a.base, sums.logSumExp, b.base, sums.otherLogSumExp, weight, a.columnCount)
    extendLifetime((a, b))
  }

  /// Σ x², summed in double precision.
  public func sumOfSquares(_ x: MatrixView) -> Double {
    defer { extendLifetime(x) }
    return (0..<x.rowCount).reduce(0) { sum, row in
      unsafe sum + table.pointee.sum_of_squares(x.base + row * x.stride, x.columnCount)
    }
  }

  /// One step of Adam (arXiv 1412.6980, Algorithm 1), in place.
  ///
  /// - Parameters:
  ///   - weights, firstMoment, secondMoment, gradient: [rows, columns].
  ///   - step: from 1.
  ///   - rates: the step's length, [rows, 1] for each row or [1, columns] for each column.
  ///   - share: what rates are multiplied by.
  ///   - factor: what gradients are multiplied by first.
  public func adam(
    _ weights: MatrixView, firstMoment: MatrixView, secondMoment: MatrixView,
    gradient: MatrixView, settings: Adam, step: Int, rates: MatrixView, share: Float,
    factor: Float
  ) {
    for each in [firstMoment, secondMoment, gradient] { check(weights, each) }
    let isByRow = rates.columnCount == 1 && rates.rowCount == weights.rowCount
    precondition(
      step >= 1 && (isByRow || rates.rowCount == 1 && rates.columnCount == weights.columnCount))
    let debias = settings.debias(step: step)
    for row in 0..<weights.rowCount {
      unsafe table.pointee.adam(
        weights.base + row * weights.stride, firstMoment.base + row * firstMoment.stride,
        secondMoment.base + row * secondMoment.stride, gradient.base + row * gradient.stride,
        isByRow ? nil : rates.base, weights.columnCount, factor,
        share * debias.first * (isByRow ? rates[row, 0] : 1), settings.beta1, settings.beta2,
        debias.second, settings.epsilon)
    }
    extendLifetime((weights, firstMoment, secondMoment))
    extendLifetime((gradient, rates))
  }

  private func check(_ a: MatrixView, _ b: MatrixView) {
    precondition(a.rowCount == b.rowCount && a.columnCount == b.columnCount, "shapes must agree")
  }
}

/// The constants of Adam (arXiv 1412.6980).
public struct Adam: Sendable {
  public var beta1: Float = 0.9
  /// Below the paper's 0.999: training that takes a hundred steps has to forget its first ones.
  public var beta2: Float = 0.95
  public var epsilon: Float = 1e-8

  public init() {}

  /// 1 / (1 − βᵗ) of either moment.
  func debias(step: Int) -> (first: Float, second: Float) {
    func factor(_ beta: Float) -> Float {
      var power = 1.0
      for _ in 0..<step { power *= Double(beta) }
      return Float(1 / (1 - power))
    }
    return (factor(beta1), factor(beta2))
  }
}
