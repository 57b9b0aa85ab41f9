import Files

/// Finds the files that a pattern names, as a shell does but the same on every machine.
///
/// `*` stands for any bytes of a name, `?` for one character, `[a-z]` and `[!a-z]` for one of a
/// set, `**` as a whole component for any number of folders, none included. Names that begin with a
/// dot match only a pattern that does. Matches come in byte order of their names.
public enum PathPattern {
  /// Folders deeper than this are not entered by `**`.
  static let depthLimit = 64

  /// Whether `path` holds a character that makes it a pattern.
  public static func isPattern(_ path: String) -> Bool {
    path.utf8.contains { $0 == star || $0 == question || $0 == bracket }
  }

  /// The paths that match `pattern`, without duplicates.
  ///
  /// - Throws: `FileError.unreadable` for a folder that cannot be listed.
  public static func matches(_ pattern: String) throws -> [String] {
    let components = pattern.utf8.split(separator: UInt8(ascii: "/")).map { String($0) ?? "" }
    var paths = [pattern.hasPrefix("/") ? "/" : ""]
    for (index, component) in components.enumerated() {
      let isLast = index == components.count - 1
      var next: [String] = []
      for path in paths {
        next += try step(from: path, by: component, wantsFolder: !isLast)
      }
      var seen: Set<String> = []
      paths = next.filter { seen.insert($0).inserted }
      if paths.isEmpty { return [] }
    }
    return paths.map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 }.filter { !$0.isEmpty }
  }

  /// Whether one file name matches one component of a pattern.
  ///
  /// - Complexity: O(name × component); a row of stars cannot make it exponential.
  public static func matches(name: String, component: String) -> Bool {
    if name.hasPrefix(".") && !component.hasPrefix(".") { return false }
    let name = Array(name.unicodeScalars)
    let tokens = tokenise(component)
    var (inName, inPattern) = (0, 0)
    // Where the last star stands, and how much of the name it has taken so far.
    var (starToken, starName) = (-1, 0)
    while inName < name.count {
      if inPattern < tokens.count, case .many = tokens[inPattern] {
        (starToken, starName) = (inPattern, inName)
        inPattern += 1
      } else if inPattern < tokens.count, tokens[inPattern].accepts(name[inName]) {
        inName += 1
        inPattern += 1
      } else if starToken >= 0 {
        starName += 1
        (inName, inPattern) = (starName, starToken + 1)
      } else {
        return false
      }
    }
    return tokens[inPattern...].allSatisfy { if case .many = $0 { true } else { false } }
  }

  // MARK: - Private

  private static let star = UInt8(ascii: "*")
  private static let question = UInt8(ascii: "?")
  private static let bracket = UInt8(ascii: "[")

  private enum Token {
    case one
    case many
    case exactly(Unicode.Scalar)
    case set([ClosedRange<Unicode.Scalar>], isNegated: Bool)

    func accepts(_ scalar: Unicode.Scalar) -> Bool {
      switch self {
      case .one: true
      case .many: false
      case .exactly(let wanted): scalar == wanted
      case .set(let ranges, let isNegated):
        ranges.contains { $0.contains(scalar) } != isNegated
      }
    }
  }

  private static func step(
    from path: String, by component: String, wantsFolder: Bool
  ) throws -> [String] {
    if component == "**" {
      var found: [String] = []
      try collectFolders(from: path, depth: 0, into: &found)
      guard !wantsFolder else { return found }
      return try found.flatMap { try step(from: $0, by: "*", wantsFolder: false) }
    }
    guard isPattern(component) else {
      let kind = Folder.kind(of: path + component)
      guard kind != .missing, !wantsFolder || kind == .folder else { return [] }
      return [path + component + (wantsFolder ? "/" : "")]
    }
    return try Folder.names(in: path.isEmpty ? "." : path)
      .filter { matches(name: $0, component: component) }
      .filter { !wantsFolder || Folder.kind(of: path + $0) == .folder }
      .map { path + $0 + (wantsFolder ? "/" : "") }
  }

  /// `path` and every folder below it, without following symbolic links.
  private static func collectFolders(
    from path: String, depth: Int, into found: inout [String]
  ) throws {
    found.append(path)
    guard depth < depthLimit else { return }
    for name in try Folder.names(in: path.isEmpty ? "." : path) where !name.hasPrefix(".") {
      let inner = path + name
      if Folder.kind(of: inner) == .folder && !Folder.isSymbolicLink(inner) {
        try collectFolders(from: inner + "/", depth: depth + 1, into: &found)
      }
    }
  }

  private static func tokenise(_ component: String) -> [Token] {
    let scalars = Array(component.unicodeScalars)
    var tokens: [Token] = []
    var index = 0
    while index < scalars.count {
      switch scalars[index] {
      case "*": tokens.append(.many)
      case "?": tokens.append(.one)
      case "[":
        if let (set, next) = characterSet(scalars, from: index) {
          tokens.append(set)
          index = next
          continue
        }
        tokens.append(.exactly("["))
      default: tokens.append(.exactly(scalars[index]))
      }
      index += 1
    }
    return tokens
  }

  /// The set that begins with the bracket at `start` and the index behind it; nil when it has no
  /// end, and the bracket then stands for itself. A "]" that comes first belongs to the set.
  private static func characterSet(
    _ scalars: [Unicode.Scalar], from start: Int
  ) -> (Token, Int)? {
    var index = start + 1
    let isNegated = index < scalars.count && (scalars[index] == "!" || scalars[index] == "^")
    if isNegated { index += 1 }
    let first = index
    var ranges: [ClosedRange<Unicode.Scalar>] = []
    while index < scalars.count {
      if scalars[index] == "]" && index > first {
        return (.set(ranges, isNegated: isNegated), index + 1)
      }
      if index + 2 < scalars.count, scalars[index + 1] == "-", scalars[index + 2] != "]" {
        if scalars[index] <= scalars[index + 2] {
          ranges.append(scalars[index]...scalars[index + 2])
        }
        index += 3
      } else {
        ranges.append(scalars[index]...scalars[index])
        index += 1
      }
    }
    return nil
  }
}
