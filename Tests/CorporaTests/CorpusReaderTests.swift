import Corpora
import Files
import Foundation
import Testing

@Suite struct CorpusReaderTests {
  @Test("every line is taken or refused as Python's json does")
  func linesAsPython() throws {
    let expected = String(decoding: try fixture("lines.expected"), as: UTF8.self)
      .split(separator: "\n", omittingEmptySubsequences: false).dropLast()
    var found = expected.map { _ in "missing" }
    let reader = try reader(fixtures + "/lines.jsonl") { $0.malformedLines = .skip }
    while let item = try reader.next() {
      switch item {
      case .document(let document):
        found[(document.line ?? 0) - 1] = document.text.map { String(format: "%02x", $0) }.joined()
      case .skipped(let skipped):
        guard case .malformedLine(_, let line, _) = skipped.reason else { continue }
        found[line - 1] = "!"
      }
    }
    #expect(expected.count > 400)
    for (index, (expected, found)) in zip(expected, found).enumerated() where expected != found {
      Issue.record("line \(index + 1): expected \(expected), found \(found)")
    }
  }

  @Test("gzip members and zstd frames give the same documents as the plain file")
  func compressed() throws {
    let plain = try reader(fixtures + "/small.jsonl").texts()
    #expect(plain.count == 11)
    #expect(try reader(fixtures + "/small.jsonl.gz").texts() == plain)
    #expect(try reader(fixtures + "/small.jsonl.zst").texts() == plain)
  }

  @Test("the first bytes decide the compression, not the name")
  func magic() throws {
    let plain = try fixture("prose.txt")
    #expect(
      try reader(fixtures + "/prose.zst.txt").texts() == [String(decoding: plain, as: UTF8.self)])
    let scratch = try Scratch()
    let path = try scratch.write("plain.txt.gz", plain)
    #expect(try reader(path).texts() == [String(decoding: plain, as: UTF8.self)])
  }

  @Test("a text file is one document, its bytes verbatim")
  func verbatim() throws {
    guard case .document(let document) = try reader(fixtures + "/prose.txt").next() else {
      Issue.record("no document")
      return
    }
    #expect(document.text == (try fixture("prose.txt")))
    #expect(document.text.starts(with: [0xef, 0xbb, 0xbf]))
    #expect(document.line == nil && document.domain == "prose")
  }

  @Test("byte order mark, CRLF, blank lines and a missing last newline do no harm")
  func lineEndings() throws {
    let scratch = try Scratch()
    let path = try scratch.write(
      "a.jsonl", "\u{feff}{\"text\":\"1\"}\r\n\r\n \t\n{\"text\":\"2\\r\\n\"}\n{\"text\":\"3\"}")
    let items = try reader(path).all()
    #expect(try reader(path).texts() == ["1", "2\r\n", "3"])
    let lines = items.map { item -> Int? in
      guard case .document(let document) = item else { return nil }
      return document.line
    }
    #expect(lines == [1, 4, 5])
  }

  @Test("lines are numbered as an editor does, however many blank ones there are")
  func blankLines() throws {
    let scratch = try Scratch()
    let blank = String(repeating: "\n \r\n", count: 300_000)
    let path = try scratch.write("a.jsonl", blank + "  {\"text\":\"1\"}" + blank + "{}")
    guard case .document(let document) = try reader(path).next() else {
      Issue.record("no document")
      return
    }
    #expect(document.line == 600_001)
    let problem = LineProblem.missingField("text")
    #expect(throws: CorpusError.malformedLine(path: path, line: 1_200_001, problem: problem)) {
      try reader(path).all()
    }
  }

  @Test("fields are found by dotted path, and a label overrides the domain field")
  func fields() throws {
    func domains(_ argument: String) throws -> [String] {
      let reader = try reader(argument) {
        $0.domainField = "meta.redpajama_set_name"
        $0.identifierField = "id"
      }
      return try reader.all().map {
        guard case .document(let document) = $0 else { return "skipped" }
        return document.domain + "/" + (document.identifier ?? "")
      }
    }
    let path = fixtures + "/small.jsonl"
    #expect(
      try domains(path).prefix(3) == ["RedPajamaBook/0", "RedPajamaGithub/1", "RedPajamaBook/2"])
    #expect(try domains("web=" + path).prefix(2) == ["web/0", "web/1"])
  }

  @Test("a malformed line is named by file and line, and fatal or counted as chosen")
  func malformed() throws {
    let scratch = try Scratch()
    let path = try scratch.write("a.jsonl", "{\"text\":\"1\"}\n{\"text\":2}\n{\"text\":\"3\"}\n")
    let reason = CorpusError.malformedLine(
      path: path, line: 2, problem: .wrongType(field: "text", found: "a number"))
    #expect(throws: reason) { try reader(path).all() }
    #expect(reason.description == path + ":2: field \"text\": expected a string, found a number")
    let items = try reader(path) { $0.malformedLines = .skip }.all()
    #expect(items.count == 3)
    #expect(items[1] == .skipped(SkippedDocument(source: 0, reason: reason)))
  }

  @Test("a file of nothing but malformed lines is an error even where they are skipped")
  func onlyMalformed() throws {
    let scratch = try Scratch()
    let limit = CorpusReader.malformedLineLimit
    func lines(_ count: Int) -> String { String(repeating: "{\"content\":\"\"}\n", count: count) }
    let document = "{\"text\":\"1\"}\n"
    let path = try scratch.write("a.jsonl", lines(limit - 1) + document + lines(limit - 1))
    #expect(try reader(path) { $0.malformedLines = .skip }.all().count == 2 * limit - 1)
    let wrong = try scratch.write("b.jsonl", document + lines(limit))
    let reason = CorpusError.onlyMalformedLines(
      path: wrong, line: limit + 1, count: limit, problem: .missingField("text"))
    #expect(throws: reason) { try reader(wrong) { $0.malformedLines = .skip }.all() }
  }

  @Test(
    "what is wrong with a line is said",
    arguments: [
      ("[1]", .notAnObject(found: "an array")), ("{}", .missingField("text")),
      ("{\"text\":null}", .wrongType(field: "text", found: "null")),
      ("{\"text\":\"a\"", .unfinished),
      ("{\"text\":\"a\"]", .notJSON(offset: 11, expected: "\",\" or \"}\"")),
      ("{\"text\":\"a\u{0}\"}", .notJSON(offset: 10, expected: "no control character in a string")),
      ("{\"a\":" + String(repeating: "[", count: 1_000_000), .tooDeep(limit: 512)),
      ("{\"text\":\"a\",\"text\":{}}", .wrongType(field: "text", found: "an object")),
    ] as [(String, LineProblem)])
  func problems(line: String, problem: LineProblem) throws {
    let scratch = try Scratch()
    let path = try scratch.write("a.jsonl", line)
    #expect(throws: CorpusError.malformedLine(path: path, line: 1, problem: problem)) {
      try reader(path).all()
    }
  }

  @Test("invalid UTF-8 fails, is replaced or skipped as chosen")
  func invalidUTF8() throws {
    let scratch = try Scratch()
    let bytes: [UInt8] = Array("ab".utf8) + [0xe4, 0xb8] + Array("c".utf8) + [0xff, 0xff]
    let path = try scratch.write("a.txt", bytes)
    let reason = CorpusError.invalidUTF8(path: path, line: nil, offset: 2)
    #expect(throws: reason) { try reader(path).all() }
    #expect(
      try reader(path) { $0.invalidUTF8 = .replace }.texts() == ["ab\u{fffd}c\u{fffd}\u{fffd}"])
    let skipped = try reader(path) { $0.invalidUTF8 = .skip }.all()
    #expect(skipped == [.skipped(SkippedDocument(source: 0, reason: reason))])
    let lines = try scratch.write("b.jsonl", Array("{\"text\":\"".utf8) + bytes + Array("\"}".utf8))
    #expect(throws: CorpusError.invalidUTF8(path: lines, line: 1, offset: 11)) {
      try reader(lines).all()
    }
  }

  @Test("a file without a telling name is JSON lines when it begins with a brace")
  func sniffing() throws {
    let scratch = try Scratch()
    let lines = try scratch.write("a.data", "\n \n{\"text\":\"1\"}\n{\"text\":\"2\"}\n")
    #expect(try reader(lines).texts() == ["1", "2"])
    #expect(try reader(lines) { $0.format = .text }.texts().count == 1)
    let prose = try scratch.write("b.data", "one {\n}\n")
    #expect(try reader(prose).texts() == ["one {\n}\n"])
    let blank = try scratch.write("c.data", " \n\n")
    #expect(try reader(blank).texts() == [" \n\n"])
    #expect(try reader(scratch.write("d.txt", "")).texts() == [""])
    #expect(try reader(scratch.write("e.jsonl", "")).texts() == [])
  }

  @Test("a line that crosses many pieces of the stream is read whole")
  func longLines() throws {
    let scratch = try Scratch()
    let long = String(repeating: "é漢x", count: 400_000)
    let path = try scratch.write("a.jsonl", "{\"text\":\"\(long)\"}\n{\"text\":\"\(long)y\"}")
    #expect(try reader(path).texts() == [long, long + "y"])
  }

  @Test("a decompression bomb is refused, as text and as lines", arguments: ["gz", "zst"])
  func bomb(format: String) throws {
    let scratch = try Scratch()
    let outer = try DecompressingReader(path: fixtures + "/bomb.\(format).\(format)")
    var bytes: [UInt8] = []
    while let piece = try outer.next() { bytes += piece }
    let text = try scratch.write("a.txt." + format, bytes)
    #expect(throws: CorpusError.self) { try reader(text).all() }
    let lines = try scratch.write("a.jsonl." + format, bytes)
    #expect(throws: CompressionError.self) { try reader(lines).all() }
    #expect(throws: CompressionError.self) {
      try reader(lines) { $0.malformedLines = .skip }.all()
    }
  }

  @Test("a folder, a missing file and a truncated stream are errors with their exit status")
  func broken() throws {
    let scratch = try Scratch()
    let path = try scratch.write("a.jsonl.gz", Array(try fixture("small.jsonl.gz").prefix(900)))
    #expect {
      try reader(path).all()
    } throws: { error in
      guard case .truncated(path, .gzip, 900)? = error as? CompressionError else { return false }
      return true
    }
    #expect(throws: FileError.missing(path: "/nowhere")) { try reader("/nowhere") }
  }
}
