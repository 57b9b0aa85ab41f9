import CKernels
import Files
import Tensors

/// One weight of an opened checkpoint: a matrix in a mapped file, widened to Float32 on demand.
///
/// Rows are output features, in Hugging Face's order: the rotary halves of each head apart, whatever
/// the file has. A bias or a gain is one row.
public struct WeightTensor: Sendable {
  /// The name in the file.
  public let name: String
  public let rowCount: Int
  public let columnCount: Int
  public let elementType: ElementType
  package let file: MappedFile
  package let bytes: Range<Int>
  /// Width of the heads whose rotary pairs the file interleaves; nil when it does not.
  package let interleavedHeadSize: Int?

  package init(_ stored: StoredTensor, interleavedHeadSize: Int? = nil) {
    let info = stored.info
    name = info.name
    rowCount = info.shape.dropLast().reduce(1, *)
    columnCount = info.shape.last ?? 1
    elementType = info.elementType
    file = stored.file
    bytes = info.bytes
    self.interleavedHeadSize = interleavedHeadSize
  }

  /// Bytes of one row in the file; a row is a whole number of blocks.
  private var rowByteCount: Int { rowCount == 0 ? 0 : bytes.count / rowCount }

  /// Widens some rows, exactly: every stored number is a Float32, and quantised ones are those of
  /// the `gguf` package, bit for bit (the payload of a NaN excepted). F64 alone is rounded, to the
  /// nearest, as PyTorch rounds.
  ///
  /// Several workers may widen different rows, or the same, at once.
  ///
  /// - Parameters:
  ///   - rows: rows of this weight.
  ///   - target: [rows.count, columnCount], overwritten.
  public func widen(rows: Range<Int>, into target: MatrixView) {
    widen(rows: rows, into: target, baseOnly: false)
  }

  /// - Parameter baseOnly: keep to the kernels for any processor.
  package func widen(rows: Range<Int>, into target: MatrixView, baseOnly: Bool) {
    precondition(
      rows.lowerBound >= 0 && rows.upperBound <= rowCount && target.rowCount == rows.count
        && target.columnCount == columnCount, "shapes of a weight and its target must agree")
    guard rows.count > 0, columnCount > 0 else { return }
    let matrixHeadSize = rowCount > 1 ? interleavedHeadSize : nil
    if matrixHeadSize == nil && target.isContiguous {
      run(rows.lowerBound, count: rows.count, to: target, 0, baseOnly)
    } else {
      for (index, row) in rows.enumerated() {
        let source = matrixHeadSize.map { interleavedIndex(row, headSize: $0) } ?? row
        run(source, count: 1, to: target, index, baseOnly)
      }
    }
    if rowCount == 1, let headSize = interleavedHeadSize {
      let stored = target.elements()
      for column in 0..<columnCount {
        target[0, column] = stored[interleavedIndex(column, headSize: headSize)]
      }
    }
  }

  /// All of it, row by row; for small weights and tests.
  public func widened() -> [Float] {
    let matrix = Matrix(rowCount: rowCount, columnCount: columnCount)
    widen(rows: 0..<rowCount, into: matrix.view)
    return matrix.view.elements()
  }

  /// Gives the weight's pages back to the system; the next `widen` reads them again.
  public func release() { file.release(bytes) }

  /// Widens `count` rows that follow each other in the file and in the target.
  private func run(
    _ row: Int, count: Int, to target: MatrixView, _ targetRow: Int, _ baseOnly: Bool
  ) {
    let start = bytes.lowerBound + row * rowByteCount
    if elementType == .float64 {
      for index in 0..<count * columnCount {
        // Safety: opening checked that the elements lie inside the mapping, `widen` that the target
        // has room for them.
        let bits = unsafe file.unsafeBytes.loadUnaligned(
          fromByteOffset: start + 8 * index, as: UInt64.self)
        let (line, column) = index.quotientAndRemainder(dividingBy: columnCount)
        target[targetRow + line, column] = Float(Double(bitPattern: UInt64(littleEndian: bits)))
      }
      return
    }
    let blockCount = count * (columnCount / elementType.layout.blockElements)
    // Safety: opening checked that the rows lie inside the mapping and are whole blocks, `widen`
    // that the target has room for them; both live until the call returns.
    unsafe mohd_widen(
      elementType.kernelCode, file.unsafeBytes.baseAddress! + start,
      target.base + targetRow * target.stride, blockCount, baseOnly)
    extendLifetime(target)
    extendLifetime(file)
  }
}

/// Where llama.cpp's converter put row `row`: it splits each head into halves j of pairs i, and
/// stores (i, j) where Hugging Face stores (j, i).
///
/// Source: `LlamaModel.permute` of convert_hf_to_gguf.py (ggml-org/llama.cpp).
private func interleavedIndex(_ row: Int, headSize: Int) -> Int {
  let (head, within) = row.quotientAndRemainder(dividingBy: headSize)
  let (half, pair) = within.quotientAndRemainder(dividingBy: headSize / 2)
  return head * headSize + 2 * pair + half
}

extension ElementType {
  /// The number that the C kernels know this type by; −1 for types that are not supported.
  fileprivate var kernelCode: Int32 {
    switch self {
    case .float32: Int32(MOHD_FLOAT32)
    case .float16: Int32(MOHD_FLOAT16)
    case .bfloat16: Int32(MOHD_BFLOAT16)
    case .q4_0: Int32(MOHD_Q4_0)
    case .q4_1: Int32(MOHD_Q4_1)
    case .q5_0: Int32(MOHD_Q5_0)
    case .q5_1: Int32(MOHD_Q5_1)
    case .q8_0: Int32(MOHD_Q8_0)
    case .q4_K: Int32(MOHD_Q4_K)
    case .q5_K: Int32(MOHD_Q5_K)
    case .q6_K: Int32(MOHD_Q6_K)
    default: -1
    }
  }
}
