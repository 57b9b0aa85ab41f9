import Files

/// One case for each way in which a corpus can be wrong.
public enum CorpusError: ReportableError, Equatable {
  case badArgument(argument: String, reason: String)
  case noMatch(pattern: String)
  case tooManyLevels(path: String, limit: Int)
  case standardInputTwice
  case noDocuments(paths: [String])
  case noTokens(documentCount: Int)
  case malformedLine(path: String, line: Int, problem: LineProblem)
  case onlyMalformedLines(path: String, line: Int, count: Int, problem: LineProblem)
  case invalidUTF8(path: String, line: Int?, offset: Int)
  case documentTooLarge(path: String, limit: Int)
  /// Another kind of file than text or JSON lines, perhaps inside a compressed stream.
  case foreign(path: String, found: ForeignFile, inside: CompressionFormat)
  /// Bytes that are neither text nor of a kind that is known.
  case binary(path: String)
  /// A folder that holds files, and none that is read.
  case onlyOtherFiles(path: String, passedOver: PassedOverFiles)

  public var exitStatus: ExitStatus {
    switch self {
    case .noMatch: .missingInput
    default: .badInput
    }
  }

  public var description: String {
    switch self {
    case .badArgument(let argument, let reason):
      "corpus \"\(argument)\": \(reason); write path or domain=path"
    case .noMatch(let pattern):
      "\(pattern): no file or folder matches this pattern"
    case .tooManyLevels(let path, let limit):
      "\(path): expected folders nested at most \(limit) levels deep, found more"
    case .standardInputTwice:
      "corpus -: the standard input can be read once, found it named twice"
    case .noDocuments(let paths):
      "\(paths.prefix(5).joined(separator: ", ")): expected documents (.txt, .jsonl or .json, also .gz and "
        + ".zst), found none; use --format to read files with other names"
    case .noTokens(let documentCount):
      "expected text, found \(counted(documentCount, "document")) without a token"
    case .malformedLine(let path, let line, let problem):
      "\(path):\(line): \(problem)"
    case .onlyMalformedLines(let path, let line, let count, let problem):
      "\(path):\(line): expected a document now and then, found \(count) malformed lines in a row, "
        + "the last one: \(problem); check --text-field, --domain-field and --format"
    case .invalidUTF8(let path, let line, let offset):
      "\(path)\(line.map { ":\($0)" } ?? ""): expected UTF-8, found an invalid sequence at byte "
        + "\(offset)\(line == nil ? "" : " of the line"); write the file in UTF-8, or choose "
        + "with --invalid-utf8 to replace what is invalid or to skip such documents"
    case .documentTooLarge(let path, let limit):
      "\(path): expected a document of at most \(limit) bytes, found a larger one; cut it into "
        + "several documents\(path.hasSuffix(".txt") ? "" : " or decompress the file first")"
    case .foreign(let path, let found, let inside):
      "\(path): expected text or JSON lines, found \(found.name)"
        + (inside == .none ? "" : " inside the \(inside.rawValue) stream") + "; "
        + CorpusError.advice(found, path: path, inside: inside)
    case .binary(let path):
      "\(path): expected text or JSON lines, found bytes of another kind (zeros, and no UTF-8); name "
        + "files of text"
    case .onlyOtherFiles(let path, let passedOver):
      "\(path): expected documents (.txt, .jsonl or .json, also .gz and .zst), found \(passedOver); "
        + (passedOver.advice ?? "use --format to read files with other names")
    }
  }
}

extension CorpusError {
  /// The next step; inside a compressed stream the stream is unpacked on the way.
  fileprivate static func advice(
    _ found: ForeignFile, path: String, inside: CompressionFormat
  ) -> String {
    guard inside != .none else { return found.textAdvice(path: path) }
    let advice = found.textAdvice(path: "-")
    let program = inside.rawValue
    guard advice.contains("… |") else {
      return path == "-" ? advice : "unpack it: \(program) -d \(shellPath(path))"
    }
    let source =
      path == "-" ? "… | \(program) -dc |" : "\(program) -dc \(shellPath(path)) |"
    return advice.replacing("… |", with: source, maxReplacements: 1)
  }
}

/// What is wrong with one JSON line.
public enum LineProblem: Error, Equatable, CustomStringConvertible {
  case notJSON(offset: Int, expected: String)
  case tooDeep(limit: Int)
  /// The line ends inside its object.
  case unfinished
  case notAnObject(found: String)
  case missingField(String)
  case wrongType(field: String, found: String)
  case tooLong(limit: Int)
  case unusableDomain(field: String)

  public var description: String {
    switch self {
    case .notJSON(let offset, let expected):
      "expected one JSON object in the line, found a mistake at byte \(offset): "
        + "expected \(expected)"
    case .unfinished:
      "expected one JSON object in one line, found one that goes on over several lines or is cut "
        + "short; jq -c . writes each object in one line"
    case .tooDeep(let limit):
      "expected JSON nested at most \(limit) levels deep, found more"
    case .notAnObject(let found):
      "expected one JSON object in the line, found \(found)"
        + (found == "an array" ? "; turn an array into lines with jq -c '.[]'" : "")
    case .missingField(let field):
      "expected the field \"\(field)\", found an object without it"
    case .wrongType(let field, let found):
      "field \"\(field)\": expected a string, found \(found)"
    case .tooLong(let limit):
      "expected a line of at most \(limit) bytes, found a longer one"
    case .unusableDomain(let field):
      "field \"\(field)\": expected a name of 1 to \(DomainName.byteLimit) bytes without control "
        + "characters, found something else"
    }
  }
}

/// The rule for names of domains: they become labels of results and keys of JSON.
enum DomainName {
  /// The longest name, in bytes.
  static let byteLimit = 256

  /// Whether `name` may name a domain: 1 to 256 bytes and no control characters.
  static func isUsable(_ name: String) -> Bool {
    (1...byteLimit).contains(name.utf8.count)
      && !name.unicodeScalars.contains { $0.properties.generalCategory == .control }
  }
}
