import Foundation

/// One case for each way in which a JSON file can be wrong.
public enum JSONError: ReportableError, Equatable {
  case tooDeep(path: String, limit: Int)
  case malformed(path: String, reason: String)
  case duplicateKey(path: String, key: String)
  case wrongShape(path: String, field: String, reason: String)
  case foreign(ForeignFileError)

  public var exitStatus: ExitStatus { .badInput }

  public var description: String {
    switch self {
    case .tooDeep(let path, let limit):
      "\(path): expected JSON nested at most \(limit) levels deep, found more"
    case .malformed(let path, let reason):
      "\(path): expected JSON, found something else: \(reason)"
    case .duplicateKey(let path, let key):
      "\(path): the key \"\(key)\" stands twice in one object"
    case .wrongShape(let path, let field, let reason):
      "\(path): field \(field): \(reason)"
    case .foreign(let error): error.description
    }
  }
}

/// Reading JSON that others wrote: Foundation's decoder behind a depth limit, with errors that
/// name the file and the field.
public enum JSONText {
  /// Deeper nesting is refused before a recursive parser sees it.
  public static let depthLimit = 64

  /// Decodes `bytes` as a `Value`.
  ///
  /// - Parameter path: names the file in errors.
  /// - Throws: `JSONError.foreign` for a file that is another one altogether.
  public static func decode<Value: Decodable>(
    _ type: Value.Type, from bytes: [UInt8], path: String
  ) throws(JSONError) -> Value {
    do throws(JSONError) {
      return try decodeKnown(type, from: bytes, path: path)
    } catch {
      guard case .malformed = error, let foreign = foreign(bytes, path: path) else { throw error }
      throw .foreign(foreign)
    }
  }

  /// What stands in a JSON file's place; nil where it is JSON, or like nothing that is known.
  private static func foreign(_ bytes: [UInt8], path: String) -> ForeignFileError? {
    guard let found = ForeignFile(firstBytes: bytes),
      found.kind != .jsonObject, found.kind != .jsonArray
    else { return nil }
    return ForeignFileError(path: path, expected: "a JSON file", found: found)
  }

  private static func decodeKnown<Value: Decodable>(
    _ type: Value.Type, from bytes: [UInt8], path: String
  ) throws(JSONError) -> Value {
    try checkDepth(bytes, path: path)
    do {
      return try JSONDecoder().decode(type, from: Data(bytes))
    } catch let error as DecodingError {
      throw translate(error, path: path)
    } catch {
      throw .malformed(path: path, reason: "\(error)")
    }
  }

  /// Encodes a value with sorted keys and two-space indentation, ending in a newline, so that equal
  /// values give equal bytes.
  public static func encode<Value: Encodable>(_ value: Value) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    return [UInt8](try encoder.encode(value)) + [UInt8(ascii: "\n")]
  }

  /// - Throws: `JSONError.tooDeep` when brackets outside strings nest beyond `depthLimit`.
  public static func checkDepth(_ bytes: [UInt8], path: String) throws(JSONError) {
    var depth = 0
    var inString = false
    var escaped = false
    for byte in bytes {
      if inString {
        if escaped {
          escaped = false
        } else if byte == UInt8(ascii: "\\") {
          escaped = true
        } else if byte == UInt8(ascii: "\"") {
          inString = false
        }
        continue
      }
      switch byte {
      case UInt8(ascii: "\""): inString = true
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        depth += 1
        if depth > depthLimit { throw .tooDeep(path: path, limit: depthLimit) }
      case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
      default: break
      }
    }
  }

  private static func translate(_ error: DecodingError, path: String) -> JSONError {
    func field(_ context: DecodingError.Context, _ last: String? = nil) -> String {
      let parts = context.codingPath.map(\.stringValue) + (last.map { [$0] } ?? [])
      return parts.isEmpty ? "(top level)" : parts.joined(separator: ".")
    }
    switch error {
    case .keyNotFound(let key, let context):
      return .wrongShape(
        path: path, field: field(context, key.stringValue), reason: "expected, not found")
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      return .wrongShape(path: path, field: field(context), reason: context.debugDescription)
    case .dataCorrupted(let context):
      return context.codingPath.isEmpty
        ? .malformed(path: path, reason: context.debugDescription)
        : .wrongShape(path: path, field: field(context), reason: context.debugDescription)
    @unknown default:
      return .malformed(path: path, reason: "\(error)")
    }
  }
}
