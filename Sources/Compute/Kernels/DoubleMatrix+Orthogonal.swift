import COpenBLAS

extension DoubleMatrix {
  /// Orthonormal rows that hold more of this symmetric, positive semidefinite matrix than those of
  /// `start`: tr(V A Vᵀ) grows with every step, towards the sum of its largest eigenvalues.
  ///
  /// Orthogonal iteration: V ← the orthonormal factor of V A. Where many vectors are wanted and good
  /// ones are known it takes a fraction of the time of `leadingEigenvectors`.
  ///
  /// - Parameter start: [count, n], count ≤ n.
  /// - Returns: [count, n]; nil with numbers that are not finite.
  public func leadingSubspace(from start: DoubleMatrix, steps: Int) -> DoubleMatrix? {
    precondition(rowCount == columnCount && start.columnCount == rowCount, "shapes must agree")
    precondition(start.rowCount <= rowCount, "a matrix has as many eigenvectors as rows")
    guard elements.allSatisfy(\.isFinite) else { return nil }
    var vectors = start
    for _ in 0..<steps {
      vectors = .product(vectors, self)
      guard vectors.makeRowsOrthonormal() else { return nil }
    }
    return vectors
  }

  /// Rows that are orthonormal and span what the rows spanned, by Householder reflections.
  ///
  /// - Returns: false with numbers that are not finite.
  public mutating func makeRowsOrthonormal() -> Bool {
    precondition(rowCount <= columnCount, "so many rows cannot be orthogonal")
    guard rowCount > 0 else { return true }
    guard elements.allSatisfy(\.isFinite) else { return false }
    // To LAPACK rows are columns of `columnCount` numbers.
    var (n, count, info) = (Int32(columnCount), Int32(rowCount), Int32(0))
    var reflectors = [Double](repeating: 0, count: rowCount)
    var workSize = Int32(64 * rowCount)
    var work = [Double](repeating: 0, count: Int(workSize))
    // Safety: `elements` holds n · count numbers, `reflectors` count, and the work space is more than
    // LAPACK needs.
    unsafe dgeqrf_(&n, &count, &elements, &n, &reflectors, &work, &workSize, &info)
    guard info == 0 else { return false }
    unsafe dorgqr_(
      &n, &count, &count, &elements, &n, &reflectors, &work, &workSize, &info)
    return info == 0
  }
}
