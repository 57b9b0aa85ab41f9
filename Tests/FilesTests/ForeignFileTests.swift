import Files
import Foundation
import Testing

@Suite("Foreign files")
struct ForeignFileTests {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../Fixtures/foreign").standardizedFileURL.path
  static let names = (try? Folder.names(in: folder)) ?? []

  @Test("A file of each kind, as other programs write it, is told by its first bytes")
  func kinds() throws {
    #expect(Self.names.count > 40)
    for name in Self.names {
      let kind = ForeignFile.Kind(rawValue: String(name.prefix { $0 != "." }))
      let file = try MappedFile(path: Self.folder + "/" + name)
      #expect(kind != nil && ForeignFile(file)?.kind == kind, "\(name)")
      #expect(ForeignFile(firstBytes: file.copyBytes())?.kind == kind, "\(name)")
    }
  }

  @Test("A header's length that begins like a gzip stream is a safetensors file's")
  func collision() {
    let header: [UInt8] = [0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0] + Array("{\"w\":{}}".utf8)
    #expect(ForeignFile(firstBytes: header)?.kind == .safetensors)
    #expect(ForeignFile(firstBytes: header.prefix(8))?.kind == .gzip)
  }

  @Test(
    "A text's last character may be cut where the sample ends, and bytes that are none are not text"
  )
  func cutText() {
    let text = String(repeating: "ab", count: 2047) + "aé" + "rest"
    #expect(ForeignFile(firstBytes: Array(text.utf8))?.kind == .text)
    #expect(ForeignFile(firstBytes: [0x61, 0x62, 0xff, 0x63, 0x64]) == nil)
    #expect(ForeignFile(firstBytes: [0x61, 0x00, 0x62, 0x63, 0x01]) == nil)
  }

  @Test(
    "A sentence may begin as a binary file does",
    arguments: ["ORCHARDS", "PARENTS", "GGUF is a format", "FEA1", "GIF89a", "ARROW1 up"])
  func sentences(text: String) {
    #expect(ForeignFile(firstBytes: Array(text.utf8))?.kind == .text)
  }

  @Test("The message says what was found, and names the command with the path in a shell's quotes")
  func messages() throws {
    func error(_ name: String, at path: String) throws -> ForeignFileError {
      let bytes = try MappedFile(path: Self.folder + "/" + name).copyBytes()
      let found = try #require(ForeignFile(firstBytes: bytes))
      return ForeignFileError(path: path, expected: "a GGUF file", found: found)
    }
    let pointer = try error("gitLFSPointer", at: "it's/m.gguf")
    #expect(
      pointer.description
        == "it's/m.gguf: expected a GGUF file, found a Git LFS pointer to 2200119864 bytes, not the "
        + "file it stands for; fetch it with: git -C 'it'\\''s' lfs pull --include m.gguf")
    #expect(pointer.exitStatus == .badInput)
    #expect(try error("xz", at: "a b.xz").description.hasSuffix("xz -dc 'a b.xz' > 'a b'"))
    #expect(try error("text", at: "m").description.contains("text that begins \"Entry not found\""))
    #expect(
      try error("torchArchive", at: "a b/m.bin").description.hasSuffix("'a b' 'a b-safetensors'"))
    let array = try error("jsonArray", at: "x").found
    #expect(array.textAdvice(path: "x.jsonl").hasSuffix("jq -c '.[]' x.jsonl > x.lines.jsonl"))
    #expect(array.textAdvice(path: "-").hasSuffix("… | jq -c '.[]' | …"))
    #expect(
      try error("jsonArray.strings", at: "x").found.textAdvice(path: "x.json")
        .hasSuffix("jq -c '.[] | {text: .}' x.json > x.jsonl"))
  }

  @Test("No printed command writes over the file that it reads", arguments: ForeignFileTests.names)
  func targets(name: String) throws {
    let found = try #require(ForeignFile(MappedFile(path: Self.folder + "/" + name)))
    for path in ["x", "x.jsonl", "x.utf8.txt", "x.gz", "d/.hidden", "-"] {
      for advice in [found.advice(path: path), found.textAdvice(path: path)] {
        #expect(
          !advice.hasSuffix("> " + path) && !advice.hasSuffix(" \(path) \(path)"), "\(advice)")
      }
    }
  }

  @Test("Expected kinds and unknown bytes pass, others do not")
  func check() throws {
    try ForeignFileError.check(
      Array("GGUF\u{3}\u{0}".utf8), path: "m", expected: "a GGUF file", kinds: [.gguf])
    try ForeignFileError.check([9, 8, 7], path: "m", expected: "a GGUF file", kinds: [.gguf])
    #expect(throws: ForeignFileError.self) {
      try ForeignFileError.check([0x1f, 0x8b], path: "m", expected: "a GGUF file", kinds: [.gguf])
    }
  }
}

@Suite("Shell words")
struct ShellWordTests {
  @Test("A shell reads back what was meant, whatever stands in it")
  func roundTrip() throws {
    let words = [
      "plain", "", "a b", "it's", "$HOME", "`id`", "a\"b", "a\\b", "~", "*.txt", "(x)", "é", "a\nb",
      "-n",
      "!x", "#x", "a&b", "x=1;y",
    ]
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-c", "printf '%s\\0' " + words.map(shellWord).joined(separator: " ")]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    let read = String(decoding: output, as: UTF8.self)
      .split(separator: "\0", omittingEmptySubsequences: false).dropLast().map(String.init)
    #expect(read == words)
    #expect(shellPath("-x") == "./-x" && shellPath("a/-x") == "a/-x")
  }
}
