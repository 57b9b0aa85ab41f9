import Checkpoints
import Files
import Testing

/// One case for each error of the reference implementation, and the attacks that its documentation
/// names.
@Suite("SafetensorsFile")
struct SafetensorsFileTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let bytes: [UInt8]
    /// The name of the error's case; nil where the file is good.
    let error: String?
    var testDescription: String { name }
  }

  /// A file with this header, its true length or another, and zeros for data.
  static func file(
    _ name: String, _ error: String?, _ header: String, length: UInt64? = nil, data: Int = 0
  ) -> Case {
    raw(name, error, Array(header.utf8), length: length, data: data)
  }

  static func raw(
    _ name: String, _ error: String?, _ header: [UInt8], length: UInt64? = nil, data: Int = 0
  ) -> Case {
    let length = length ?? UInt64(header.count)
    let prefix = (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }
    return Case(
      name: name, bytes: prefix + header + Array(repeating: 0, count: data), error: error)
  }

  static func entry(
    _ name: String = "a", dtype: String = "F32", shape: String = "[2]", offsets: String = "[0,8]"
  ) -> String {
    "\"\(name)\":{\"dtype\":\"\(dtype)\",\"shape\":\(shape),\"data_offsets\":\(offsets)}"
  }

  static let good: [Case] = [
    file("no tensors", nil, "{}"),
    file("one tensor", nil, "{\(entry())}", data: 8),
    file("padded with spaces", nil, "{\(entry())}    ", data: 8),
    file("metadata", nil, "{\"__metadata__\":{\"format\":\"pt\"},\(entry())}", data: 8),
    file("a scalar", nil, "{\(entry(shape: "[]", offsets: "[0,4]"))}", data: 4),
    file(
      "an empty tensor before another", nil,
      "{\(entry("b")),\(entry(shape: "[0,5]", offsets: "[0,0]"))}", data: 8),
    file(
      "out of order", nil, "{\(entry("b", offsets: "[8,16]")),\(entry())}", data: 16),
    file("an escaped name", nil, "{\(entry("\\u00e9\\ud83d\\ude00\\n"))}", data: 8),
    file("a type that weights cannot have", nil, "{\(entry(dtype: "I64", shape: "[1]"))}", data: 8),
    file("halves of bytes, whole", nil, "{\(entry(dtype: "F4", shape: "[16]"))}", data: 8),
  ]

  static let bad: [Case] = [
    Case(name: "HeaderTooSmall", bytes: [1, 2, 3], error: "headerTooSmall"),
    file("HeaderTooLarge", "headerTooLarge", "{}", length: 100_000_001),
    file("HeaderTooLarge, −1", "headerTooLarge", "{}", length: .max),
    file("InvalidHeaderLength", "invalidHeaderLength", "{}", length: 3),
    file("InvalidHeaderStart", "invalidHeaderStart", " {}"),
    file("InvalidHeaderStart, empty", "invalidHeaderStart", ""),
    raw("InvalidHeader: no UTF-8", "malformed", Array("{\"".utf8) + [0xff] + Array("\":1}".utf8)),
    raw("InvalidHeader: overlong", "malformed", Array("{\"".utf8) + [0xc0, 0x80, 0x22, 0x7d]),
    file("InvalidHeaderDeserialization: cut", "malformed", "{\"a\":"),
    file("InvalidHeaderDeserialization: array", "malformed", "{\"a\":[]}"),
    file("InvalidHeaderDeserialization: rest", "malformed", "{}x"),
    file("InvalidHeaderDeserialization: comma", "malformed", "{\(entry()),}", data: 8),
    file("JsonError: control character", "malformed", "{\"a\n\":{}}"),
    file("JsonError: half a surrogate pair", "malformed", "{\(entry("\\ud83d"))}", data: 8),
    file("JsonError: negative side", "malformed", "{\(entry(shape: "[-2]"))}", data: 8),
    file("JsonError: side 2.0", "malformed", "{\(entry(shape: "[2.0]"))}", data: 8),
    file("JsonError: side 2e0", "malformed", "{\(entry(shape: "[2e0]"))}", data: 8),
    file("JsonError: side 02", "malformed", "{\(entry(shape: "[02]"))}", data: 8),
    file("JsonError: side of 2^64", "malformed", "{\(entry(shape: "[18446744073709551616]"))}"),
    file("duplicate name", "duplicateKey", "{\(entry()),\(entry())}", data: 8),
    file(
      "duplicate name, once escaped", "duplicateKey", "{\(entry()),\(entry("\\u0061"))}", data: 8),
    file(
      "duplicate field", "duplicateKey",
      "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", data: 8),
    file("duplicate metadata", "duplicateKey", "{\"__metadata__\":{\"a\":\"1\",\"a\":\"1\"}}"),
    file("metadata of numbers", "malformed", "{\"__metadata__\":{\"a\":1}}"),
    file(
      "too much metadata", "tooMuchMetadata",
      "{\"__metadata__\":{" + (0...10_000).map { "\"\($0)\":\"\"" }.joined(separator: ",") + "}}"),
    file(
      "too many tensors", "tooManyTensors",
      "{"
        + (0...100_000).map { entry("\($0)", shape: "[0]", offsets: "[0,0]") }
        .joined(separator: ",") + "}"),
    file("missing field", "invalidTensor", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", data: 8),
    file(
      "foreign field", "invalidTensor",
      "{\"a\":{\"dtype\":\"F32\",\"x\":[2],\"data_offsets\":[0,8]}}", data: 8),
    file("unknown dtype", "unknownType", "{\(entry(dtype: "F31"))}", data: 8),
    file("GGUF dtype", "unknownType", "{\(entry(dtype: "Q8_0"))}", data: 8),
    file("one offset", "invalidTensor", "{\(entry(offsets: "[0]"))}", data: 8),
    file("three offsets", "invalidTensor", "{\(entry(offsets: "[0,8,8]"))}", data: 8),
    file("end before begin", "invalidTensor", "{\(entry(offsets: "[8,0]"))}", data: 8),
    file(
      "too many sides", "invalidTensor",
      "{\(entry(shape: "[" + Array(repeating: "1", count: 17).joined(separator: ",") + "]"))}"),
    file("TensorInvalidInfo", "sizeMismatch", "{\(entry(shape: "[3]"))}", data: 8),
    file(
      "ValidationOverflow: elements", "overflow", "{\(entry(shape: "[4294967296,4294967296]"))}"),
    file("ValidationOverflow: bytes", "overflow", "{\(entry(shape: "[4611686018427387904]"))}"),
    file("MisalignedSlice", "overflow", "{\(entry(dtype: "F4", shape: "[3]", offsets: "[0,1]"))}"),
    file("InvalidOffset: hole", "invalidOffset", "{\(entry(offsets: "[4,12]"))}", data: 12),
    file(
      "InvalidOffset: overlap", "invalidOffset",
      "{\(entry()),\(entry("b", offsets: "[4,12]"))}", data: 12),
    file(
      "InvalidOffset: same place", "invalidOffset", "{\(entry()),\(entry("b"))}", data: 8),
    file("MetadataIncompleteBuffer: short", "incompleteBuffer", "{\(entry())}", data: 7),
    file("MetadataIncompleteBuffer: long", "incompleteBuffer", "{\(entry())}", data: 9),
    file(
      "offsets of 2^63", "sizeMismatch", "{\(entry(offsets: "[0,9223372036854775807]"))}", data: 8),
    file(
      "nested too deep", "malformed", "{\"a\":" + String(repeating: "[", count: 100_000)),
  ]

  @Test("is opened when good", arguments: good)
  func opens(_ test: Case) throws {
    let folder = try TemporaryFolder()
    _ = try SafetensorsFile(path: folder.write(test.bytes, "model.safetensors"))
  }

  @Test("is refused with a typed error when not", arguments: bad)
  func refuses(_ test: Case) throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(test.bytes, "model.safetensors")
    do {
      _ = try SafetensorsFile(path: path)
      Issue.record("opened")
    } catch let error as any ReportableError {
      #expect(Mirror(reflecting: error).children.first?.label == test.error, "\(error)")
      #expect(error.exitStatus == .badInput)
      #expect(error.description.hasPrefix(path))
    }
  }

  @Test("a missing file is a missing file")
  func missing() {
    #expect(throws: FileError.missing(path: "/no/such.safetensors")) {
      try SafetensorsFile(path: "/no/such.safetensors")
    }
  }

  @Test("cut short anywhere is refused")
  func truncation() throws {
    let bytes = try Fixtures.bytes("qwen2-f16/model.safetensors")
    let folder = try TemporaryFolder()
    for count in stride(from: 0, to: bytes.count, by: 13) {
      let path = try folder.write(Array(bytes[..<count]), "model.safetensors")
      #expect(throws: (any Error).self) { try SafetensorsFile(path: path) }
    }
  }

  @Test("metadata and names are read with their escapes")
  func reads() throws {
    let folder = try TemporaryFolder()
    let header = "{\"__metadata__\":{\"k\\t\":\"v\\/\"},\(Self.entry("\\u00e9\\ud83d\\ude00"))}"
    let path = try folder.write(Self.file("", nil, header, data: 8).bytes, "a.safetensors")
    let file = try SafetensorsFile(path: path)
    #expect(file.metadata == ["k\t": "v/"])
    #expect(file.tensors.map(\.name) == ["é😀"])
  }
}
