import Corpora
import Testing

@Suite struct PathPatternTests {
  @Test(
    "a name matches as in a shell",
    arguments: [
      ("abc", "*", true), ("abc", "a*c", true), ("abc", "a?c", true), ("ac", "a?c", false),
      ("abc", "[a-c]b[!x]", true), ("abc", "[^a]*", false), ("a]c", "a[]]c", true),
      ("a[c", "a[c", true), ("a-c", "a[b-]c", true), (".x", "*", false), (".x", ".*", true),
      ("漢字", "??", true), ("", "*", true), ("abc", "", false), ("a*c", "a[*]c", true),
    ])
  func matches(name: String, component: String, result: Bool) {
    #expect(PathPattern.matches(name: name, component: component) == result)
  }

  @Test("a row of stars takes no exponential time", .timeLimit(.minutes(1)))
  func stars() {
    let name = String(repeating: "a", count: 250)
    let component = String(repeating: "*a", count: 100) + "b"
    #expect(!PathPattern.matches(name: name, component: component))
  }

  @Test("matches come in byte order and ** enters folders")
  func folders() throws {
    let scratch = try Scratch()
    for name in ["b/x.txt", "a/y.txt", "a/b/z.txt", "top.txt", "a/.hidden.txt", "a/n.md"] {
      try scratch.write(name, "x")
    }
    func found(_ pattern: String) throws -> [String] {
      try PathPattern.matches(scratch.path + "/" + pattern).map {
        String($0.dropFirst(scratch.path.count + 1))
      }
    }
    #expect(try found("*/*.txt") == ["a/y.txt", "b/x.txt"])
    #expect(try found("**/*.txt") == ["top.txt", "a/y.txt", "a/b/z.txt", "b/x.txt"])
    #expect(try found("?/[xy].txt") == ["a/y.txt", "b/x.txt"])
    #expect(try found("a/*") == ["a/b", "a/n.md", "a/y.txt"])
    #expect(try found("nothing*/x") == [])
  }
}
