import Tensors

/// Half precision for callers that hold spans and views, and no pointers.
extension Elementwise {
  /// IEEE half precision, rounded to nearest even.
  ///
  /// - Parameters:
  ///   - source: n numbers.
  ///   - destination: 2·n bytes, in the machine's byte order.
  /// - Returns: how many results are infinite or not a number.
  public func convertToFloat16(
    _ source: Span<Float>, into destination: inout MutableRawSpan
  ) -> Int {
    precondition(destination.byteCount == 2 * source.count, "two bytes for each number")
    return unsafe destination.withUnsafeMutableBytes { bytes in
      guard let base = bytes.baseAddress else { return 0 }
      return unsafe convertToFloat16(source, into: base.assumingMemoryBound(to: UInt16.self))
    }
  }

  /// Half precision back to single, exactly.
  ///
  /// - Parameters:
  ///   - source: 2·n bytes, in the machine's byte order.
  ///   - y: a contiguous view of n elements.
  public func convertFromFloat16(_ source: RawSpan, into y: MatrixView) {
    precondition(
      y.isContiguous && source.byteCount == 2 * y.rowCount * y.columnCount,
      "two bytes for each number")
    unsafe source.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return }
      unsafe convertFromFloat16(
        base.assumingMemoryBound(to: UInt16.self), count: bytes.count / 2, into: y.base)
    }
    extendLifetime(y)
  }
}
