/// A window onto a `Matrix`: some rows, some columns, with the distance between rows.
///
/// A view keeps its storage alive, so it can be stored and sent to workers. What it cannot do is
/// order them: workers that run at the same time must write to disjoint rows and read nothing that
/// another one writes. The fixed panels of `Kernels.forEachPanel` are how this project keeps to it.
@safe public struct MatrixView: @unchecked Sendable {
  package let storage: FloatStorage
  package let offset: Int
  public let rowCount: Int
  public let columnCount: Int
  /// Elements from the start of one row to the start of the next.
  public let stride: Int

  package init(storage: FloatStorage, offset: Int, rowCount: Int, columnCount: Int, stride: Int) {
    self.storage = storage
    self.offset = offset
    self.rowCount = rowCount
    self.columnCount = columnCount
    self.stride = stride
  }

  /// Some of the rows.
  public func rows(_ range: Range<Int>) -> MatrixView {
    precondition(range.lowerBound >= 0 && range.upperBound <= rowCount, "rows out of range")
    return MatrixView(
      storage: storage, offset: offset + range.lowerBound * stride, rowCount: range.count,
      columnCount: columnCount, stride: stride)
  }

  /// Some of the columns.
  public func columns(_ range: Range<Int>) -> MatrixView {
    precondition(
      range.lowerBound >= 0 && range.upperBound <= columnCount, "columns out of range")
    return MatrixView(
      storage: storage, offset: offset + range.lowerBound, rowCount: rowCount,
      columnCount: range.count, stride: stride)
  }

  /// The same memory as a narrower or shorter matrix: the first `rowCount` × `columnCount`
  /// elements, without gaps. For workspaces that serve matrices of several shapes.
  public func reshaped(rowCount: Int, columnCount: Int) -> MatrixView {
    precondition(
      isContiguous && rowCount >= 0 && columnCount >= 0
        && rowCount * columnCount <= self.rowCount * self.columnCount,
      "the workspace is too small for this shape")
    return MatrixView(
      storage: storage, offset: offset, rowCount: rowCount, columnCount: columnCount,
      stride: columnCount)
  }

  /// Whether the rows follow each other without a gap.
  public var isContiguous: Bool { stride == columnCount || rowCount <= 1 }

  /// One element.
  public subscript(row: Int, column: Int) -> Float {
    get { unsafe pointer(row, column).pointee }
    nonmutating set { unsafe pointer(row, column).pointee = newValue }
  }

  /// Calls `body` with all elements, row by row.
  ///
  /// - Precondition: the view is contiguous.
  public func withSpan<Result, Failure: Error>(
    _ body: (Span<Float>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    precondition(isContiguous, "only a contiguous view is one span")
    let buffer = unsafe UnsafeBufferPointer(
      start: base, count: rowCount == 0 ? 0 : rowCount * columnCount)
    defer { extendLifetime(storage) }
    return try body(unsafe buffer.span)
  }

  /// Calls `body` with all elements to overwrite, row by row.
  ///
  /// - Precondition: the view is contiguous, and nobody else uses it during the call.
  public func withMutableSpan<Result, Failure: Error>(
    _ body: (inout MutableSpan<Float>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    precondition(isContiguous, "only a contiguous view is one span")
    let buffer = unsafe UnsafeMutableBufferPointer(
      start: base, count: rowCount == 0 ? 0 : rowCount * columnCount)
    defer { extendLifetime(storage) }
    var span = unsafe buffer.mutableSpan
    return try body(&span)
  }

  /// All elements, row by row.
  public func elements() -> [Float] {
    var result: [Float] = []
    result.reserveCapacity(rowCount * columnCount)
    for row in 0..<rowCount {
      for column in 0..<columnCount { result.append(self[row, column]) }
    }
    return result
  }

  /// Overwrites all elements, row by row.
  public func copyElements(from elements: [Float]) {
    precondition(elements.count == rowCount * columnCount, "elements do not fill the view")
    for row in 0..<rowCount {
      for column in 0..<columnCount { self[row, column] = elements[row * columnCount + column] }
    }
  }

  /// The address of the first element; valid while `storage` lives.
  package var base: UnsafeMutablePointer<Float> { unsafe storage.base + offset }

  private func pointer(_ row: Int, _ column: Int) -> UnsafeMutablePointer<Float> {
    precondition(
      row >= 0 && row < rowCount && column >= 0 && column < columnCount, "element out of range")
    return unsafe storage.base + (offset + row * stride + column)
  }
}
