import Files
import Tensors

/// The rows of one hook point of the layer that is being swept, batch by batch: in memory up to a
/// limit, the rest in a scratch file. What needs a second sweep reads them again.
struct RowStore: Sendable {
  private enum Place: Sendable {
    case memory(MatrixView)
    case file(offset: Int, rowCount: Int)
  }

  let width: Int
  private let memoryLimit: Int
  private let folder: String
  private var places: [Place] = []
  private var memoryUsed = 0
  private var fileUsed = 0
  private var staging: MatrixView
  private var scratch: ScratchFile?

  /// - Parameters:
  ///   - memoryLimit: bytes of rows to keep in memory.
  ///   - folder: where the scratch file goes, should one be needed.
  init(width: Int, memoryLimit: Int, folder: String) {
    self.width = width
    self.memoryLimit = memoryLimit
    self.folder = folder
    staging = Matrix(rowCount: 0, columnCount: width).view
  }

  /// Where the rows of batch number `batch` of the layer are to be written, [rows, width].
  mutating func open(batch: Int, rowCount: Int) throws -> MatrixView {
    if batch == places.count {
      let byteCount = rowCount * width * MemoryLayout<Float>.stride
      if memoryUsed + byteCount <= memoryLimit {
        memoryUsed += byteCount
        places.append(.memory(Matrix(rowCount: rowCount, columnCount: width).view))
      } else {
        if scratch == nil { scratch = try ScratchFile(folder: folder) }
        places.append(.file(offset: fileUsed, rowCount: rowCount))
        fileUsed += byteCount
      }
    }
    switch places[batch] {
    case .memory(let view):
      precondition(view.rowCount == rowCount, "layers must be swept in the same batches")
      return view
    case .file(_, let count):
      precondition(count == rowCount, "layers must be swept in the same batches")
      return stage(rowCount)
    }
  }

  /// The rows of a batch have been written.
  mutating func close(batch: Int) throws {
    guard case .file(let offset, let rowCount) = places[batch] else { return }
    try stage(rowCount).withSpan { rows in
      try scratch?.write(rows, at: offset)
    }
  }

  /// The rows of a batch again; valid until the next `open` or `load`.
  mutating func load(batch: Int) throws -> MatrixView {
    switch places[batch] {
    case .memory(let view):
      return view
    case .file(let offset, let rowCount):
      let view = stage(rowCount)
      try view.withMutableSpan { rows in
        try scratch?.read(into: &rows, at: offset)
      }
      return view
    }
  }

  private mutating func stage(_ rowCount: Int) -> MatrixView {
    if staging.rowCount < rowCount {
      staging = Matrix(rowCount: rowCount, columnCount: width).view
    }
    return staging.rows(0..<rowCount)
  }
}
