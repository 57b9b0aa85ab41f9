import Tensors

extension SafetensorsFile {
  /// All numbers of a tensor of integers, as the bits of 64-bit ones; narrower ones are not extended.
  ///
  /// - Returns: nil for a tensor of anything else.
  public func integers(_ tensor: TensorInfo) -> [UInt64]? {
    var cursor = ByteCursor(file, range: tensor.bytes)
    let count = tensor.elementCount
    func read<Number: FixedWidthInteger & BitwiseCopyable>(_ type: Number.Type) -> [UInt64] {
      (0..<count).compactMap { _ in cursor.number(type).map { UInt64(truncatingIfNeeded: $0) } }
    }
    switch tensor.elementType {
    case .uint16: return read(UInt16.self)
    case .uint32: return read(UInt32.self)
    case .int64, .uint64: return read(UInt64.self)
    default: return nil
    }
  }

  /// Copies a tensor of float32 numbers, or of what widens to them.
  ///
  /// - Parameter target: as many elements, in rows of the last side.
  public func widen(_ tensor: TensorInfo, into target: MatrixView) {
    let weight = WeightTensor(StoredTensor(info: tensor, file: file))
    weight.widen(rows: 0..<weight.rowCount, into: target)
  }
}
