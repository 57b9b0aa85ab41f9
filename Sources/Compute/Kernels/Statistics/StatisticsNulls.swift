import CKernels
import COpenBLAS
import Tensors

/// A seeded source of numbers: xoshiro256**, started by splitmix64.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var state: [UInt64]

  /// - Parameter words: all of them decide the numbers that follow.
  public init(seed words: [UInt64]) {
    var mixed: UInt64 = 0x9e37_79b9_7f4a_7c15
    for word in words { mixed = Self.mix(mixed ^ Self.mix(word)) }
    state = []
    for _ in 0..<4 {
      mixed &+= 0x9e37_79b9_7f4a_7c15
      state.append(Self.mix(mixed))
    }
    if state.allSatisfy({ $0 == 0 }) { state[0] = 1 }
  }

  /// Splitmix64's finalizer: a bijection that spreads every bit.
  public static func mix(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return z ^ z >> 31
  }

  public mutating func next() -> UInt64 {
    // Safety: the state has the four words that the function uses.
    unsafe statistics_random(&state)
  }

  /// A number in 0..<bound.
  public mutating func next(below bound: Int) -> Int {
    Int(next().multipliedFullWidth(by: UInt64(bound)).high)
  }

  /// A permutation of 0..<count (Fisher and Yates).
  public mutating func permutation(_ count: Int) -> [Int] {
    var result = Array(0..<count)
    var last = count - 1
    while last > 0 {
      result.swapAt(last, next(below: last + 1))
      last -= 1
    }
    return result
  }

  /// Shuffles each row of `x` by its own order.
  ///
  /// - Precondition: the view is contiguous.
  public mutating func shuffleRows(_ x: MatrixView) {
    precondition(x.isContiguous, "rows must follow each other")
    // Safety: the view is contiguous and its storage outlives the call.
    unsafe statistics_shuffle_rows(x.base, x.rowCount, x.columnCount, &state)
    extendLifetime(x)
  }

  /// Fills `x` with independent standard Gaussian numbers.
  ///
  /// - Precondition: the view is contiguous.
  public mutating func fillGaussian(_ x: MatrixView) {
    precondition(x.isContiguous, "rows must follow each other")
    // Safety: as above.
    unsafe statistics_gaussian(x.base, x.rowCount * x.columnCount, &state)
    extendLifetime(x)
  }
}

/// y ← xᵀ.
///
/// - Parameters:
///   - x: [rows, columns].
///   - y: [columns, rows], overwritten.
public func transpose(_ x: MatrixView, into y: MatrixView) {
  precondition(x.rowCount == y.columnCount && x.columnCount == y.rowCount, "shapes must agree")
  let block = 16
  // Safety: indices stay within the checked shapes; both storages outlive the loop.
  let source = unsafe x.base
  let target = unsafe y.base
  for top in stride(from: 0, to: x.rowCount, by: block) {
    for left in stride(from: 0, to: x.columnCount, by: block) {
      for row in top..<min(top + block, x.rowCount) {
        for column in left..<min(left + block, x.columnCount) {
          unsafe target[column * y.stride + row] = unsafe source[row * x.stride + column]
        }
      }
    }
  }
  extendLifetime(x)
  extendLifetime(y)
}

/// A random orthonormal matrix, [width, width], uniform over all of them: the orthogonal factor of
/// a Gaussian matrix with the signs of the triangular factor's diagonal.
public func randomBasis(width: Int, seed: [UInt64]) -> Matrix {
  var generator = SeededGenerator(seed: seed)
  let gaussian = Matrix(rowCount: width, columnCount: width)
  generator.fillGaussian(gaussian.view)
  var a = gaussian.view.elements().map(Double.init)
  var n = Int32(width)
  var reflectors = [Double](repeating: 0, count: width)
  var workSize = Int32(max(width, 1) * 64)
  var work = [Double](repeating: 0, count: Int(workSize))
  var info: Int32 = 0
  guard width > 0 else { return gaussian }
  // Safety: column-major [width, width] with all work arrays of the sizes that LAPACK states.
  unsafe dgeqrf_(&n, &n, &a, &n, &reflectors, &work, &workSize, &info)
  precondition(info == 0, "the arguments of dgeqrf are right")
  let signs = (0..<width).map { a[$0 * width + $0] < 0 ? -1.0 : 1.0 }
  unsafe dorgqr_(&n, &n, &n, &a, &n, reflectors, &work, &workSize, &info)
  precondition(info == 0, "the arguments of dorgqr are right")
  let result = Matrix(rowCount: width, columnCount: width)
  for column in 0..<width {
    for row in 0..<width {
      result.view[row, column] = Float(a[column * width + row] * signs[column])
    }
  }
  return result
}

/// a·b in Double: [rows, inner] times [inner, columns], row by row.
public func product(
  _ a: [Double], _ b: [Double], rows: Int, inner: Int, columns: Int
) -> [Double] {
  precondition(a.count == rows * inner && b.count == inner * columns, "shapes must agree")
  var result = [Double](repeating: 0, count: rows * columns)
  guard rows > 0, inner > 0, columns > 0 else { return result }
  // Safety: sizes were checked above.
  unsafe cblas_dgemm(
    CblasRowMajor, CblasNoTrans, CblasNoTrans, Int32(rows), Int32(columns), Int32(inner), 1, a,
    Int32(inner), b, Int32(columns), 0, &result, Int32(columns))
  return result
}

/// Overwrites `rows` with `values`, row by row; both hold the same number of elements.
///
/// - Precondition: the view is contiguous.
public func copy(_ values: Span<Float>, into rows: MatrixView) {
  precondition(
    rows.isContiguous && values.count == rows.rowCount * rows.columnCount,
    "values must fill the rows")
  guard values.count > 0 else { return }
  // Safety: both hold `count` numbers, as checked; the view's storage outlives the call.
  unsafe values.withUnsafeBufferPointer { source in
    guard let base = source.baseAddress else { return }
    unsafe rows.base.update(from: base, count: source.count)
  }
  extendLifetime(rows)
}

/// y_ti ← mean_i + deviation_i · x_ti.
///
/// - Parameters:
///   - x: [tokens, width].
///   - y: [tokens, width], overwritten.
public func scaleColumns(
  _ x: MatrixView, means: [Float], deviations: [Float], into y: MatrixView
) {
  precondition(
    x.rowCount == y.rowCount && x.columnCount == y.columnCount && means.count == x.columnCount
      && deviations.count == x.columnCount, "shapes must agree")
  // Safety: indices stay within the checked shapes; both storages outlive the loop.
  for row in 0..<x.rowCount {
    let source = unsafe x.base + row * x.stride
    let target = unsafe y.base + row * y.stride
    for column in 0..<x.columnCount {
      unsafe target[column] = means[column] + deviations[column] * source[column]
    }
  }
  extendLifetime(x)
  extendLifetime(y)
}
