import COpenBLAS
import Tensors

/// y ← x·wᵀ, the linear layer: weights lie as Hugging Face stores them, one row for each output.
///
/// - Parameters:
///   - x: [tokens, inputs].
///   - w: [outputs, inputs].
///   - y: [tokens, outputs], overwritten.
///   - adding: add to what `y` holds instead: y ← y + x·wᵀ.
/// - Complexity: 2 · tokens · inputs · outputs floating-point operations, on one thread.
public func multiply(
  _ x: MatrixView, transposed w: MatrixView, into y: MatrixView, adding: Bool = false
) {
  precondition(
    x.columnCount == w.columnCount && y.rowCount == x.rowCount && y.columnCount == w.rowCount,
    "shapes of a linear layer must agree")
  guard x.rowCount > 0, w.rowCount > 0 else { return }
  // Safety: shapes and strides were checked against the views, which keep their storage alive.
  unsafe cblas_sgemm(
    CblasRowMajor, CblasNoTrans, CblasTrans, Int32(x.rowCount), Int32(w.rowCount),
    Int32(x.columnCount), 1, x.base, Int32(x.stride), w.base, Int32(w.stride), adding ? 1 : 0,
    y.base, Int32(y.stride))
  extendLifetime(x)
  extendLifetime(w)
  extendLifetime(y)
}

/// y ← a·b, the plain matrix product.
///
/// - Parameters:
///   - a: [m, k].
///   - b: [k, n].
///   - y: [m, n], overwritten.
///   - adding: add to what `y` holds instead: y ← y + a·b.
public func multiply(
  _ a: MatrixView, _ b: MatrixView, into y: MatrixView, adding: Bool = false
) {
  precondition(
    a.columnCount == b.rowCount && y.rowCount == a.rowCount && y.columnCount == b.columnCount,
    "shapes of a product must agree")
  guard a.rowCount > 0, b.columnCount > 0 else { return }
  // Safety: as above.
  unsafe cblas_sgemm(
    CblasRowMajor, CblasNoTrans, CblasNoTrans, Int32(a.rowCount), Int32(b.columnCount),
    Int32(a.columnCount), 1, a.base, Int32(a.stride), b.base, Int32(b.stride), adding ? 1 : 0,
    y.base, Int32(y.stride))
  extendLifetime(a)
  extendLifetime(b)
  extendLifetime(y)
}

/// y ← aᵀ·b: sums over rows, as the gradients of weights are.
///
/// - Parameters:
///   - a: [k, m].
///   - b: [k, n].
///   - y: [m, n], overwritten.
///   - adding: add to what `y` holds instead: y ← y + aᵀ·b.
public func multiply(
  transposing a: MatrixView, _ b: MatrixView, into y: MatrixView, adding: Bool = false
) {
  precondition(
    a.rowCount == b.rowCount && y.rowCount == a.columnCount && y.columnCount == b.columnCount,
    "shapes of a product must agree")
  guard a.columnCount > 0, b.columnCount > 0 else { return }
  // Safety: as above.
  unsafe cblas_sgemm(
    CblasRowMajor, CblasTrans, CblasNoTrans, Int32(a.columnCount), Int32(b.columnCount),
    Int32(a.rowCount), 1, a.base, Int32(a.stride), b.base, Int32(b.stride), adding ? 1 : 0,
    y.base, Int32(y.stride))
  extendLifetime(a)
  extendLifetime(b)
  extendLifetime(y)
}

/// OpenBLAS stays on the calling thread: its own barriers spin, and the workers are ours.
func singleThreadedBLAS() {
  openblas_set_num_threads(1)
}
