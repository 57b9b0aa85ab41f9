import Glibc
import Tensors

/// y ← x, whatever the strides; both [rows, width].
public func copy(_ x: MatrixView, into y: MatrixView) {
  precondition(x.rowCount == y.rowCount && x.columnCount == y.columnCount)
  for row in 0..<x.rowCount {
    // Safety: both rows lie inside their views.
    unsafe memcpy(y.base + row * y.stride, x.base + row * x.stride, x.columnCount * 4)
  }
  extendLifetime((x, y))
}

/// y ← 0.
public func clear(_ y: MatrixView) {
  for row in 0..<y.rowCount {
    // Safety: the row lies inside its view; all bits zero is the number 0.
    unsafe memset(y.base + row * y.stride, 0, y.columnCount * 4)
  }
  extendLifetime(y)
}
