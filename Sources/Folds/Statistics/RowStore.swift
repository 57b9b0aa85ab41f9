import Files
import Tensors

/// The rows of one hook point of the layer that is being swept, batch by batch: in memory up to a
/// limit, the rest in a scratch file. What needs a second sweep reads them again.
struct RowStore: Sendable {
  private enum Place: Sendable {
    case memory(MatrixView)
    case file(ScratchFile, offset: Int, rowCount: Int)
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

  /// Makes room for the rows of batch number `batch` of the layer; `view` of what is returned is
  /// where they are to be written, [rows, width]. Valid until the next `open`.
  mutating func open(batch: Int, rowCount: Int) throws -> (view: MatrixView, rows: StoredRows) {
    if batch == places.count {
      let byteCount = rowCount * width * MemoryLayout<Float>.stride
      if memoryUsed + byteCount <= memoryLimit {
        memoryUsed += byteCount
        places.append(.memory(Matrix(rowCount: rowCount, columnCount: width).view))
      } else {
        let file = try scratch ?? ScratchFile(folder: folder)
        scratch = file
        places.append(.file(file, offset: fileUsed, rowCount: rowCount))
        fileUsed += byteCount
      }
    }
    switch places[batch] {
    case .memory(let view):
      precondition(view.rowCount == rowCount, "layers must be swept in the same batches")
      return (view, StoredRows(width: width, view: view))
    case .file(let file, let offset, let count):
      precondition(count == rowCount, "layers must be swept in the same batches")
      if staging.rowCount < rowCount {
        staging = Matrix(rowCount: rowCount, columnCount: width).view
      }
      let view = staging.rows(0..<rowCount)
      return (view, StoredRows(width: width, view: view, file: file, offset: offset))
    }
  }

  /// The rows of a batch again, as far as they were kept.
  func load(batch: Int) -> StoredRows {
    switch places[batch] {
    case .memory(let view): StoredRows(width: width, view: view)
    case .file(let file, let offset, _): StoredRows(width: width, file: file, offset: offset)
    }
  }
}

/// The rows of one batch and hook point, wherever they lie. Workers keep and read them at the same
/// time, each its own: one thread would be busy with the file while the others wait.
struct StoredRows: Sendable {
  let width: Int
  /// All rows, when they are in memory.
  var view: MatrixView?
  /// Where they go or are, when memory does not hold them all.
  var file: ScratchFile?
  /// Where in the file row 0 begins, in bytes.
  var offset = 0

  /// Writes rows of the view to the file, if there is one: others cannot be read later.
  func keep(_ rows: Range<Int>) throws(FileError) {
    guard let file, let view else { return }
    try view.rows(rows).withSpan { (values) throws(FileError) in
      try file.write(values, at: place(of: rows))
    }
  }

  /// Some of the rows, [rows, width]: a part of the view, or read into `buffer`.
  func read(_ rows: Range<Int>, buffer: inout MatrixView) throws(FileError) -> MatrixView {
    if let view { return view.rows(rows) }
    if buffer.rowCount < rows.count {
      buffer = Matrix(rowCount: rows.count, columnCount: width).view
    }
    let result = buffer.rows(0..<rows.count)
    try result.withMutableSpan { (values) throws(FileError) in
      try file?.read(into: &values, at: place(of: rows))
    }
    return result
  }

  private func place(of rows: Range<Int>) -> Int {
    offset + rows.lowerBound * width * MemoryLayout<Float>.stride
  }
}
