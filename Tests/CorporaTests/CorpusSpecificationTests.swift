import Corpora
import Testing

@Suite struct CorpusSpecificationTests {
  @Test(
    "an argument is a path or domain=path",
    arguments: [
      ("books", nil, "books"), ("-", nil, "-"), ("web=-", "web", "-"),
      ("code=src/*.txt", "code", "src/*.txt"), ("a=b=c.txt", "a", "b=c.txt"),
      ("./a=b.txt", nil, "./a=b.txt"), ("runs/x=1/c.jsonl", nil, "runs/x=1/c.jsonl"),
      ("*=x", nil, "*=x"), ("questions and answers=q.jsonl", "questions and answers", "q.jsonl"),
    ] as [(String, String?, String)])
  func parses(argument: String, domain: String?, path: String) throws {
    let parsed = try CorpusSpecification(parsing: argument)
    #expect(parsed == CorpusSpecification(domain: domain, path: path))
  }

  @Test("an empty path or an unusable domain is refused", arguments: ["", "=x", "a=", "a\nb=x"])
  func refuses(argument: String) {
    #expect {
      try CorpusSpecification(parsing: argument)
    } throws: { error in
      guard case .badArgument = error as? CorpusError else { return false }
      return true
    }
  }

  @Test("a domain has at most 256 bytes")
  func longDomain() throws {
    let name = String(repeating: "d", count: 256)
    #expect(try CorpusSpecification(parsing: name + "=x").domain == name)
    #expect(throws: CorpusError.self) { try CorpusSpecification(parsing: name + "d=x") }
  }

  @Test(
    "a name promises its format with the compression ending stripped",
    arguments: [
      ("a.txt", .text), ("a.txt.gz", .text), ("A.TXT.ZST", .text), ("a.jsonl", .jsonLines),
      ("x/a.json.zst", .jsonLines), ("a.ndjson", .jsonLines), ("a.md", nil), ("a.gz", nil),
      ("a", nil), ("a.txt.bz2", nil),
    ] as [(String, CorpusFormat?)])
  func formats(name: String, format: CorpusFormat?) {
    #expect(CorpusFormat(fileName: name) == format)
  }
}
