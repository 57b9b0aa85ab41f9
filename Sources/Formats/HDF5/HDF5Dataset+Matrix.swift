import CHDF5
import Tensors

extension HDF5Dataset {
  /// Writes a box of float32 elements.
  ///
  /// - Parameters:
  ///   - offset, count: the box; its elements in row-major order are those of `matrix`.
  ///   - matrix: contiguous, with as many elements as the box.
  public func write(offset: [Int], count: [Int], from matrix: MatrixView) throws(HDF5Error) {
    precondition(
      type == .float32 && matrix.isContiguous
        && count.reduce(1, *) == matrix.rowCount * matrix.columnCount, "the box must be filled")
    let failure = writeFailure()
    let (memory, box, space) = try select(offset: offset, count: count, failure)
    _ = try HDF5Library.check(failure) {
      // Safety: the view has exactly as many elements as the box and keeps its storage alive.
      unsafe H5Dwrite(
        handle.id, memory.id, box.id, space.id, mohd_h5p_default(), matrix.base)
    }
    extendLifetime(matrix)
  }
}
