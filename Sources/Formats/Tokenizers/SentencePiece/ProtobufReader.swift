/// Reads the fields of one protocol-buffer message, every length checked against what is left.
struct ProtobufReader {
  /// The value of a field.
  enum Value {
    case number(UInt64)
    case fixed32(UInt32)
    case fixed64(UInt64)
    /// A string, bytes or message: where it lies in the file.
    case bytes(Range<Int>)
  }

  let file: String
  private var position: Int
  private let end: Int

  /// - Parameter range: the message within the file.
  init(_ range: Range<Int>, file: String) {
    self.file = file
    position = range.lowerBound
    end = range.upperBound
  }

  /// The next field; nil at the end of the message.
  mutating func next(_ data: Span<UInt8>) throws(TokenizerError) -> (field: Int, value: Value)? {
    guard position < end else { return nil }
    let start = position
    let tag = try number(data)
    guard tag >> 3 > 0, tag >> 3 < 1 << 29 else { throw failure(start, "a field numbered 0") }
    let field = Int(tag >> 3)
    switch tag & 7 {
    case 0: return (field, .number(try number(data)))
    case 1: return (field, .fixed64(try fixed(data, 8)))
    case 2:
      let length = try number(data)
      guard length <= UInt64(end - position) else {
        throw failure(start, "a length beyond the end of its message")
      }
      let range = position..<(position + Int(length))
      position = range.upperBound
      return (field, .bytes(range))
    case 5: return (field, .fixed32(UInt32(truncatingIfNeeded: try fixed(data, 4))))
    default: throw failure(start, "a field of an unknown kind")
    }
  }

  /// A number of seven bits in each byte, the least first.
  private mutating func number(_ data: Span<UInt8>) throws(TokenizerError) -> UInt64 {
    var result: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 64, by: 7) {
      guard position < end else { throw failure(position, "a number that does not end") }
      let byte = data[position]
      position += 1
      result |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return result }
    }
    throw failure(position, "a number of more than ten bytes")
  }

  private mutating func fixed(
    _ data: Span<UInt8>, _ count: Int
  ) throws(TokenizerError) -> UInt64 {
    guard end - position >= count else { throw failure(position, "a number that is cut off") }
    var result: UInt64 = 0
    for offset in 0..<count {
      result |= UInt64(data[position + offset]) << UInt64(8 * offset)
    }
    position += count
    return result
  }

  private func failure(_ offset: Int, _ reason: String) -> TokenizerError {
    .malformedProtobuf(file: file, offset: offset, reason: reason)
  }
}
