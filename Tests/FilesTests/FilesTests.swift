import Files
import Foundation
import Testing

@Suite("Files")
struct FilesTests {
  private let folder = FileManager.default.temporaryDirectory
    .appending(path: "mohd-files-\(UUID().uuidString)").path

  init() throws { try Folder.create(folder + "/inner/most") }

  @Test("What is written durably is read back, and no temporary file is left")
  func roundTrip() throws {
    defer { remove() }
    try DurableFile.write([1, 2, 3], to: folder + "/a.bin")
    let file = try MappedFile(path: folder + "/a.bin")
    #expect(file.count == 3)
    #expect(file.copyBytes() == [1, 2, 3])
    #expect(try Folder.names(in: folder) == ["a.bin", "inner"])
    try DurableFile.write([], to: folder + "/a.bin")
    #expect(try MappedFile(path: folder + "/a.bin").copyBytes() == [])
    #expect(file.copyBytes() == [1, 2, 3], "an open mapping survives its file's replacement")
  }

  @Test("A missing, irregular or oversized file is an error that says so")
  func opening() throws {
    defer { remove() }
    let missing = folder + "/none"
    #expect(throws: FileError.missing(path: missing)) { try MappedFile(path: missing) }
    #expect(throws: FileError.notRegular(path: folder)) { try MappedFile(path: folder) }
    try DurableFile.write([1, 2, 3], to: folder + "/big")
    #expect(throws: FileError.tooLarge(path: folder + "/big", byteCount: 3, limit: 2)) {
      try MappedFile(path: folder + "/big", limit: 2)
    }
    #expect(FileError.missing(path: "x").exitStatus == .missingInput)
  }

  @Test("A file that changes after it was mapped is noticed")
  func changing() throws {
    defer { remove() }
    let path = folder + "/growing"
    try Data([1]).write(to: URL(filePath: path))
    let file = try MappedFile(path: path)
    try file.verifyUnchanged()
    let handle = try #require(FileHandle(forWritingAtPath: path))
    try handle.seekToEnd()
    try handle.write(contentsOf: Data([2]))
    try handle.close()
    #expect(throws: FileError.changedWhileReading(path: path, before: 1, after: 2)) {
      try file.verifyUnchanged()
    }
  }

  @Test("Writing where nothing can be written leaves nothing behind")
  func unwritable() throws {
    defer { remove() }
    let path = folder + "/absent/file"
    #expect(throws: FileError.cannotCreate(path: path, errno: 2)) {
      try DurableFile.write([1], to: path)
    }
    #expect(try Folder.names(in: folder) == ["inner"])
    #expect(
      FileError.cannotCreate(path: path, errno: 2).description.hasSuffix(
        "no such file or directory"))
  }

  @Test("SHA-256 agrees with the standard's examples, in one piece or many")
  func digests() throws {
    defer { remove() }
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    #expect(SHA256.hash(Array("abc".utf8)) == abc)
    #expect(SHA256.hash([]) == empty)
    var hasher = SHA256()
    for byte in "abc".utf8 { hasher.update([byte]) }
    let pieces = hasher.finish()
    #expect(pieces == abc)
    try DurableFile.write(Array("abc".utf8), to: folder + "/abc")
    #expect(SHA256.hash(try MappedFile(path: folder + "/abc")) == abc)
  }

  @Test("XXH128 is xxh128sum's, whole and mapped")
  func xxh128() throws {
    defer { remove() }
    let abc = "06b05ab6733a618578af5f94892f3950"
    #expect(XXH128.hash(Array("abc".utf8)) == abc)
    #expect(XXH128.hash([]) == "99aa06d3014798d86001c324468d497f")
    try DurableFile.write(Array("abc".utf8), to: folder + "/abc")
    #expect(XXH128.hash(try MappedFile(path: folder + "/abc")) == abc)
    // More than one piece, and a piece that ends within a stripe.
    let long = [UInt8](repeating: 7, count: (16 << 20) + 13)
    try DurableFile.write(long, to: folder + "/long")
    #expect(XXH128.hash(try MappedFile(path: folder + "/long")) == XXH128.hash(long))
  }

  @Test("JSON errors name the file and the field")
  func jsonErrors() {
    struct Value: Decodable { let inner: [Int] }
    func decode(_ text: String) -> JSONError? {
      do throws(JSONError) {
        _ = try JSONText.decode(Value.self, from: Array(text.utf8), path: "f.json")
        return nil
      } catch { return error }
    }
    #expect(decode(#"{"inner": [1]}"#) == nil)
    #expect(decode(#"{"inner": ["#)?.description.hasPrefix("f.json: expected JSON") == true)
    #expect(decode(#"{"inner": 3}"#)?.description.hasPrefix("f.json: field inner") == true)
    #expect(decode("{}")?.description.hasPrefix("f.json: field inner: expected, not found") == true)
    #expect(decode(#"{"inner": [NaN]}"#) != nil)
    let deep = String(repeating: "[", count: 100_000)
    #expect(decode(deep) == .tooDeep(path: "f.json", limit: JSONText.depthLimit))
    #expect(decode(#"{"inner": [1], "s": "\#(String(repeating: "[", count: 100))"}"#) == nil)
  }

  private func remove() { try? FileManager.default.removeItem(atPath: folder) }
}
