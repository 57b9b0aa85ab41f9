/// Writes answers as HTTP/1.1.
enum HTTPAnswer {
  /// - Parameters:
  ///   - closes: whether the connection ends with this answer.
  ///   - isHead: whether HEAD was asked: all but the body.
  static func bytes(
    _ answer: ScoringService.Answer, closes: Bool, isHead: Bool = false
  ) -> [UInt8] {
    var head = "HTTP/1.1 \(answer.status) \(phrase(answer.status))\r\n"
    head += "Content-Type: application/json\r\nContent-Length: \(answer.json.count)\r\n"
    if let allowed = answer.allowed { head += "Allow: \(allowed)\r\n" }
    if answer.status == 503 { head += "Retry-After: 1\r\n" }
    head += "Connection: \(closes ? "close" : "keep-alive")\r\n\r\n"
    return Array(head.utf8) + (isHead ? [] : answer.json)
  }

  static let goOn = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

  private static func phrase(_ status: Int) -> String {
    switch status {
    case 200: "OK"
    case 400: "Bad Request"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 408: "Request Timeout"
    case 413: "Content Too Large"
    case 431: "Request Header Fields Too Large"
    case 501: "Not Implemented"
    case 503: "Service Unavailable"
    case 505: "HTTP Version Not Supported"
    default: "Internal Server Error"
    }
  }
}
