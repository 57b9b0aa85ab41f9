import Files
import Foundation
import Testing

@Suite struct DecompressingReaderTests {
  private let fixtures =
    URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../Fixtures/corpora").standardizedFileURL.path() + "/"

  private func expand(_ path: String) throws -> [UInt8] {
    let reader = try DecompressingReader(path: path)
    var bytes: [UInt8] = []
    while let piece = try reader.next() {
      #expect(!piece.isEmpty && piece.count <= DecompressingReader.pieceByteCount)
      bytes += piece
    }
    #expect(reader.expandedOffset == bytes.count)
    return bytes
  }

  private func withFile(_ bytes: [UInt8], _ body: (String) throws -> Void) throws {
    let path = NSTemporaryDirectory() + "mohd-stream-" + UUID().uuidString
    try Data(bytes).write(to: URL(filePath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
  }

  @Test(
    "concatenated members, skippable frames and padding are one stream",
    arguments: ["small.jsonl.gz", "small.jsonl.zst"])
  func concatenated(name: String) throws {
    let plain = try MappedFile(path: fixtures + "small.jsonl").copyBytes()
    #expect(try expand(fixtures + name) == plain)
  }

  @Test(
    "a stream cut anywhere is truncated, or whole members of it remain",
    arguments: ["small.jsonl.gz", "small.jsonl.zst"])
  func cut(name: String) throws {
    let whole = try MappedFile(path: fixtures + name).copyBytes()
    let plain = try MappedFile(path: fixtures + "small.jsonl").copyBytes()
    for count in stride(from: 4, to: whole.count - 1, by: 7) {
      try withFile(Array(whole.prefix(count))) { path in
        do {
          let bytes = try expand(path)
          #expect(plain.starts(with: bytes))
        } catch let error as CompressionError {
          guard case .truncated(_, _, count) = error else {
            Issue.record("cut at \(count): \(error)")
            return
          }
        }
      }
    }
  }

  @Test("bytes behind a stream are an error", arguments: ["small.jsonl.gz", "small.jsonl.zst"])
  func trailing(name: String) throws {
    let whole = try MappedFile(path: fixtures + name).copyBytes()
    try withFile(whole + Array("garbage".utf8)) { path in
      #expect {
        try expand(path)
      } throws: { error in
        guard case .corrupt? = error as? CompressionError else { return false }
        return true
      }
    }
  }

  @Test("a flipped bit in a checked stream is an error")
  func flipped() throws {
    var bytes = try MappedFile(path: fixtures + "small.jsonl.gz").copyBytes()
    bytes[300] ^= 0x10
    try withFile(bytes) { path in
      #expect(throws: CompressionError.self) { try expand(path) }
    }
  }

  @Test("a stream that expands as no text does is refused", arguments: ["gz", "zst"])
  func bomb(format: String) throws {
    let bomb = try expand(fixtures + "bomb.\(format).\(format)")
    try withFile(bomb) { path in
      let reader = try DecompressingReader(path: path)
      #expect {
        while try reader.next() != nil {}
      } throws: { error in
        guard case .expandsTooMuch? = error as? CompressionError else { return false }
        return true
      }
      #expect(reader.expandedOffset <= (64 << 20) + 256 * bomb.count)
    }
  }

  @Test("a small zstd file may have as large a window as a pipe may, and no larger one")
  func window() throws {
    try withFile(try expand(fixtures + "wide.zst.zst")) { path in
      let count = try expand(path).count
      #expect(count == 1 << 20 + 3)
    }
    try withFile(try expand(fixtures + "wider.zst.zst")) { path in
      #expect(throws: CompressionError.windowTooLarge(path: path, limit: 128 << 20)) {
        try expand(path)
      }
    }
  }

  @Test(
    "empty and short files are plain", arguments: [[], [0x1f], [0x28, 0xb5, 0x2f]] as [[UInt8]])
  func short(bytes: [UInt8]) throws {
    try withFile(bytes) { path in
      let expanded = try expand(path)
      #expect(expanded == bytes)
    }
  }

  @Test("a folder is refused and a missing file named")
  func unreadable() throws {
    #expect(throws: FileError.notRegular(path: "/tmp")) { try DecompressingReader(path: "/tmp") }
    #expect(throws: FileError.missing(path: "/nowhere")) {
      try DecompressingReader(path: "/nowhere")
    }
  }
}
