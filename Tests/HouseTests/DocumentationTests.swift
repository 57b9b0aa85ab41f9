import Foundation
import Testing

/// Whatever the documents name has to be there: files, types, functions, tests and links.
@Suite("Documents and what they name")
struct DocumentationTests {
  @Test("PaperToCode names files, types, functions and tests that exist")
  func paperToCode() throws {
    let article = try text("\(Self.catalogue)/PaperToCode.md")
    let code = try Code()
    var count = 0
    for span in spans(of: article, between: "`") {
      count += 1
      #expect(code.has(span), "PaperToCode names `\(span)`, which is nowhere")
    }
    for title in spans(of: article, between: "“", and: "”") {
      count += 1
      #expect(code.hasTest(title), "PaperToCode names the test “\(title)”, which is nowhere")
    }
    // Every equation, figure and table has its row.
    for row in (1...18).map({ "| Eq. \($0) " }) + (1...12).map({ "| Fig. \($0) " })
      + (1...5).map({ "| Table \($0) " })
    {
      #expect(article.contains(row), "PaperToCode has no row \(row)")
    }
    #expect(count > 120)
    #expect(!code.has("Sources/Nowhere.swift"))
    #expect(!code.has("NoSuchType"))
    #expect(!code.has("noSuchFunction()"))
    #expect(!code.hasTest("no such test"))
  }

  @Test("Repository paths that documents name exist", arguments: documents)
  func paths(document: String) throws {
    let roots = ["Sources/", "Tests/", "reports/", "Benchmarks/", "notebooks-data/", ".ci/"]
    for span in spans(of: try text(document), between: "`") {
      guard roots.contains(where: span.hasPrefix), !span.contains(where: { "*… ".contains($0) })
      else { continue }
      #expect(exists(span), "\(document) names \(span), which is not there")
    }
  }

  @Test("Relative links and pictures lead somewhere", arguments: documents)
  func links(document: String) throws {
    let folder = Self.root.appending(path: document).deletingLastPathComponent()
    let source = try text(document)
    for match in source.matches(of: try Regex(#"\]\(([^)\s]+)\)"#)) {
      let link = String(source[match.output[1].range ?? source.startIndex..<source.startIndex])
      guard !link.contains("://"), !link.hasPrefix("#"), !link.hasPrefix("doc:") else { continue }
      let path = link.split(separator: "#").first.map(String.init) ?? link
      #expect(
        FileManager.default.fileExists(atPath: folder.appending(path: path).path),
        "\(document) links to \(link), which is not there")
    }
    for match in source.matches(of: try Regex(#"doc:([A-Za-z0-9-]+)"#)) {
      let name = String(source[match.output[1].range ?? source.startIndex..<source.startIndex])
      #expect(
        exists("\(Self.catalogue)/\(name).md"), "\(document) links to \(name), which is not there")
    }
  }

  @Test("README is one page: at most 120 lines of at most 120 columns, and names every article")
  func readme() throws {
    let lines = try text("README.md").split(separator: "\n", omittingEmptySubsequences: false)
    // What stands behind the last newline is no line.
    #expect(lines.dropLast(lines.last == "" ? 1 : 0).count <= 120)
    for line in lines { #expect(line.count <= 120, "README: \(line)") }
    let readme = lines.joined(separator: "\n")
    for article in Self.articles where article != "MoHD.md" {
      #expect(readme.contains("\(Self.catalogue)/\(article)"), "README does not name \(article)")
    }
  }

  // MARK: - Private

  private static let root = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
  private static let catalogue = "Sources/Pages/MoHD/MoHD.docc"

  private static let articles =
    ((try? FileManager.default
    .contentsOfDirectory(atPath: root.appending(path: catalogue).path)) ?? [])
    .filter { $0.hasSuffix(".md") }.sorted()

  static let documents = ["README.md"] + articles.map { "\(catalogue)/\($0)" }

  private func text(_ path: String) throws -> String {
    try String(contentsOf: Self.root.appending(path: path), encoding: .utf8)
  }

  private func exists(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: Self.root.appending(path: path).path)
  }

  /// What stands between two marks on one line, code blocks left out.
  private func spans(
    of text: String, between open: Character, and close: Character? = nil
  ) -> [String] {
    var isCode = false
    return text.split(separator: "\n").flatMap { line -> [String] in
      if line.hasPrefix("```") { isCode.toggle() }
      guard !isCode, !line.hasPrefix("```") else { return [] }
      var spans: [String] = []
      var start: String.Index?
      for index in line.indices {
        if let begin = start, line[index] == close ?? open {
          spans.append(String(line[begin..<index]))
          start = nil
        } else if start == nil, line[index] == open {
          start = line.index(after: index)
        }
      }
      return spans
    }
  }

  /// Everything that a document can name, read once.
  private struct Code {
    /// Titles of tests and suites, and names of Python's test functions.
    private var tests: Set<String> = []
    /// Of types, functions, cases and properties.
    private var names: Set<String> = []

    init() throws {
      for folder in ["Sources", "Tests"] {
        let path = DocumentationTests.root.appending(path: folder)
        let walk = FileManager.default.enumerator(at: path, includingPropertiesForKeys: nil)
        for case let file as URL in walk ?? .init()
        where ["swift", "py"].contains(file.pathExtension) {
          let text = try String(contentsOf: file, encoding: .utf8)
          readNames(text)
          guard folder == "Tests", file.pathExtension == "swift" else { continue }
          for line in text.split(separator: "\n") {
            // A title stands behind the macro, or alone on the next line.
            let line = line.drop { $0 == " " }
            guard line.hasPrefix("@Test(") || line.hasPrefix("@Suite(") || line.hasPrefix("\"")
            else { continue }
            let parts = line.split(separator: "\"", maxSplits: 2, omittingEmptySubsequences: false)
            if parts.count == 3 { tests.insert(String(parts[1])) }
          }
        }
      }
      tests.formUnion(names.filter { $0.hasPrefix("test_") })
    }

    func hasTest(_ title: String) -> Bool { tests.contains(title) }

    /// Takes each word behind one that declares it.
    private mutating func readNames(_ text: String) {
      let declaring: Set = [
        "struct", "class", "enum", "protocol", "typealias", "func", "def", "case", "var", "let",
      ]
      var before = ""
      for bytes in text.utf8.split(whereSeparator: { !Self.isWord($0) }) {
        let word = String(Substring(bytes))
        if declaring.contains(before) { names.insert(word) }
        before = word
      }
    }

    private static func isWord(_ byte: UInt8) -> Bool {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...:
        true
      default: false
      }
    }

    /// A path, `name(…)` of a function, or a type, `Outer.member` and `Type+Extension` included.
    func has(_ span: String) -> Bool {
      if span.contains("/") || span.contains(".swift") {
        return FileManager.default.fileExists(
          atPath: DocumentationTests.root.appending(path: span).path)
      }
      let name = span.split(separator: "(").first.map(String.init) ?? span
      let parts = name.split(separator: ".").map(String.init)
      return !parts.isEmpty && parts.allSatisfy(names.contains)
    }
  }
}
