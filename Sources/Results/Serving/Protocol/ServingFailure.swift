/// Why a request gets no result, as OpenAI's clients read it: a status and one JSON object.
public struct ServingFailure: Error, Equatable, Sendable {
  /// Of HTTP.
  public let status: Int
  /// What was expected, what was found, and the next step.
  public let message: String
  /// The field of the request that is wrong, if one is.
  public let field: String?

  public init(_ status: Int, _ message: String, field: String? = nil) {
    self.status = status
    self.message = message
    self.field = field
  }

  /// A request that cannot be answered as it is.
  static func invalid(_ message: String, field: String? = nil) -> ServingFailure {
    ServingFailure(400, message, field: field)
  }

  /// OpenAI's name for the kind of failure.
  var kind: String {
    switch status {
    case 503: "overloaded_error"
    case 500...: "server_error"
    default: "invalid_request_error"
    }
  }

  /// `{"error": {"message", "type", "param", "code"}}`.
  public var json: [UInt8] {
    var writer = JSONWriter()
    writer.raw("{\"error\":{\"message\":")
    writer.string(message)
    writer.raw(",\"type\":")
    writer.string(kind)
    writer.raw(",\"param\":")
    writer.string(field)
    writer.raw(",\"code\":\(status)}}")
    return writer.bytes
  }
}
