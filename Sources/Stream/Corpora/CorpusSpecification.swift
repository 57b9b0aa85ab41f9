/// One argument of `--corpus`: where text is, and perhaps the domain it belongs to.
///
/// An argument is `path` or `domain=path`. What stands before the first "=" is the domain unless it
/// holds "/", "*", "?" or "[": so `./a=b.txt` is a path whose name holds "=". A path is a file, a
/// folder, a pattern (see `PathPattern`) or `-`, the standard input.
public struct CorpusSpecification: Sendable, Equatable {
  /// The domain of every document found here; nil when the argument names none.
  public let domain: String?
  /// A file, a folder, a pattern, or "-".
  public let path: String

  public init(domain: String? = nil, path: String) {
    self.domain = domain
    self.path = path
  }

  /// Parses one argument of the command line.
  ///
  /// - Throws: `CorpusError.badArgument` for an empty domain or path, or a domain with control
  ///   characters.
  public init(parsing argument: String) throws(CorpusError) {
    guard let equals = argument.firstIndex(of: "="),
      !argument[..<equals].contains(where: { "/*?[".contains($0) })
    else {
      guard !argument.isEmpty else {
        throw .badArgument(argument: argument, reason: "expected a path, found nothing")
      }
      guard !argument.utf8.contains(0) else {
        throw .badArgument(argument: argument, reason: "a path cannot hold a zero byte")
      }
      self.init(path: argument)
      return
    }
    let domain = String(argument[..<equals])
    let path = String(argument[argument.index(after: equals)...])
    guard DomainName.isUsable(domain) else {
      throw .badArgument(
        argument: argument,
        reason: "expected a domain of 1 to \(DomainName.byteLimit) bytes without control "
          + "characters before \"=\"")
    }
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw .badArgument(argument: argument, reason: "expected a path after \"=\"")
    }
    self.init(domain: domain, path: path)
  }
}

/// What is inside a file, once it is decompressed.
public enum CorpusFormat: String, Sendable, Equatable, CaseIterable, Codable {
  /// The whole file is one document, its bytes verbatim.
  case text
  /// Each line is a JSON object that holds one document.
  case jsonLines = "jsonl"

  /// The format that a file's name promises, with .gz, .zst or .zstd stripped; nil when it
  /// promises none, and the first byte that is not blank decides.
  public init?(fileName: String) {
    let stem = FileName.withoutCompression(fileName).lowercased()
    if [".txt", ".text"].contains(where: stem.hasSuffix) {
      self = .text
    } else if [".jsonl", ".ndjson", ".json"].contains(where: stem.hasSuffix) {
      self = .jsonLines
    } else {
      return nil
    }
  }
}

/// How corpora are read: everything about them that an option of the command line decides.
public struct CorpusOptions: Sendable, Equatable, Codable {
  /// What to do with a JSON line that holds no document.
  public enum MalformedLinePolicy: String, Sendable, Equatable, CaseIterable, Codable {
    case fail, skip
  }

  /// What to do with a document that is not UTF-8. `replace` puts U+FFFD for each maximal part of
  /// an invalid sequence, as Python's errors="replace" does.
  public enum InvalidUTF8Policy: String, Sendable, Equatable, CaseIterable, Codable {
    case fail, replace, skip
  }

  /// The JSON field that holds a document's text. Here and below a dot steps into an inner object:
  /// "meta.source" is the field "source" of the object "meta".
  public var textField = "text"
  /// The JSON field that names a document, a string or a number, where it is there; nil for none.
  public var identifierField: String?
  /// The JSON field that names a document's domain; nil for none.
  public var domainField: String?
  /// What is inside every file; nil when its name decides, or else its first byte.
  public var format: CorpusFormat?
  public var malformedLines = MalformedLinePolicy.fail
  public var invalidUTF8 = InvalidUTF8Policy.fail

  public init() {}
}
