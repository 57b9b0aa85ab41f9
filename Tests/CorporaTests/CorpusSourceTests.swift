import Corpora
import Files
import Foundation
import Testing

@Suite struct CorpusSourceTests {
  private func find(_ scratch: Scratch, _ argument: String, format: CorpusFormat? = nil) throws
    -> [String]
  {
    let specification = try CorpusSpecification(parsing: argument)
    return try CorpusSource.find([specification], format: format).map {
      $0.domain + ":" + $0.path.dropFirst(scratch.path.count + 1)
    }
  }

  @Test("a folder gives its documents in byte order; subfolders name domains")
  func folder() throws {
    let scratch = try Scratch()
    let names = [
      "c/code/b.txt", "c/code/a.txt.gz", "c/books/x/deep.jsonl", "c/Top.json", "c/README.md",
      "c/.hidden.txt", "c/code/.git/x.txt",
    ]
    for name in names { try scratch.write(name, "x") }
    let expected = [
      "c:c/Top.json", "books:c/books/x/deep.jsonl", "code:c/code/a.txt.gz", "code:c/code/b.txt",
    ]
    #expect(try find(scratch, scratch.path + "/c") == expected)
    #expect(try find(scratch, scratch.path + "/c/") == expected)
    #expect(try find(scratch, "all=" + scratch.path + "/c/code").first == "all:c/code/a.txt.gz")
    #expect(try find(scratch, scratch.path + "/c", format: .text).count == 5)
  }

  @Test("a file's domain is its name without endings")
  func file() throws {
    let scratch = try Scratch()
    try scratch.write("wiki.en.jsonl.zst", "x")
    try scratch.write("notes", "x")
    #expect(try find(scratch, scratch.path + "/wiki.en.jsonl.zst") == ["wiki.en:wiki.en.jsonl.zst"])
    #expect(try find(scratch, scratch.path + "/n*") == ["notes:notes"])
    #expect(try find(scratch, "d=" + scratch.path + "/*") == ["d:notes", "d:wiki.en.jsonl.zst"])
  }

  @Test("links to files are followed and links to folders are not")
  func links() throws {
    let scratch = try Scratch()
    try scratch.write("blobs/1", "x")
    try scratch.write("c/a.txt", "x")
    let manager = FileManager.default
    try manager.createSymbolicLink(
      atPath: scratch.path + "/c/b.txt", withDestinationPath: "../blobs/1")
    try manager.createSymbolicLink(atPath: scratch.path + "/c/loop", withDestinationPath: "../c")
    #expect(try find(scratch, scratch.path + "/c") == ["c:c/a.txt", "c:c/b.txt"])
    try manager.createSymbolicLink(
      atPath: scratch.path + "/c/z.txt", withDestinationPath: "nowhere")
    #expect(throws: FileError.missing(path: scratch.path + "/c/z.txt")) {
      try find(scratch, scratch.path + "/c")
    }
  }

  @Test("what is not there is an error that says so")
  func missing() throws {
    let scratch = try Scratch()
    #expect(throws: FileError.missing(path: "/nowhere/x")) { try find(scratch, "/nowhere/x") }
    let pattern = scratch.path + "/*.txt"
    #expect(throws: CorpusError.noMatch(pattern: pattern)) { try find(scratch, pattern) }
    #expect(CorpusError.noMatch(pattern: pattern).exitStatus == .missingInput)
    #expect(throws: CorpusError.noDocuments(paths: [scratch.path])) {
      try find(scratch, scratch.path)
    }
    let input = CorpusSpecification(path: "-")
    #expect(throws: CorpusError.standardInputTwice) { try CorpusSource.find([input, input]) }
  }
}
