/// The types of GGUF metadata values; raw values are the format's numbers.
package enum GGUFValueType: UInt32, Sendable {
  case uint8, int8, uint16, int16, uint32, int32, float32, bool, string, array
  case uint64, int64, float64

  /// Bytes of one value, or the least that one can take.
  var leastByteCount: Int {
    switch self {
    case .uint8, .int8, .bool: 1
    case .uint16, .int16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64, .string: 8
    case .array: 12
    }
  }

  var isInteger: Bool {
    switch self {
    case .uint8, .int8, .uint16, .int16, .uint32, .int32, .uint64, .int64: true
    default: false
    }
  }
}

/// Where a metadata value lies in the file and what it is; values are decoded when asked for, so
/// that a vocabulary nobody needs costs nothing.
package struct GGUFValue: Sendable {
  /// The type, of the elements if this is an array.
  let type: GGUFValueType
  /// Number of elements; nil for a single value.
  let count: Int?
  /// The bytes of the value or of all elements.
  let bytes: Range<Int>

  var typeName: String { count.map { "an array of \($0) \(type)" } ?? "\(type)" }
}
