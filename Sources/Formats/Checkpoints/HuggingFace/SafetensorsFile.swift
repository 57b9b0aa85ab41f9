import Files

/// A safetensors file: a JSON header that names tensors, and their bytes without any gap.
///
/// Everything is checked at opening, as the reference implementation checks it and a little more:
/// no name may stand twice, and the tensors cover the data exactly, in order, without holes.
/// Source: the format's README and `safetensors/src/tensor.rs` (huggingface/safetensors).
public struct SafetensorsFile: Sendable {
  /// Larger headers are refused, as the reference does.
  public static let headerLimit = 100_000_000

  public let file: MappedFile
  /// In the order of their bytes.
  public let tensors: [TensorInfo]
  /// The `__metadata__` object; for checkpoints usually `{"format": "pt"}`.
  public let metadata: [String: String]

  /// Opens and checks the file at `path`.
  ///
  /// - Throws: `FileError`, `ForeignFileError`, `JSONError` or `SafetensorsError`.
  public init(path: String) throws { try self.init(MappedFile(path: path)) }

  package init(_ file: MappedFile) throws {
    let path = file.path
    try ForeignFileError.check(
      file, expected: "a safetensors file", kinds: [.safetensors, .empty])
    var cursor = ByteCursor(file)
    guard let claimed = cursor.number(UInt64.self) else {
      throw SafetensorsError.headerTooSmall(path: path, byteCount: file.count)
    }
    guard let length = Int(exactly: claimed), length <= SafetensorsFile.headerLimit else {
      throw SafetensorsError.headerTooLarge(
        path: path, byteCount: claimed, limit: SafetensorsFile.headerLimit)
    }
    guard length <= cursor.remaining else {
      throw SafetensorsError.invalidHeaderLength(
        path: path, byteCount: length, available: cursor.remaining)
    }
    let dataStart = cursor.offset + length
    let header = ByteCursor(file, range: cursor.offset..<dataStart)
    guard header.peek() == UInt8(ascii: "{") else {
      throw SafetensorsError.invalidHeaderStart(path: path, found: header.peek())
    }

    var entries: [TensorInfo] = []
    var metadata: [String: String] = [:]
    var scanner = JSONScanner(header)
    try scanner.object { scanner, name in
      if name == "__metadata__" {
        try scanner.object { scanner, key in
          guard metadata.count < metadataLimit else {
            throw SafetensorsError.tooMuchMetadata(path: path, limit: metadataLimit)
          }
          metadata[key] = try scanner.string()
        }
      } else {
        guard entries.count < tensorCountLimit else {
          throw SafetensorsError.tooManyTensors(path: path, limit: tensorCountLimit)
        }
        entries.append(try readEntry(&scanner, name: name, dataStart: dataStart))
      }
    }
    try scanner.finish()

    // Equal starts happen: an empty tensor shares its place with the next one.
    entries.sort { left, right in
      (left.bytes.lowerBound, left.bytes.upperBound)
        < (right.bytes.lowerBound, right.bytes.upperBound)
    }
    var end = dataStart
    for entry in entries {
      guard entry.bytes.lowerBound == end else {
        throw SafetensorsError.invalidOffset(
          path: path, tensor: entry.name, expected: end - dataStart,
          found: entry.bytes.lowerBound - dataStart)
      }
      end = entry.bytes.upperBound
    }
    guard end == file.count else {
      throw SafetensorsError.incompleteBuffer(
        path: path, covered: end - dataStart, available: file.count - dataStart)
    }
    self.file = file
    self.tensors = entries
    self.metadata = metadata
  }
}

/// Most entries of `__metadata__`; real files have a handful.
private let metadataLimit = 10_000
/// More sides than this no tensor has.
private let rankLimit = 16

/// One entry of the header: `{"dtype": …, "shape": […], "data_offsets": [begin, end]}`.
private func readEntry(
  _ scanner: inout JSONScanner, name: String, dataStart: Int
) throws -> TensorInfo {
  let path = scanner.cursor.file.path
  var typeName: String?
  var shape: [Int]?
  var offsets: [Int]?
  func naturals(_ scanner: inout JSONScanner, limit: Int, field: String) throws -> [Int] {
    var values: [Int] = []
    try scanner.array { scanner in
      guard values.count < limit else {
        throw SafetensorsError.invalidTensor(
          path: path, tensor: name, reason: "\(field) has more than \(limit) entries")
      }
      values.append(try scanner.natural())
    }
    return values
  }
  try scanner.object { scanner, key in
    switch key {
    case "dtype": typeName = try scanner.string()
    case "shape": shape = try naturals(&scanner, limit: rankLimit, field: key)
    case "data_offsets": offsets = try naturals(&scanner, limit: 2, field: key)
    default:
      throw SafetensorsError.invalidTensor(
        path: path, tensor: name,
        reason: "expected dtype, shape and data_offsets, found the field \"\(printable(key))\"")
    }
  }
  guard let typeName, let shape, let offsets else {
    throw SafetensorsError.invalidTensor(
      path: path, tensor: name, reason: "expected dtype, shape and data_offsets, found fewer")
  }
  guard let type = ElementType(safetensorsName: typeName) else {
    throw SafetensorsError.unknownType(path: path, tensor: name, type: typeName)
  }
  guard offsets.count == 2, offsets[0] <= offsets[1] else {
    throw SafetensorsError.invalidTensor(
      path: path, tensor: name, reason: "expected data_offsets [begin, end], found \(offsets)")
  }
  guard let elementCount = checkedProduct(shape) else {
    throw SafetensorsError.overflow(path: path, tensor: name, shape: shape)
  }
  guard let byteCount = type.byteCount(elementCount: elementCount) else {
    throw SafetensorsError.overflow(path: path, tensor: name, shape: shape)
  }
  guard byteCount == offsets[1] - offsets[0] else {
    throw SafetensorsError.sizeMismatch(
      path: path, tensor: name, expected: byteCount, found: offsets[1] - offsets[0])
  }
  let available = scanner.cursor.file.count - dataStart
  guard offsets[1] <= available else {
    throw SafetensorsError.incompleteBuffer(path: path, covered: offsets[1], available: available)
  }
  return TensorInfo(
    name: name, shape: shape, elementType: type,
    bytes: (dataStart + offsets[0])..<(dataStart + offsets[1]))
}
