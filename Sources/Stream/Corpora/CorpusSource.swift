import Files

/// One file of a corpus, or the standard input.
public struct CorpusSource: Sendable, Equatable {
  /// The path to open; "-" is the standard input.
  public let path: String
  /// The domain of its documents, unless a JSON field names it.
  public let domain: String
  /// Whether the command line named the domain; a JSON field does not override it then.
  public let isLabelled: Bool

  /// Finds the files that the arguments name, in command-line order.
  ///
  /// - A file stands for itself, whatever its name, and so does each file that a pattern matches.
  /// - A folder stands for the files below it whose names promise documents (.txt, .text, .jsonl,
  ///   .ndjson, .json, each also with .gz, .zst or .zstd) or, when `format` is given, for all files
  ///   below it, in byte order of their names; a folder's contents come at the place of its name.
  ///   Names that begin with a dot are left out. Links to files are followed, links to folders are
  ///   not.
  /// What a folder holds besides is counted, see `PassedOverFiles`.
  /// - A path that exists is never a pattern, even when it holds "*".
  ///
  /// Without a label a domain is the file's name without its endings ("wiki.jsonl.gz" is "wiki"),
  /// "stdin", or for files of a folder that was named the subfolder of it in which they lie; the
  /// files directly in it have the folder's own name.
  ///
  /// - Throws: `FileError` for a path that is not there or not readable; `CorpusError.noMatch`,
  ///   `.noDocuments` when a folder holds none, `.standardInputTwice`, `.tooManyLevels`.
  public static func find(
    _ specifications: [CorpusSpecification], format: CorpusFormat? = nil
  ) throws -> [CorpusSource] {
    try CorpusListing(specifications, format: format).sources
  }
}

/// The files that some arguments name, and those that lie beside them.
struct CorpusListing {
  private(set) var sources: [CorpusSource] = []
  /// In folders: files whose names promise no documents, and links to folders.
  private(set) var passedOver = PassedOverFiles()

  /// - Throws: as `CorpusSource.find`.
  init(_ specifications: [CorpusSpecification], format: CorpusFormat?) throws {
    for specification in specifications { try add(specification, format: format) }
    guard sources.count(where: { $0.path == "-" }) <= 1 else {
      throw CorpusError.standardInputTwice
    }
  }

  // MARK: - Private

  private static let depthLimit = 64

  private mutating func add(_ specification: CorpusSpecification, format: CorpusFormat?) throws {
    let path = specification.path
    if path == "-" {
      sources.append(source(path, specification, derived: "stdin"))
      return
    }
    var paths = [path]
    if Folder.kind(of: path) == .missing {
      guard PathPattern.isPattern(path) else { throw FileError.missing(path: path) }
      paths = try PathPattern.matches(path)
      guard !paths.isEmpty else { throw CorpusError.noMatch(pattern: path) }
    }
    for path in paths {
      switch Folder.kind(of: path) {
      case .missing: throw FileError.missing(path: path)
      case .file, .other:
        sources.append(source(path, specification, derived: FileName.stem(path)))
      case .folder:
        let root = path.hasSuffix("/") && path != "/" ? String(path.dropLast()) : path
        var others = PassedOverFiles()
        let files = try documentFiles(in: root, format: format, depth: 0, others: &others)
        guard !files.isEmpty else {
          throw others.count == 0
            ? CorpusError.noDocuments(paths: [path])
            : .onlyOtherFiles(path: path, passedOver: others)
        }
        passedOver.append(others)
        for file in files {
          let inner = file.dropFirst(root.count).drop { $0 == "/" }
          let components = inner.split(separator: "/")
          let name = components.count > 1 ? String(components[0]) : FileName.folderName(root)
          sources.append(source(file, specification, derived: name))
        }
      }
    }
  }

  private func source(
    _ path: String, _ specification: CorpusSpecification, derived: String
  ) -> CorpusSource {
    CorpusSource(
      path: path,
      domain: specification.domain ?? (DomainName.isUsable(derived) ? derived : "unnamed"),
      isLabelled: specification.domain != nil)
  }

  private func documentFiles(
    in folder: String, format: CorpusFormat?, depth: Int, others: inout PassedOverFiles
  ) throws -> [String] {
    guard depth < Self.depthLimit else {
      throw CorpusError.tooManyLevels(path: folder, limit: Self.depthLimit)
    }
    var files: [String] = []
    for name in try Folder.names(in: folder) where !name.hasPrefix(".") {
      let path = folder.hasSuffix("/") ? folder + name : folder + "/" + name
      let isWanted = format != nil || CorpusFormat(fileName: name) != nil
      switch Folder.kind(of: path) {
      case .folder where !Folder.isSymbolicLink(path):
        files += try documentFiles(in: path, format: format, depth: depth + 1, others: &others)
      case .file where isWanted: files.append(path)
      case .missing where isWanted: throw FileError.missing(path: path)
      default: others.append(path)
      }
    }
    return files
  }
}

/// What the name of a file says.
enum FileName {
  /// The last component of `path` without .gz, .zst or .zstd.
  static func withoutCompression(_ path: String) -> String {
    let name = DurableFile.split(path).name
    let ending = [".gz", ".zst", ".zstd"].first { name.lowercased().hasSuffix($0) }
    return String(name.dropLast(ending?.count ?? 0))
  }

  /// The name without its compression and format endings, as "wiki" of "a/wiki.jsonl.gz".
  static func stem(_ path: String) -> String {
    let name = withoutCompression(path)
    guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return name }
    return String(name[..<dot])
  }

  /// The name of a folder, also of "." and "..", whose names the path does not tell.
  static func folderName(_ path: String) -> String {
    let name = DurableFile.split(path).name
    return name.isEmpty || name == "." || name == ".." ? "corpus" : name
  }
}
