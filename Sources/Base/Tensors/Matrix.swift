/// The one owner of a block of Float32 numbers, rank 2 and row-major: [rows, columns].
///
/// It cannot be copied by accident; `view` and `rows(_:)` give cheap windows into it.
public struct Matrix: ~Copyable, Sendable {
  public let rowCount: Int
  public let columnCount: Int
  private let storage: FloatStorage

  /// A matrix of zeros.
  public init(rowCount: Int, columnCount: Int) {
    precondition(rowCount >= 0 && columnCount >= 0, "a matrix has no negative sides")
    self.rowCount = rowCount
    self.columnCount = columnCount
    self.storage = FloatStorage(count: rowCount * columnCount)
  }

  /// A matrix with these elements, row by row.
  public init(rowCount: Int, columnCount: Int, elements: [Float]) {
    precondition(elements.count == rowCount * columnCount, "elements do not fill the matrix")
    self.init(rowCount: rowCount, columnCount: columnCount)
    view.copyElements(from: elements)
  }

  /// A window onto all of it.
  public var view: MatrixView {
    MatrixView(
      storage: storage, offset: 0, rowCount: rowCount, columnCount: columnCount,
      stride: columnCount)
  }

  /// A window onto some rows.
  public func rows(_ range: Range<Int>) -> MatrixView { view.rows(range) }
}
