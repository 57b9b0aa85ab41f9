import Files
import HDF5
import Testing

@Suite struct HDF5FileTests {
  /// Attributes, a scale, chunks and strings: everything a capture uses.
  private func writeSample(_ path: String) throws {
    let file = try HDF5File.create(path, compatibility: .version18)
    try file.root.setAttribute("title", .string("größer"))
    try file.root.setAttribute("names", .strings(["a", "", "ß"]))
    for index in 0..<20 { try file.root.setAttribute("fact_\(index)", .int64s([Int64(index)])) }
    let axis = try file.root.createDataset("token", type: .int64, shape: [3])
    try axis.write([Int64(7), 8, 9])
    try axis.becomeScale(named: "token")
    let feature = try file.root.createDimension("hidden", count: 2)
    let data = try file.root.createDataset(
      "data", type: .float16, shape: [3, 2],
      storage: HDF5Storage(chunk: [2, 2], marksMissing: true))
    let buffer = StagingBuffer(byteCount: 16)
    try data.writeChunk(at: [0, 0], from: buffer, bytes: 0..<8)
    try data.writeChunk(at: [2, 0], from: buffer, bytes: 8..<16)
    try data.attachScales([axis, feature])
    try file.close()
  }

  @Test("equal calls give equal bytes")
  func equalBytes() throws {
    let folder = try TemporaryFolder()
    try writeSample(folder.file("one.h5"))
    try writeSample(folder.file("two.h5"))
    #expect(try folder.bytes("one.h5") == folder.bytes("two.h5"))
  }

  @Test("closing a file leaves nothing of it open")
  func closesEverything() throws {
    let folder = try TemporaryFolder()
    try writeSample(folder.file("one.h5"))
    let file = try HDF5File.open(folder.file("one.h5"))
    do {
      let data = try file.root.openDataset("data")
      #expect(try data.scaleNames() == ["/token", "/hidden"])
    }
    // The file and its root group.
    #expect(file.openObjectCount == 2)
    try file.close()
    #expect(throws: HDF5Error.self) { try file.close() }
  }

  @Test("strings of any length come back; other attributes are not strings")
  func stringAttributes() throws {
    let folder = try TemporaryFolder()
    let long = String(repeating: "plan ", count: 40_000)
    let file = try HDF5File.create(folder.file("a.h5"), compatibility: .version18)
    try file.root.setAttribute("long", .string(long))
    try file.root.setAttribute("number", .float64s([1, 2]))
    try file.close()
    let again = try HDF5File.open(folder.file("a.h5"))
    #expect(try again.root.stringAttribute("long") == long)
    #expect(try again.root.stringAttribute("absent") == nil)
    #expect(throws: HDF5Error.self) { try again.root.stringAttribute("number") }
    try again.close()
  }

  @Test("a missing file, a folder and a text are told apart")
  func unopenable() throws {
    let folder = try TemporaryFolder()
    let missing = folder.file("missing.h5")
    #expect(throws: HDF5Error.missing(path: missing)) { try HDF5File.open(missing) }
    #expect(throws: HDF5Error.notHDF5(path: folder.path, reason: "not a regular file")) {
      try HDF5File.open(folder.path)
    }
    try DurableFile.write(Array("not HDF5".utf8), to: folder.file("text.h5"))
    let error = #expect(throws: HDF5Error.self) { try HDF5File.open(folder.file("text.h5")) }
    #expect(error?.exitStatus == .badInput)
    #expect(error?.description.contains("expected an HDF5 file") == true)
  }

  @Test("a file that cannot be made says why in the system's words")
  func cannotCreate() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("no/such/folder.h5")
    #expect(
      throws: HDF5Error.cannotCreate(path: path, reason: "no such file or directory")
    ) { try HDF5File.create(path, compatibility: .version18) }
  }
}
