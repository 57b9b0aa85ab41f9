import Files

/// One case for each way in which a model's configuration can be wrong or beyond this project.
public enum ConfigurationError: ReportableError, Equatable {
  case unsupported(path: String, field: String, found: String, supported: [String])
  case outOfRange(path: String, field: String, found: String, expected: String)
  case inconsistent(path: String, reason: String)

  public var exitStatus: ExitStatus { .badInput }

  public var description: String {
    switch self {
    case .unsupported(let path, let field, let found, let supported):
      "\(path): \(field): \(printable(found)) is not supported; supported: "
        + supported.joined(separator: ", ")
    case .outOfRange(let path, let field, let found, let expected):
      "\(path): \(field): expected \(expected), found \(printable(found))"
    case .inconsistent(let path, let reason):
      "\(path): \(reason)"
    }
  }
}
