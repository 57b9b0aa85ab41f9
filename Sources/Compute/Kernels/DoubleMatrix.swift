import CKernels
import COpenBLAS
import Tensors

/// A small matrix in Double, row-major: covariances, bases and least squares.
///
/// Everything runs on the calling thread.
public struct DoubleMatrix: Sendable, Equatable {
  public let rowCount: Int
  public let columnCount: Int
  /// Row by row.
  public var elements: [Double]

  /// A matrix of zeros.
  public init(rowCount: Int, columnCount: Int) {
    self.rowCount = rowCount
    self.columnCount = columnCount
    elements = [Double](repeating: 0, count: rowCount * columnCount)
  }

  /// The numbers of `view`, widened.
  public init(_ view: MatrixView) {
    self.init(rowCount: view.rowCount, columnCount: view.columnCount)
    for row in 0..<rowCount {
      // Safety: the row lies in the view, and `elements` has room for it.
      unsafe elements.withUnsafeMutableBufferPointer { target in
        guard let base = target.baseAddress else { return }
        unsafe statistics_widen(
          view.base + row * view.stride, columnCount, base + row * columnCount)
      }
    }
    extendLifetime(view)
  }

  public static func identity(_ size: Int) -> DoubleMatrix {
    var result = DoubleMatrix(rowCount: size, columnCount: size)
    for index in 0..<size { result[index, index] = 1 }
    return result
  }

  public subscript(row: Int, column: Int) -> Double {
    get { elements[row * columnCount + column] }
    set { elements[row * columnCount + column] = newValue }
  }

  /// Writes all numbers to `view`, rounded.
  public func copy(into view: MatrixView) {
    precondition(view.rowCount == rowCount && view.columnCount == columnCount)
    for row in 0..<rowCount {
      for column in 0..<columnCount { view[row, column] = Float(self[row, column]) }
    }
  }

  /// The mean of the diagonal.
  public var meanDiagonal: Double {
    (0..<rowCount).reduce(0) { $0 + self[$1, $1] } / Double(max(rowCount, 1))
  }

  /// Adds `amount` to each entry of the diagonal.
  public mutating func addToDiagonal(_ amount: Double) {
    for index in 0..<min(rowCount, columnCount) { self[index, index] += amount }
  }

  /// Multiplies every number by `factor`.
  public mutating func scale(by factor: Double) {
    for index in elements.indices { elements[index] *= factor }
  }

  /// Adds `other`, `factor` times.
  public mutating func add(_ other: DoubleMatrix, times factor: Double = 1) {
    precondition(other.rowCount == rowCount && other.columnCount == columnCount)
    for index in elements.indices { elements[index] += factor * other.elements[index] }
  }

  /// The matrix with column j multiplied by `factors[j]`.
  public func scalingColumns(by factors: [Double]) -> DoubleMatrix {
    var result = self
    for row in 0..<rowCount {
      for column in 0..<columnCount { result[row, column] *= factors[column] }
    }
    return result
  }

  /// The matrix with row i multiplied by `factors[i]`.
  public func scalingRows(by factors: [Double]) -> DoubleMatrix {
    var result = self
    for row in 0..<rowCount {
      for column in 0..<columnCount { result[row, column] *= factors[row] }
    }
    return result
  }

  public var transposed: DoubleMatrix {
    var result = DoubleMatrix(rowCount: columnCount, columnCount: rowCount)
    for row in 0..<rowCount {
      for column in 0..<columnCount { result[column, row] = self[row, column] }
    }
    return result
  }

  /// The matrix of the rows named, in that order.
  public func rows(_ indices: [Int]) -> DoubleMatrix {
    var result = DoubleMatrix(rowCount: indices.count, columnCount: columnCount)
    for (target, source) in indices.enumerated() {
      for column in 0..<columnCount { result[target, column] = self[source, column] }
    }
    return result
  }

  /// a·b, or a product with either of them transposed.
  public static func product(
    _ a: DoubleMatrix, _ b: DoubleMatrix, transposeA: Bool = false, transposeB: Bool = false
  ) -> DoubleMatrix {
    let (m, k) = transposeA ? (a.columnCount, a.rowCount) : (a.rowCount, a.columnCount)
    let (inner, n) = transposeB ? (b.columnCount, b.rowCount) : (b.rowCount, b.columnCount)
    precondition(k == inner, "shapes of a product must agree")
    var result = DoubleMatrix(rowCount: m, columnCount: n)
    guard m > 0, n > 0, k > 0 else { return result }
    // Safety: shapes were checked; the arrays hold rowCount · columnCount numbers each.
    unsafe cblas_dgemm(
      CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans,
      transposeB ? CblasTrans : CblasNoTrans, Int32(m), Int32(n), Int32(k), 1, a.elements,
      Int32(a.columnCount), b.elements, Int32(b.columnCount), 0, &result.elements, Int32(n))
    return result
  }

  /// The eigenvalues of a symmetric matrix, largest first, and its eigenvectors as columns.
  ///
  /// Only the upper triangle is read.
  ///
  /// - Returns: nil when the solver does not converge, as with numbers that are not finite.
  public func symmetricEigen() -> (values: [Double], vectors: DoubleMatrix)? {
    precondition(rowCount == columnCount, "only a square matrix has eigenvalues")
    guard elements.allSatisfy(\.isFinite) else { return nil }
    var a = elements
    var values = [Double](repeating: 0, count: rowCount)
    var (n, info) = (Int32(rowCount), Int32(0))
    var workSize = Int32(1 + 6 * rowCount + 2 * rowCount * rowCount)
    var integerWorkSize = Int32(3 + 5 * rowCount)
    var work = [Double](repeating: 0, count: Int(workSize))
    var integerWork = [Int32](repeating: 0, count: Int(integerWorkSize))
    // Safety: sizes are those that LAPACK states for all eigenvectors.
    unsafe dsyevd_(
      "V", "L", &n, &a, &n, &values, &work, &workSize, &integerWork, &integerWorkSize, &info)
    guard info == 0 else { return nil }
    // LAPACK's are ascending, vector j in its j-th run of n numbers.
    var vectors = DoubleMatrix(rowCount: rowCount, columnCount: rowCount)
    for column in 0..<rowCount {
      let source = (rowCount - 1 - column) * rowCount
      for row in 0..<rowCount { vectors[row, column] = a[source + row] }
    }
    return (values.reversed(), vectors)
  }

  /// The eigenvectors of a symmetric matrix's `count` largest eigenvalues, as rows, largest first.
  ///
  /// Faster than all of them where few are wanted. Only the upper triangle is read. Of each vector
  /// the entry that is largest in magnitude is positive, so that equal matrices give equal vectors.
  ///
  /// - Returns: [count, n]; nil when the solver does not converge, as with numbers that are not
  ///   finite.
  public func leadingEigenvectors(_ count: Int) -> DoubleMatrix? {
    precondition(rowCount == columnCount, "only a square matrix has eigenvectors")
    precondition((0...rowCount).contains(count), "a matrix has as many eigenvectors as rows")
    guard elements.allSatisfy(\.isFinite) else { return nil }
    guard count > 0 else { return DoubleMatrix(rowCount: 0, columnCount: rowCount) }
    var a = elements
    var values = [Double](repeating: 0, count: rowCount)
    var vectors = [Double](repeating: 0, count: rowCount * count)
    var support = [Int32](repeating: 0, count: 2 * count)
    var (n, info, found) = (Int32(rowCount), Int32(0), Int32(0))
    var (first, last) = (Int32(rowCount - count + 1), Int32(rowCount))
    var (least, largest, tolerance) = (0.0, 0.0, 0.0)
    var workSize = Int32(26 * rowCount + 64 * rowCount)
    var integerWorkSize = Int32(10 * rowCount)
    var work = [Double](repeating: 0, count: Int(workSize))
    var integerWork = [Int32](repeating: 0, count: Int(integerWorkSize))
    // Safety: sizes are at least those that LAPACK states; `vectors` has a column for each of
    // first…last.
    unsafe dsyevr_(
      "V", "I", "L", &n, &a, &n, &least, &largest, &first, &last, &tolerance, &found, &values,
      &vectors, &n, &support, &work, &workSize, &integerWork, &integerWorkSize, &info)
    guard info == 0, Int(found) == count else { return nil }
    // LAPACK's are ascending, vector j in its j-th run of n numbers.
    var result = DoubleMatrix(rowCount: count, columnCount: rowCount)
    for row in 0..<count {
      let source = (count - 1 - row) * rowCount
      let vector = vectors[source..<source + rowCount]
      let pivot = vector.max { abs($0) < abs($1) } ?? 1
      for (column, value) in vector.enumerated() {
        result[row, column] = pivot < 0 ? -value : value
      }
    }
    return result
  }

  /// x in A·x = b for this symmetric, positive definite A, by Cholesky.
  ///
  /// - Parameter b: [n, right sides].
  /// - Returns: nil when the matrix is not positive definite.
  public func solvePositive(_ b: DoubleMatrix) -> DoubleMatrix? {
    precondition(rowCount == columnCount && b.rowCount == rowCount, "shapes must agree")
    guard elements.allSatisfy(\.isFinite) else { return nil }
    var a = elements
    // Column-major right sides are the rows of the transpose.
    var x = b.transposed
    var (n, count, info) = (Int32(rowCount), Int32(b.columnCount), Int32(0))
    // Safety: `a` holds n · n numbers and `x` n for each right side.
    unsafe dposv_("L", &n, &count, &a, &n, &x.elements, &n, &info)
    return info == 0 ? x.transposed : nil
  }
}

/// Σ xᵀy over rows, [x.columns, y.columns], summed in Double over blocks of rows.
///
/// - Parameters:
///   - x, y: [tokens, …], the same number of rows.
public func crossMoments(_ x: MatrixView, _ y: MatrixView) -> DoubleMatrix {
  precondition(x.rowCount == y.rowCount, "both sides have one row for each token")
  var result = DoubleMatrix(rowCount: x.columnCount, columnCount: y.columnCount)
  guard x.rowCount > 0, x.columnCount > 0, y.columnCount > 0 else { return result }
  // Blocks in Float32 keep its errors small, and their sums in Double do not grow with the tokens.
  let block = Matrix(rowCount: x.columnCount, columnCount: y.columnCount)
  let blockRowCount = 256
  for start in stride(from: 0, to: x.rowCount, by: blockRowCount) {
    let count = min(blockRowCount, x.rowCount - start)
    let (a, b) = (x.rows(start..<start + count), y.rows(start..<start + count))
    // Safety: shapes and strides are the views', which live until after the call.
    unsafe cblas_sgemm(
      CblasRowMajor, CblasTrans, CblasNoTrans, Int32(x.columnCount), Int32(y.columnCount),
      Int32(count), 1, a.base, Int32(a.stride), b.base, Int32(b.stride), 0, block.view.base,
      Int32(y.columnCount))
    extendLifetime((a, b))
    unsafe result.elements.withUnsafeMutableBufferPointer { target in
      guard let sums = target.baseAddress else { return }
      unsafe moments_add_widened(block.view.base, target.count, sums)
    }
  }
  extendLifetime(block)
  return result
}
