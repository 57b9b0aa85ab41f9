import Tensors

/// The floating types that weights are written in; raw values are those of `torch_dtype`.
public enum FloatingType: String, Sendable, Codable, CaseIterable {
  case float32, bfloat16, float16

  public var byteCount: Int { self == .float32 ? 4 : 2 }

  public var elementType: ElementType {
    switch self {
    case .float32: .float32
    case .bfloat16: .bfloat16
    case .float16: .float16
    }
  }

  /// Appends the numbers of a contiguous matrix, rounded to nearest even.
  ///
  /// - Returns: whether all that is finite stays finite.
  func append(_ matrix: MatrixView, to bytes: inout [UInt8]) -> Bool {
    bytes.reserveCapacity(bytes.count + byteCount * matrix.rowCount * matrix.columnCount)
    return matrix.withSpan { numbers in
      switch self {
      case .float32:
        // Safety: the span's bytes are read during the call only; the machine is little-endian.
        unsafe numbers.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
        return true
      case .bfloat16:
        return append(numbers, to: &bytes) { number in
          let bits = number.bitPattern
          guard !number.isNaN else { return UInt16(truncatingIfNeeded: bits >> 16) | 0x40 }
          return UInt16(truncatingIfNeeded: (bits + 0x7fff + (bits >> 16 & 1)) >> 16)
        } isInfinite: {
          $0 & 0x7fff == 0x7f80
        }
      case .float16:
        return append(numbers, to: &bytes) {
          Float16($0).bitPattern
        } isInfinite: {
          $0 & 0x7fff == 0x7c00
        }
      }
    }
  }

  private func append(
    _ numbers: Span<Float>, to bytes: inout [UInt8], _ round: (Float) -> UInt16,
    isInfinite: (UInt16) -> Bool
  ) -> Bool {
    var fits = true
    for index in numbers.indices {
      let half = round(numbers[index])
      if isInfinite(half), numbers[index].isFinite { fits = false }
      bytes.append(UInt8(truncatingIfNeeded: half))
      bytes.append(UInt8(truncatingIfNeeded: half >> 8))
    }
    return fits
  }
}

extension Checkpoint {
  /// The type that most of the weights' numbers have; float32 where any are quantised or wider.
  public var floatingType: FloatingType {
    let ignored = Set(ignoredTensors)
    var counts: [FloatingType: Int] = [:]
    for tensor in tensors where !ignored.contains(tensor.name) {
      guard let type = FloatingType.allCases.first(where: { $0.elementType == tensor.elementType })
      else {
        if tensor.elementType.isSupported { return .float32 }
        continue
      }
      counts[type, default: 0] += tensor.elementCount
    }
    return FloatingType.allCases.max { counts[$0, default: 0] < counts[$1, default: 0] } ?? .float32
  }
}
