/// Request line and headers of an HTTP/1.1 request (RFC 9112), as far as this server needs them.
package struct HTTPHead: Equatable, Sendable {
  /// How a body is cut.
  package enum Body: Equatable, Sendable {
    case none
    case length(Int)
    case chunked

    /// Bytes; nil where nobody knows yet.
    var count: Int? {
      switch self {
      case .none: 0
      case .length(let count): count
      case .chunked: nil
      }
    }
  }

  package let method: String
  /// Without a query.
  package let path: String
  package let body: Body
  /// Whether the client wants to send another request afterwards.
  package let keepsConnection: Bool
  /// Whether the client waits to be told that its body is welcome.
  let expectsContinue: Bool

  /// - Parameter text: up to the empty line, without it.
  /// - Throws: 400, 501 or 505.
  init(_ text: [UInt8]) throws(ServingFailure) {
    var lines = text.split(separator: 0x0A, omittingEmptySubsequences: false).map {
      $0.last == 0x0D ? $0.dropLast() : $0
    }[...]
    let first = String(decoding: lines.popFirst() ?? [], as: UTF8.self)
    let words = first.split(separator: " ", omittingEmptySubsequences: false)
    guard words.count == 3, !words[0].isEmpty, words[2].hasPrefix("HTTP/") else {
      throw .invalid("expected a request line such as POST /v1/completions HTTP/1.1")
    }
    guard ["HTTP/1.0", "HTTP/1.1"].contains(words[2]) else {
      throw ServingFailure(505, "expected HTTP/1.1, found \(words[2].prefix(20))")
    }
    method = String(words[0])
    path = Self.path(words[1])
    var fields: [String: [String]] = [:]
    for line in lines {
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex,
        line[..<colon].allSatisfy({ (0x21...0x7E).contains($0) })
      else { throw .invalid("expected a header such as Content-Length: 2, found something else") }
      let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
      let value = String(decoding: line[(colon + 1)...], as: UTF8.self)
      fields[name, default: []].append(String(value.trimming { $0 == " " || $0 == "\t" }))
    }
    body = try Self.body(fields)
    let connection = (fields["connection"] ?? []).joined(separator: ",").lowercased()
      .split { $0 == "," || $0 == " " }
    keepsConnection =
      words[2] == "HTTP/1.1" ? !connection.contains("close") : connection.contains("keep-alive")
    expectsContinue =
      words[2] == "HTTP/1.1" && fields["expect"]?.first?.lowercased() == "100-continue"
  }

  private static func path(_ target: Substring) -> String {
    var path = target.prefix { $0 != "?" && $0 != "#" }
    if path.hasPrefix("http://") {
      path = path.dropFirst(7)
      path = path.firstIndex(of: "/").map { path[$0...] } ?? "/"
    }
    while path.count > 1, path.hasSuffix("/") { path = path.dropLast() }
    return String(path)
  }

  private static func body(_ fields: [String: [String]]) throws(ServingFailure) -> Body {
    let codings = fields["transfer-encoding"] ?? []
    let lengths = Set(fields["content-length"] ?? [])
    if !codings.isEmpty {
      guard lengths.isEmpty else {
        throw .invalid("expected one of Content-Length and Transfer-Encoding, found both")
      }
      guard codings.joined(separator: ",").lowercased() == "chunked" else {
        throw ServingFailure(501, "Transfer-Encoding: expected chunked, found another coding")
      }
      return .chunked
    }
    guard let length = lengths.first else { return .none }
    guard lengths.count == 1, !length.isEmpty,
      length.utf8.allSatisfy({ (0x30...0x39).contains($0) })
    else { throw .invalid("Content-Length: expected one whole number") }
    // More digits than Int has: more bytes than any limit.
    return .length(Int(length) ?? .max)
  }
}

extension StringProtocol {
  /// Without what `isPadding` holds for at both ends.
  fileprivate func trimming(_ isPadding: (Character) -> Bool) -> SubSequence {
    var rest = self[...]
    while let first = rest.first, isPadding(first) { rest = rest.dropFirst() }
    while let last = rest.last, isPadding(last) { rest = rest.dropLast() }
    return rest
  }
}
