import CKernels
import Tensors

/// The elementwise steps of a transformer block, on one thread.
///
/// Each has a naive twin in `Reference.swift`; tests compare them on all variants of the C code.
@safe public struct Elementwise: Sendable {
  // Safety: a table of function pointers in static storage, never changed.
  nonisolated(unsafe) let table: UnsafePointer<mohd_elementwise>

  /// The fastest variant that this processor runs.
  public static let fastest = unsafe Elementwise(
    table: mohd_elementwise_variant(mohd_elementwise_best_variant()))

  /// The variant that every processor of this architecture runs.
  public static let baseline = unsafe Elementwise(table: mohd_elementwise_variant(0))

  /// All that this processor can run.
  public static let available = (0...mohd_elementwise_best_variant()).map {
    unsafe Elementwise(table: mohd_elementwise_variant($0))
  }

  /// y = gain · x / √(mean(x²) + ε), row by row.
  ///
  /// - Parameters:
  ///   - x: [tokens, width].
  ///   - gain: [1, width].
  ///   - y: [tokens, width]; may be `x`.
  public func rmsNorm(_ x: MatrixView, gain: MatrixView, epsilon: Float, into y: MatrixView) {
    precondition(
      x.columnCount == gain.columnCount && x.rowCount == y.rowCount
        && x.columnCount == y.columnCount && gain.rowCount == 1)
    unsafe table.pointee.rms_norm(
      x.base, x.stride, gain.base, epsilon, y.base, y.stride, x.rowCount, x.columnCount)
    extendLifetime((x, gain, y))
  }

  /// y = SiLU(gate) · up, SiLU(g) = g / (1 + e⁻ᵍ).
  ///
  /// All are [tokens, intermediate].
  public func swiGLU(gate: MatrixView, up: MatrixView, into y: MatrixView) {
    precondition(
      gate.rowCount == up.rowCount && gate.columnCount == up.columnCount
        && y.rowCount == up.rowCount && y.columnCount == up.columnCount)
    unsafe table.pointee.swiglu(
      gate.base, gate.stride, up.base, up.stride, y.base, y.stride, y.rowCount, y.columnCount)
    extendLifetime((gate, up, y))
  }

  /// Softmax of scale · scores over what each token may see, in place; what it may not becomes 0.
  ///
  /// - Parameters:
  ///   - scores: [tokens, keys]; row r is the token at position `first` + r, column c the key at
  ///     position c.
  ///   - window: how many of the latest positions, its own included, a token sees.
  public func causalSoftmax(_ scores: MatrixView, first: Int, window: Int, scale: Float) {
    precondition(first >= 0 && window >= 1 && first + scores.rowCount <= scores.columnCount)
    unsafe table.pointee.causal_softmax(
      scores.base, scores.stride, scores.rowCount, scores.columnCount, first, window, scale)
    extendLifetime(scores)
  }

  /// Rotary embedding of one head with Hugging Face's split halves.
  ///
  /// - Parameters:
  ///   - x: [tokens, head size].
  ///   - cosine, sine: [tokens, head size / 2].
  ///   - y: [tokens, head size]; may be `x`.
  public func rotary(_ x: MatrixView, cosine: MatrixView, sine: MatrixView, into y: MatrixView) {
    precondition(
      x.columnCount == 2 * cosine.columnCount && cosine.isContiguous && sine.isContiguous
        && x.rowCount == cosine.rowCount && x.rowCount == sine.rowCount
        && sine.columnCount == cosine.columnCount && y.rowCount == x.rowCount
        && y.columnCount == x.columnCount)
    unsafe table.pointee.rotary(
      x.base, x.stride, cosine.base, sine.base, y.base, y.stride, x.rowCount, cosine.columnCount)
    extendLifetime((x, cosine, sine))
    extendLifetime(y)
  }

  /// y += x, both [tokens, width].
  public func add(_ x: MatrixView, to y: MatrixView) {
    precondition(x.rowCount == y.rowCount && x.columnCount == y.columnCount)
    unsafe table.pointee.add(x.base, x.stride, y.base, y.stride, y.rowCount, y.columnCount)
    extendLifetime((x, y))
  }

  /// y += bias in every row; bias [1, width], y [tokens, width].
  public func addBias(_ bias: MatrixView, to y: MatrixView) {
    precondition(bias.columnCount == y.columnCount && bias.rowCount == 1)
    unsafe table.pointee.add_bias(bias.base, y.base, y.stride, y.rowCount, y.columnCount)
    extendLifetime((bias, y))
  }

  /// IEEE half precision, rounded to nearest even.
  ///
  /// - Parameters:
  ///   - source: any numbers.
  ///   - destination: room for as many, in the machine's byte order.
  /// - Returns: how many results are infinite or not a number: too large (above 65,504), or not
  ///   finite before.
  package func convertToFloat16(
    _ source: Span<Float>, into destination: UnsafeMutablePointer<UInt16>
  ) -> Int {
    unsafe source.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return 0 }
      return unsafe table.pointee.to_float16(base, destination, buffer.count)
    }
  }

  /// Half precision back to single, exactly.
  package func convertFromFloat16(
    _ source: UnsafePointer<UInt16>, count: Int, into destination: UnsafeMutablePointer<Float>
  ) {
    unsafe table.pointee.from_float16(source, destination, count)
  }

  /// log Σ exp over one row, in nats: what a logit loses to become a log-probability.
  ///
  /// - Parameter row: [1, vocabulary], at least one column.
  public func logSumExp(_ row: MatrixView) -> Double {
    precondition(row.rowCount == 1 && row.columnCount > 0)
    defer { extendLifetime(row) }
    return unsafe table.pointee.log_sum_exp(row.base, row.columnCount)
  }

  /// How many numbers are infinite or not a number.
  public func countNonFinite(_ values: Span<Float>) -> Int {
    unsafe values.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return 0 }
      return unsafe table.pointee.count_nonfinite(base, buffer.count)
    }
  }
}

extension Elementwise {
  /// The half-precision bits of `singles`, and how many of them are not finite.
  package func float16Bits(_ singles: [Float]) -> (bits: [UInt16], notFinite: Int) {
    var bits = [UInt16](repeating: 0, count: singles.count)
    let notFinite = unsafe bits.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return 0 }
      return unsafe convertToFloat16(singles.span, into: base)
    }
    return (bits, notFinite)
  }

  /// The numbers that half-precision bits stand for.
  package func singles(_ bits: [UInt16]) -> [Float] {
    var singles = [Float](repeating: 0, count: bits.count)
    unsafe singles.withUnsafeMutableBufferPointer { destination in
      unsafe bits.withUnsafeBufferPointer { source in
        guard let from = source.baseAddress, let to = destination.baseAddress else { return }
        unsafe convertFromFloat16(from, count: source.count, into: to)
      }
    }
    return singles
  }
}
