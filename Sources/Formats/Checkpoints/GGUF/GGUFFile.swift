import Files

/// A GGUF file, version 2 or 3: metadata, and tensors at aligned offsets.
///
/// Everything is checked at opening: every count against the bytes that remain, every product for
/// overflow, every offset against the running sum of padded sizes, the end of the data against the
/// file. Most of these checks answer a published vulnerability of an earlier reader.
/// Source: ggml's `docs/gguf.md` and `gguf.cpp` (ggml-org/llama.cpp).
public struct GGUFFile: Sendable {
  public let file: MappedFile
  public let version: Int
  /// In file order; shapes are turned to outermost first.
  public let tensors: [TensorInfo]
  /// Data of tensors starts at multiples of this many bytes.
  public let alignment: Int
  package let values: [String: GGUFValue]

  /// Most metadata entries that are accepted; real files have below a hundred.
  static let valueCountLimit = 65_536
  /// Longest key that is accepted, as llama.cpp has it.
  static let keyLimit = 65_535
  /// Names have fewer bytes than this (GGML_MAX_NAME).
  static let nameLimit = 64
  /// Largest alignment that is accepted.
  static let alignmentLimit = 1 << 20
  /// Longest string or array that is accepted, in bytes and in elements.
  static let lengthLimit = 1 << 30

  /// Opens and checks the file at `path`.
  ///
  /// - Throws: `FileError`, `ForeignFileError` or `GGUFError`.
  public init(path: String) throws {
    let file = try MappedFile(path: path)
    do {
      try self.init(file)
    } catch GGUFError.badMagic {
      try ForeignFileError.check(file, expected: "a GGUF file", kinds: [.gguf, .empty])
      throw GGUFError.badMagic(path: path)
    }
  }

  package init(_ file: MappedFile) throws(GGUFError) {
    var reader = GGUFReader(file)
    version = Int(try reader.header())
    let tensorCount = try reader.count(
      "the number of tensors", leastBytes: 24, limit: tensorCountLimit)
    let valueCount = try reader.count(
      "the number of metadata entries", leastBytes: 13, limit: GGUFFile.valueCountLimit)
    try reader.readValues(valueCount)
    alignment = try reader.alignment()
    tensors = try reader.readTensors(tensorCount, alignment: alignment)
    values = reader.values
    self.file = file
  }
}

/// The parts of a GGUF file, read in their order.
private struct GGUFReader {
  private var cursor: ByteCursor
  private let path: String
  private(set) var values: [String: GGUFValue] = [:]
  private var alignmentOffset = 0

  init(_ file: MappedFile) {
    cursor = ByteCursor(file)
    path = file.path
  }

  mutating func header() throws(GGUFError) -> UInt32 {
    // "GGUF" as a little-endian number.
    guard let magic = cursor.number(UInt32.self), magic == 0x4655_4747 else {
      throw .badMagic(path: path)
    }
    let version: UInt32 = try number("the version")
    if version & 0xffff == 0 && version != 0 { throw .foreignByteOrder(path: path) }
    guard version == 2 || version == 3 else {
      throw .unsupportedVersion(path: path, version: version)
    }
    return version
  }

  /// A count of things that take at least `leastBytes` each, checked against what remains.
  mutating func count(
    _ field: String, leastBytes: Int, limit: Int = GGUFFile.lengthLimit
  ) throws(GGUFError) -> Int {
    let start = cursor.offset
    let claimed: UInt64 = try number(field)
    let most = min(cursor.remaining / max(leastBytes, 1), limit)
    guard let count = Int(exactly: claimed), count <= most else {
      throw .countTooLarge(path: path, offset: start, field: field, count: claimed, limit: most)
    }
    return count
  }

  mutating func number<Number: FixedWidthInteger & BitwiseCopyable>(
    _ field: String, _ type: Number.Type = Number.self
  ) throws(GGUFError) -> Number {
    let start = cursor.offset
    guard let value = cursor.number(Number.self) else {
      throw .truncated(path: path, offset: start, field: field)
    }
    return value
  }

  // MARK: - Metadata

  mutating func readValues(_ count: Int) throws(GGUFError) {
    values.reserveCapacity(min(count, 1024))
    for _ in 0..<count {
      let start = cursor.offset
      let length = try self.count("the length of a key", leastBytes: 1, limit: GGUFFile.keyLimit)
      guard length > 0 else {
        throw .invalidKey(path: path, offset: start, reason: "expected a name, found nothing")
      }
      guard let key = cursor.text(byteCount: length) else {
        throw .invalidKey(path: path, offset: start, reason: "expected UTF-8, found other bytes")
      }
      let typeOffset = cursor.offset
      let value = try readValue(key)
      guard values.updateValue(value, forKey: key) == nil else {
        throw .duplicateKey(path: path, offset: start, key: key)
      }
      if key == "general.alignment" { alignmentOffset = typeOffset }
    }
  }

  private mutating func type(of key: String) throws(GGUFError) -> GGUFValueType {
    let start = cursor.offset
    let code: UInt32 = try number(key)
    guard let type = GGUFValueType(rawValue: code) else {
      throw .unknownValueType(path: path, offset: start, key: key, type: code)
    }
    return type
  }

  private mutating func readValue(_ key: String) throws(GGUFError) -> GGUFValue {
    let type = try type(of: key)
    guard type == .array else {
      let start = cursor.offset
      try skip(type, key)
      return GGUFValue(type: type, count: nil, bytes: start..<cursor.offset)
    }
    let elementStart = cursor.offset
    let element = try self.type(of: key)
    guard element != .array else {
      throw .unknownValueType(
        path: path, offset: elementStart, key: key, type: GGUFValueType.array.rawValue)
    }
    let count = try count("the length of \(key)", leastBytes: element.leastByteCount)
    let start = cursor.offset
    if element == .string || element == .bool {
      for _ in 0..<count { try skip(element, key) }
    } else if !cursor.skip(count * element.leastByteCount) {
      // The count was checked against the bytes that remain; this cannot happen.
      throw .truncated(path: path, offset: start, field: key)
    }
    return GGUFValue(type: element, count: count, bytes: start..<cursor.offset)
  }

  private mutating func skip(_ type: GGUFValueType, _ key: String) throws(GGUFError) {
    let start = cursor.offset
    switch type {
    case .string:
      let length = try count("the length of a text in \(key)", leastBytes: 1)
      guard cursor.skip(length) else {
        throw .truncated(path: path, offset: start, field: key)
      }
    case .bool:
      let byte: UInt8 = try number(key)
      guard byte <= 1 else {
        throw .invalidValue(
          path: path, key: key, reason: "expected a bool of 0 or 1, found \(byte)")
      }
    default:
      guard cursor.skip(type.leastByteCount) else {
        throw .truncated(path: path, offset: start, field: key)
      }
    }
  }

  func alignment() throws(GGUFError) -> Int {
    guard let value = values["general.alignment"] else { return 32 }
    guard value.type == .uint32, value.count == nil else {
      throw .invalidAlignment(
        path: path, offset: alignmentOffset, reason: "expected uint32, found \(value.typeName)")
    }
    var place = ByteCursor(cursor.file, range: value.bytes)
    let alignment = Int(place.number(UInt32.self) ?? 0)
    guard alignment > 0, alignment & (alignment - 1) == 0, alignment <= GGUFFile.alignmentLimit
    else {
      throw .invalidAlignment(
        path: path, offset: alignmentOffset,
        reason: "expected a power of two of at most \(GGUFFile.alignmentLimit), found \(alignment)")
    }
    return alignment
  }

  // MARK: - Tensors

  mutating func readTensors(_ count: Int, alignment: Int) throws(GGUFError) -> [TensorInfo] {
    var entries: [TensorInfo] = []
    var names: Set<String> = []
    var sum = 0
    for _ in 0..<count {
      let start = cursor.offset
      let entry = try readTensor(alignment: alignment, sum: &sum)
      guard names.insert(entry.name).inserted else {
        throw .duplicateTensor(path: path, offset: start, tensor: entry.name)
      }
      entries.append(entry)
    }
    guard !entries.isEmpty else { return [] }
    guard let dataStart = padded(cursor.offset, to: alignment) else {
      throw .truncated(path: path, offset: cursor.offset, field: "the tensors' data")
    }
    return try entries.map { (entry) throws(GGUFError) in
      let (end, overflow) = entry.bytes.upperBound.addingReportingOverflow(dataStart)
      guard !overflow, end <= cursor.file.count else {
        throw .dataOutOfFile(
          path: path, tensor: entry.name, end: overflow ? .max : end, byteCount: cursor.file.count)
      }
      return TensorInfo(
        name: entry.name, shape: entry.shape, elementType: entry.elementType,
        bytes: (entry.bytes.lowerBound + dataStart)..<end)
    }
  }

  /// One tensor, its bytes counted from the start of the data.
  private mutating func readTensor(alignment: Int, sum: inout Int) throws(GGUFError) -> TensorInfo {
    let start = cursor.offset
    let length = try count("the length of a tensor's name", leastBytes: 1)
    guard length < GGUFFile.nameLimit else {
      throw .invalidTensorName(
        path: path, offset: start,
        reason: "expected fewer than \(GGUFFile.nameLimit) bytes, found \(length)")
    }
    guard let name = cursor.text(byteCount: length) else {
      throw .invalidTensorName(
        path: path, offset: start, reason: "expected UTF-8, found other bytes")
    }
    let rankOffset = cursor.offset
    let rank: UInt32 = try number("the dimensions of \(name)")
    guard rank <= 4 else {
      throw .tooManyDimensions(path: path, offset: rankOffset, tensor: name, count: rank)
    }
    let shapeOffset = cursor.offset
    var sides: [Int] = []
    for _ in 0..<rank {
      let side: Int64 = try number("the shape of \(name)")
      guard side >= 0 else {
        throw .invalidShape(
          path: path, offset: shapeOffset, tensor: name, reason: "a side of \(side)")
      }
      sides.append(Int(side))
    }
    guard let elementCount = checkedProduct(sides) else {
      throw .invalidShape(
        path: path, offset: shapeOffset, tensor: name,
        reason: "the number of elements of \(sides) does not fit 64 bits")
    }
    let typeOffset = cursor.offset
    let code: UInt32 = try number("the type of \(name)")
    guard let type = ElementType(ggufIdentifier: code) else {
      throw .unknownTensorType(path: path, offset: typeOffset, tensor: name, type: code)
    }
    let columns = sides.first ?? 1
    guard columns % type.layout.blockElements == 0 else {
      throw .raggedBlocks(
        path: path, tensor: name, columns: columns, blockElements: type.layout.blockElements)
    }
    guard let byteCount = type.byteCount(elementCount: elementCount) else {
      throw .invalidShape(
        path: path, offset: shapeOffset, tensor: name,
        reason: "the number of bytes of \(sides) does not fit 64 bits")
    }
    let offsetOffset = cursor.offset
    let offset: UInt64 = try number("the data offset of \(name)")
    guard offset == UInt64(sum) else {
      throw .invalidTensorOffset(
        path: path, offset: offsetOffset, tensor: name, expected: sum, found: offset)
    }
    let (end, overflow) = sum.addingReportingOverflow(byteCount)
    guard !overflow, let next = padded(end, to: alignment) else {
      throw .dataOutOfFile(path: path, tensor: name, end: .max, byteCount: cursor.file.count)
    }
    defer { sum = next }
    return TensorInfo(
      name: name, shape: sides.reversed(), elementType: type, bytes: sum..<end)
  }

  /// The next multiple of `alignment`, which is a power of two; nil on overflow.
  private func padded(_ offset: Int, to alignment: Int) -> Int? {
    let (sum, overflow) = offset.addingReportingOverflow(alignment - 1)
    return overflow ? nil : sum & ~(alignment - 1)
  }
}
