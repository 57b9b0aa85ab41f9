import CKernels
import COpenBLAS
import Tensors

/// Σ_t x xᵀ in Double: the lower triangle of [width, width], column by column.
public struct SecondMoments: Sendable {
  public let width: Int
  /// Number of rows added.
  public private(set) var count = 0
  /// Σ_t x.
  public private(set) var sums: [Double]
  private var products: [Double]
  private var block: [Double] = []

  public init(width: Int) {
    self.width = width
    sums = [Double](repeating: 0, count: width)
    products = [Double](repeating: 0, count: width * width)
  }

  /// Adds the rows of `x`, [tokens, width].
  ///
  /// - Complexity: tokens · width² operations, on one thread.
  public mutating func accumulate(_ x: MatrixView) {
    precondition(x.columnCount == width, "rows have the width of their moments")
    let blockRows = 256
    for start in stride(from: 0, to: x.rowCount, by: blockRows) {
      let rows = x.rows(start..<min(start + blockRows, x.rowCount))
      let size = rows.rowCount * width
      if block.count < size { block = [Double](repeating: 0, count: size) }
      for row in 0..<rows.rowCount {
        // Safety: the row lies in the view and the block has room for it.
        unsafe block.withUnsafeMutableBufferPointer { block in
          guard let base = block.baseAddress else { return }
          unsafe statistics_widen(
            rows.base + row * rows.stride, width, base + row * width)
          for column in 0..<width { unsafe sums[column] += base[row * width + column] }
        }
      }
      guard width > 0 else { continue }
      extendLifetime(rows)
      // Safety: `block` holds rows × width numbers and `products` width × width. Row-major upper
      // is column-major lower.
      unsafe cblas_dsyrk(
        CblasRowMajor, CblasUpper, CblasTrans, Int32(width), Int32(rows.rowCount), 1, block,
        Int32(width), 1, &products, Int32(width))
    }
    count += x.rowCount
  }

  /// (Σλ)²/Σλ² of the spectrum of the covariance, from its trace and its Frobenius norm: between 1
  /// (all variance in one direction) and the width. nil when there is no variance.
  public var spectralParticipationRatio: Double? {
    guard count > 0 else { return nil }
    let scale = 1 / Double(count)
    var trace = 0.0
    var squares = 0.0
    for row in 0..<width {
      let mean = sums[row] * scale
      let variance = products[row * width + row] * scale - mean * mean
      trace += variance
      squares += variance * variance
      var others = 0.0
      for column in row + 1..<max(width, row + 1) {
        let covariance = products[row * width + column] * scale - mean * (sums[column] * scale)
        others += covariance * covariance
      }
      squares += 2 * others
    }
    guard trace > 0, squares > 0 else { return nil }
    return trace * trace / squares
  }

  /// The eigenvectors of E[xxᵀ] as columns, [width, width], by ascending eigenvalue; nil when the
  /// solver does not converge.
  ///
  /// - Complexity: about 9 · width³ operations, on one thread.
  public func eigenbasis() -> Matrix? {
    guard count > 0, width > 0 else { return nil }
    var moments = DoubleMatrix(rowCount: width, columnCount: width)
    let scale = 1 / Double(count)
    for index in products.indices { moments.elements[index] = products[index] * scale }
    guard let (_, vectors) = moments.symmetricEigen() else { return nil }
    let result = Matrix(rowCount: width, columnCount: width)
    let view = result.view
    for column in 0..<width {
      for row in 0..<width { view[row, column] = Float(vectors[row, width - 1 - column]) }
    }
    return result
  }
}
