import Files

/// One case for each way in which a tokenizer's files can be wrong or beyond us.
public enum TokenizerError: ReportableError, Equatable {
  case noTokenizer(folder: String)
  case malformedJSON(file: String, offset: Int, reason: String)
  case malformedProtobuf(file: String, offset: Int, reason: String)
  case wrongField(file: String, field: String, expected: String, found: String)
  case unsupported(file: String, field: String, found: String, supported: String)
  case duplicateToken(file: String, token: String)
  case duplicateIdentifier(file: String, token: String, id: Int)
  case identifierOutOfRange(file: String, token: String, id: Int, limit: Int)
  case unknownMergeToken(file: String, merge: Int, token: String)
  case limitExceeded(file: String, field: String, found: Int, limit: Int)

  public var exitStatus: ExitStatus {
    switch self {
    case .noTokenizer: .missingInput
    default: .badInput
    }
  }

  public var description: String {
    switch self {
    case .noTokenizer(let folder):
      "\(folder): expected tokenizer.json or tokenizer.model, found neither; "
        + "copy one of them from the model's repository"
    case .malformedJSON(let file, let offset, let reason):
      "\(file): byte \(offset): expected JSON, found something else: \(reason)"
    case .malformedProtobuf(let file, let offset, let reason):
      "\(file): byte \(offset): expected a SentencePiece model, found something else: \(reason)"
    case .wrongField(let file, let field, let expected, let found):
      "\(file): field \(field): expected \(expected), found \(found)"
    case .unsupported(let file, let field, let found, let supported):
      "\(file): field \(field): \(found) is not supported; supported: \(supported)"
    case .duplicateToken(let file, let token):
      "\(file): the token \"\(token)\" stands twice in the vocabulary"
    case .duplicateIdentifier(let file, let token, let id):
      "\(file): the token \"\(token)\" has the id \(id), which another token has already"
    case .identifierOutOfRange(let file, let token, let id, let limit):
      "\(file): the token \"\(token)\": expected an id from 0 to \(limit - 1), found \(id)"
    case .unknownMergeToken(let file, let merge, let token):
      "\(file): merge \(merge): expected tokens of the vocabulary, found \"\(token)\""
    case .limitExceeded(let file, let field, let found, let limit):
      "\(file): field \(field): expected at most \(limit), found \(found)"
    }
  }

  /// A token as text for a message: invalid UTF-8 repaired, long ones cut, control characters
  /// escaped.
  static func excerpt(_ bytes: some Collection<UInt8>) -> String {
    let text = String(decoding: bytes.prefix(60), as: UTF8.self)
    let escaped = text.unicodeScalars.map { scalar in
      scalar.value < 0x20 || scalar.value == 0x7F ? scalar.escaped(asASCII: true) : String(scalar)
    }
    return escaped.joined() + (bytes.count > 60 ? "…" : "")
  }
}
