/// Checks that an HTML page of our own making closes what it opens: a small scanner, no parser. It
/// knows comments, void elements, and that scripts and styles hold no markup.
struct TagBalance {
  private(set) var problems: [String] = []
  private(set) var identifiers: [String] = []
  private(set) var headings: [Int] = []
  private(set) var addresses: [String] = []

  private static let void: Set<String> = ["meta", "link", "br", "hr", "img", "input", "path"]

  init(_ page: String) {
    var open: [String] = []
    var rest = page[...]
    while let start = rest.firstIndex(of: "<") {
      rest = rest[start...]
      guard let end = rest.firstIndex(of: ">") else {
        problems.append("a tag never ends")
        return
      }
      let tag = rest[rest.index(after: start)..<end]
      rest = rest[rest.index(after: end)...]
      if tag.hasPrefix("!") { continue }
      if tag.hasPrefix("/") {
        let name = String(tag.dropFirst())
        if open.popLast() != name { problems.append("</\(name)> closes what is not open") }
        continue
      }
      let name = String(tag.prefix { $0 != " " && $0 != "\n" && $0 != "/" })
      if !name.allSatisfy({ $0.isLetter || $0.isNumber }) || name.isEmpty {
        problems.append("<\(tag.prefix(20))> is no tag")
      }
      note(tag)
      if name.count == 2, name.hasPrefix("h"), let level = Int(name.dropFirst()) {
        headings.append(level)
      }
      if tag.hasSuffix("/") || Self.void.contains(name) { continue }
      open.append(name)
      if name == "script" || name == "style" {
        guard let close = rest.range(of: "</\(name)") else {
          problems.append("<\(name)> never ends")
          return
        }
        rest = rest[close.lowerBound...]
      }
    }
    if !open.isEmpty { problems.append("left open: \(open)") }
  }

  private mutating func note(_ tag: Substring) {
    for (attribute, keep) in [(" id=\"", true), (" href=\"", false), (" src=\"", false)] {
      guard let start = tag.range(of: attribute)?.upperBound else { continue }
      let value = String(tag[start...].prefix { $0 != "\"" })
      if keep { identifiers.append(value) } else { addresses.append(value) }
    }
  }
}
