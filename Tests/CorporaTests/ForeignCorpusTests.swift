import Corpora
import Files
import Foundation
import Testing

/// Samples: see Tests/Fixtures/generate_foreign.py.
@Suite("A corpus that is another kind of file, or comes another way")
struct ForeignCorpusTests {
  private static let samples = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../Fixtures/foreign").standardizedFileURL.path

  private func sample(_ name: String) throws -> [UInt8] {
    try MappedFile(path: Self.samples + "/" + name).copyBytes()
  }

  private func message(_ path: String, _ change: (inout CorpusOptions) -> Void = { _ in }) -> String
  {
    do {
      _ = try reader(path, change).all()
      return "(read)"
    } catch {
      return "\(error)"
    }
  }

  @Test("The message names what was found and the command that helps")
  func messages() throws {
    let scratch = try Scratch()
    for (sample, file, found, command) in [
      ("xz", "x.jsonl.xz", "xz-compressed data", "xz -dc \(scratch.path)/x.jsonl.xz > "),
      ("bzip2", "x.txt", "bzip2-compressed data", "bzip2 -dc"),
      ("zip", "x.jsonl", "a zip archive", "unzip"),
      ("parquet", "x.jsonl", "a Parquet file", "pandas.read_parquet"),
      ("arrow", "x", "an Arrow file", "pandas.read_feather"),
      ("utf16", "x.txt", "text in UTF-16", "iconv -f UTF-16 -t UTF-8"),
      ("utf16.unmarked", "x.jsonl", "text in UTF-16", "iconv"),
      ("gitLFSPointer", "x.txt", "a Git LFS pointer", "lfs pull --include x.txt"),
      ("webPage", "x.jsonl", "a web page", "hf download"),
      ("jsonArray", "x.json", "a JSON array", "jq -c '.[]'"),
      ("jsonArray.indented", "x.part", "a JSON array", "jq -c '.[]'"),
      ("jsonArray.strings", "x", "a JSON array", "jq -c '.[] | {text: .}'"),
      ("jsonObject", "x.json", "goes on over several lines", "jq -c ."),
      ("safetensors", "x.txt", "a safetensors file", "--model"),
      ("gguf", "x", "a GGUF file", "--model"), ("pdf", "x.txt", "a PDF document", "pdftotext"),
    ] {
      let text = message(try scratch.write(file, try self.sample(sample)))
      #expect(text.contains(found) && text.contains(command), "\(sample): \(text)")
      #expect(!text.contains("--invalid-utf8"), "\(sample): \(text)")
    }
  }

  @Test("What is inside a compressed stream is told, and unpacked on the way")
  func inside() throws {
    let scratch = try Scratch()
    for (sample, found, command) in [
      ("gzip", "gzip-compressed data inside the gzip stream", "gzip -dc PATH | gzip -dc |"),
      ("jsonArray", "a JSON array inside the gzip stream", "gzip -dc PATH | jq -c '.[]' |"),
      ("parquet", "a Parquet file inside", "FILE.jsonl"),
    ] {
      let plain = try scratch.write("plain", try self.sample(sample))
      let path = scratch.path + "/x.jsonl.gz"
      try compress(plain, to: path)
      let text = message(path)
      #expect(text.contains(found), "\(text)")
      #expect(
        text.contains(command.replacingOccurrences(of: "PATH", with: path)) || sample == "parquet",
        "\(text)")
    }
  }

  /// `gzip -c`, since this house only decompresses.
  private func compress(_ path: String, to target: String) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-c", "gzip -c \(shellPath(path)) > \(shellPath(target))"]
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
  }

  @Test("Texts that only begin like something else are read")
  func texts() throws {
    let scratch = try Scratch()
    for name in ["text.prose", "text.footnote", "tiktoken", "webPage", "xml"] {
      let bytes = try sample(name)
      let path = try scratch.write("x.txt", bytes)
      #expect(try reader(path).texts() == [String(decoding: bytes, as: UTF8.self)], "\(name)")
    }
    for text in ["ORCHARDS", "PARENTS", "GGUF is a format", ""] {
      #expect(try reader(try scratch.write("x.txt", text)).texts() == [text])
    }
  }

  @Test("Where what is not UTF-8 is skipped, so are binary files; replaced they are never")
  func policies() throws {
    let scratch = try Scratch()
    let path = try scratch.write("x.txt", try sample("xz"))
    let items = try reader(path) { $0.invalidUTF8 = .skip }.all()
    guard case .skipped(let skipped)? = items.first, items.count == 1 else {
      Issue.record("\(items)")
      return
    }
    #expect(skipped.reason.description.contains("xz"))
    #expect(message(path) { $0.invalidUTF8 = .replace }.contains("xz"))
    let unknown = try scratch.write("y.txt", [0x41, 0x00, 0xff, 0xfe, 0x01] as [UInt8])
    for policy in [CorpusOptions.InvalidUTF8Policy.fail, .replace] {
      #expect(message(unknown) { $0.invalidUTF8 = policy }.contains("bytes of another kind"))
    }
    // A pointer is text, and never the one that was meant.
    let pointer = try scratch.write("z.txt", try sample("gitLFSPointer"))
    #expect(message(pointer) { $0.invalidUTF8 = .skip }.contains("Git LFS"))
  }

  @Test("A byte order mark changes no reading: named, unnamed, before blanks or before any line")
  func byteOrderMark() throws {
    let scratch = try Scratch()
    let lines = "\u{feff}{\"text\": \"one\"}\n\u{feff}{\"text\": \"two ž\"}\n"
    for (name, text) in [
      ("a.jsonl", lines), ("a.part", lines),
      ("a", "\u{feff}\n \t{\"text\": \"one\"}\n{\"text\": \"two ž\"}"),
      ("b", lines.replacingOccurrences(of: "\u{feff}", with: "")),
    ] {
      #expect(try reader(try scratch.write(name, text)).texts() == ["one", "two ž"], "\(name)")
    }
  }

  @Test("A folder counts and names the files that it does not read")
  func passedOver() throws {
    let scratch = try Scratch()
    try scratch.write("c/a.txt", "x")
    try scratch.write("c/data.parquet", try sample("parquet"))
    for index in 1...5 { try scratch.write("c/d/\(index).md", "x") }
    try scratch.write("c/.hidden", "x")
    let found = try reader(scratch.path + "/c").passedOver
    #expect(found.count == 6 && found.first.count == 4)
    #expect(
      found.description
        == "6 other files: \(scratch.path)/c/d/1.md, \(scratch.path)/c/d/2.md, "
        + "\(scratch.path)/c/d/3.md, \(scratch.path)/c/d/4.md and 2 more"
        || found.description.contains("data.parquet (a Parquet file)"), "\(found)")
    try scratch.write("only/data.parquet", try sample("parquet"))
    let text = message(scratch.path + "/only")
    #expect(text.contains("1 other file: ") && text.contains("pandas.read_parquet"), "\(text)")
    #expect(try reader(scratch.path + "/c") { $0.format = .text }.passedOver.count == 0)
  }
}
