import Checkpoints
import Files
import Testing

/// The cases of llama.cpp's `tests/test-gguf.cpp`, 26 bad and 7 good, and the rules that answer
/// known vulnerabilities of GGUF readers.
@Suite("GGUFFile")
struct GGUFFileTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let bytes: [UInt8]
    /// The error, by the start of its debug description; nil where the file is good.
    let error: String?
    var testDescription: String { name }
  }

  static func build(
    _ name: String, _ error: String?, tensors: UInt64 = 0, values: UInt64 = 0,
    _ body: (inout GGUFBuilder) -> Void
  ) -> Case {
    var builder = GGUFBuilder(tensorCount: tensors, valueCount: values)
    body(&builder)
    return Case(name: name, bytes: builder.bytes, error: error)
  }

  /// A header, then padding.
  static func header(_ name: String, _ error: String?, _ builder: GGUFBuilder) -> Case {
    var builder = builder
    builder.pad()
    return Case(name: name, bytes: builder.bytes, error: error)
  }

  static let headers: [Case] = [
    header("header: bad magic", "badMagic", GGUFBuilder(magic: "FUGG")),
    header("header: version 0", "unsupportedVersion", GGUFBuilder(version: 0)),
    header("header: version 1", "unsupportedVersion", GGUFBuilder(version: 1)),
    header("header: version of the future", "unsupportedVersion", GGUFBuilder(version: 4)),
    header("header: tensors −1", "countTooLarge", GGUFBuilder(tensorCount: .max)),
    header("header: values −1", "countTooLarge", GGUFBuilder(valueCount: .max)),
    header("header: empty", nil, GGUFBuilder()),
    header("header: version 2", nil, GGUFBuilder(version: 2)),
    header("header: other byte order", "foreignByteOrder", GGUFBuilder(version: 3 << 24)),
    Case(name: "no bytes", bytes: [], error: "badMagic"),
    Case(name: "magic alone", bytes: Array("GGUF".utf8), error: "truncated"),
  ]

  static let values: [Case] = [
    build("value: key size −1", "countTooLarge", values: 1) { file in
      file.text("my_key_0", length: .max)
      file.number(UInt32(4))
      file.number(UInt32(1))
    },
    build("value: empty key", "invalidKey", values: 1) { $0.value("", type: 4, UInt32(1)) },
    build("value: bad type", "unknownValueType", values: 1) {
      $0.value("my_key_0", type: 13, UInt32(1))
    },
    build("value: duplicate key", "duplicateKey", values: 2) { file in
      file.value("my_key_0", type: 4, UInt32(1))
      file.value("my_key_0", type: 4, UInt32(1))
    },
    build("value: alignment 13", "invalidAlignment", values: 1) {
      $0.value("general.alignment", type: 4, UInt32(13))
    },
    build("value: alignment of a wrong type", "invalidAlignment", values: 1) {
      $0.value("general.alignment", type: 5, Int32(32))
    },
    build("value: alignment 0", "invalidAlignment", values: 1) {
      $0.value("general.alignment", type: 4, UInt32(0))
    },
    build("value: alignment 2 MiB", "invalidAlignment", values: 1) {
      $0.value("general.alignment", type: 4, UInt32(2 << 20))
    },
    build("value: all types", nil, values: 14) { file in
      for (index, size) in [1, 1, 2, 2, 4, 4, 4, 1].enumerated() {
        file.text("key_\(index)")
        file.number(UInt32(index))
        file.data(size)
      }
      for type in UInt32(10)...12 { file.value("key_\(type)", type: type, UInt64(0)) }
      file.text("key_8")
      file.number(UInt32(8))
      file.text("some text")
      file.text("key_9")
      file.number(UInt32(9))
      file.number(UInt32(8))
      file.number(UInt64(2))
      file.text("a")
      file.text("")
      file.text("key_numbers")
      file.number(UInt32(9))
      file.number(UInt32(5))
      file.number(UInt64(3))
      file.data(12)
    },
    build("value: array of arrays", "unknownValueType", values: 1) { file in
      file.text("nested")
      file.number(UInt32(9))
      file.number(UInt32(9))
      file.number(UInt64(0))
    },
    build("value: array longer than the file", "countTooLarge", values: 1) { file in
      file.text("array")
      file.number(UInt32(9))
      file.number(UInt32(12))
      file.number(UInt64(1) << 61)
      file.data(64)
    },
    build("value: array of texts longer than the file", "countTooLarge", values: 1) { file in
      file.text("array")
      file.number(UInt32(9))
      file.number(UInt32(8))
      file.number(UInt64(9))
      file.data(64)
    },
    build("value: text longer than the file", "countTooLarge", values: 1) { file in
      file.text("text")
      file.number(UInt32(8))
      file.text("short", length: 1 << 40)
    },
    build("value: bool of 2", "invalidValue", values: 1) { $0.value("b", type: 7, UInt8(2)) },
  ]

  /// Two tensors of 8 Float32 each.
  static func pair(
    _ name: String, _ error: String?, alignment: UInt32? = nil, stride: UInt64 = 32,
    dataCount: Int = 64, _ change: (inout GGUFBuilder) -> Void = { _ in }
  ) -> Case {
    build(name, error, tensors: 2, values: alignment == nil ? 0 : 1) { file in
      if let alignment { file.value("general.alignment", type: 4, alignment) }
      file.tensor("my_tensor_0", sides: [8], offset: 0)
      file.tensor("my_tensor_1", sides: [8], offset: stride)
      change(&file)
      file.pad(to: Int(alignment ?? 32))
      file.data(dataCount)
    }
  }

  static let long = "my_tensor_with_a_very_long_name_which_is_longer_than_what_is_allowed_here"

  static func single(
    _ name: String, _ error: String?, tensor: String = "my_tensor", sides: [Int64],
    type: UInt32 = 0, offset: UInt64 = 0, rank: UInt32? = nil, dataCount: Int = 1024
  ) -> Case {
    build(name, error, tensors: 1) { file in
      file.tensor(tensor, sides: sides, type: type, offset: offset, rank: rank)
      file.pad()
      file.data(dataCount)
    }
  }

  static let tensors: [Case] = [
    single("tensor: long name", "invalidTensorName", tensor: long, sides: [8]),
    single("tensor: five dimensions", "tooManyDimensions", sides: [8, 1, 1, 1, 1]),
    single("tensor: dimensions −1", "tooManyDimensions", sides: [8], rank: .max),
    single("tensor: negative side", "invalidShape", sides: [-1]),
    single("tensor: side of zero", nil, sides: [0, 4], dataCount: 0),
    single("tensor: elements overflow", "invalidShape", sides: [1 << 62, 1 << 62]),
    single("tensor: bytes overflow", "invalidShape", sides: [1 << 61, 2], type: 27),
    single("tensor: bad type", "unknownTensorType", sides: [8], type: 42),
    single("tensor: removed type", "unknownTensorType", sides: [8], type: 4),
    single("tensor: type −1", "unknownTensorType", sides: [8], type: .max),
    single("tensor: bad offset", "invalidTensorOffset", sides: [8], offset: 1),
    single("tensor: offset −1", "invalidTensorOffset", sides: [8], offset: .max),
    single("tensor: row of half a block", "raggedBlocks", sides: [48], type: 2),
    single("tensor: blocks overflow", "invalidShape", sides: [256, 1 << 55 - 1], type: 15),
    build("tensor: duplicate name", "duplicateTensor", tensors: 2) { file in
      file.tensor("my_tensor", sides: [8], offset: 0)
      file.tensor("my_tensor", sides: [8], offset: 32)
      file.pad()
      file.data(64)
    },
    pair("tensors: alignment 13", "invalidAlignment", alignment: 13, stride: 39),
    pair("tensors: inconsistent alignment", "invalidTensorOffset", alignment: 64),
    pair("tensors: good", nil),
    pair("tensors: alignment 1", nil, alignment: 1),
    pair("data: too short", "dataOutOfFile", dataCount: 63),
    pair("data: alignment 13", "invalidAlignment", alignment: 13, stride: 39, dataCount: 80),
    pair("data: inconsistent alignment", "invalidTensorOffset", alignment: 64, dataCount: 128),
    build("data: sizes overflow", "dataOutOfFile", tensors: 2) { file in
      file.tensor("my_tensor_0", sides: [0x7fff_ffff_ffff_ffc0], type: 24, offset: 0)
      file.tensor("my_tensor_1", sides: [0x7fff_ffff_ffff_ffc0], type: 24, offset: 1 << 63 - 64)
      file.pad()
      file.data(64)
    },
    single("data: end beyond the file", "dataOutOfFile", sides: [1 << 40]),
    pair("data: good", nil, dataCount: 640),
    pair("data: alignment 1", nil, alignment: 1),
  ]

  @Test("is opened when good and refused with a typed error when not", arguments: headers)
  func opensHeaders(_ test: Case) throws { try check(test) }

  @Test("is opened when its metadata are good and only then", arguments: values)
  func opensValues(_ test: Case) throws { try check(test) }

  @Test("is opened when its tensors are good and only then", arguments: tensors)
  func opensTensors(_ test: Case) throws { try check(test) }

  private func check(_ test: Case) throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(test.bytes, "model.gguf")
    do {
      _ = try GGUFFile(path: path)
      #expect(test.error == nil, "opened")
    } catch let error as GGUFError {
      let expected = try #require(test.error, "refused: \(error)")
      #expect("\(Mirror(reflecting: error).children.first?.label ?? "")" == expected, "\(error)")
      #expect(error.exitStatus == .badInput)
      #expect(error.description.hasPrefix(path))
    }
  }

  @Test("cut short anywhere is refused")
  func truncation() throws {
    let bytes = try Fixtures.bytes("llama-bf16.gguf")
    let folder = try TemporaryFolder()
    let end = try #require(GGUFFile(path: Fixtures.path("llama-bf16.gguf")).tensors.last)
    for count in Array(stride(from: 0, to: end.bytes.upperBound, by: 7)) {
      let path = try folder.write(Array(bytes[..<count]), "model.gguf")
      #expect(throws: GGUFError.self) { try GGUFFile(path: path) }
    }
  }

  @Test("gives every kind of value, and an error for another kind")
  func getters() throws {
    var file = GGUFBuilder(valueCount: 8)
    file.value("u8", type: 0, UInt8(200))
    file.value("i8", type: 1, Int8(-3))
    file.value("u64", type: 10, UInt64.max)
    file.value("i64", type: 11, Int64.min)
    file.value("f32", type: 6, Float(1e-5).bitPattern)
    file.value("f64", type: 12, 0.1.bitPattern)
    file.value("yes", type: 7, UInt8(1))
    file.text("latin")
    file.number(UInt32(9))
    file.number(UInt32(8))
    file.number(UInt64(1))
    file.number(UInt64(1))
    file.number(UInt8(0xe9))
    let folder = try TemporaryFolder()
    let gguf = try GGUFFile(path: folder.write(file.bytes, "model.gguf"))
    #expect(try gguf.integer("u8") == 200)
    #expect(try gguf.integer("i8") == -3)
    #expect(try gguf.integer("i64") == .min)
    #expect(throws: GGUFError.self) { try gguf.integer("u64") }
    #expect(try gguf.number("f32") == 1e-5)
    #expect(try gguf.number("f64") == 0.1)
    #expect(try gguf.boolean("yes") == true)
    #expect(throws: GGUFError.self) { try gguf.integer("yes") }
    #expect(throws: GGUFError.self) { try gguf.number("u8") }
    #expect(throws: GGUFError.self) { try gguf.integers("u8") }
    #expect(try gguf.byteStrings("latin") == [[0xe9]])
    #expect(
      throws: GGUFError.invalidText(path: folder.path + "/model.gguf", key: "latin", index: 0)
    ) { try gguf.strings("latin") }
    #expect(gguf.keys.count == 8 && gguf.elementCount("latin") == 1)
  }
}
