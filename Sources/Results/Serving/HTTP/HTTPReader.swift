/// Takes requests out of a stream of bytes, and never holds more of it than its limits allow.
package struct HTTPReader {
  /// Brings more bytes; nil at the end of the stream.
  package typealias Source = () async throws -> [UInt8]?

  /// The stream ended where a request could have begun, or within one.
  package enum End: Error, Equatable {
    case quiet
    case within(String)
  }

  let limits: ServingLimits
  private let source: Source
  private var buffer: [UInt8] = []
  private var start = 0

  package init(limits: ServingLimits, source: @escaping Source) {
    self.limits = limits
    self.source = source
  }

  /// Whether bytes have come that nobody took yet.
  var hasMore: Bool { start < buffer.count }

  /// Waits for the first byte of a request; empty lines before it are skipped (RFC 9112, 2.2).
  ///
  /// - Throws: `End.quiet` when none comes.
  package mutating func begin() async throws {
    while true {
      while start < buffer.count, buffer[start] == 0x0D || buffer[start] == 0x0A { start += 1 }
      if start < buffer.count { return }
      guard try await fill() else { throw End.quiet }
    }
  }

  /// - Throws: `ServingFailure` 431 and those of `HTTPHead`; `End.within`.
  package mutating func head() async throws -> HTTPHead {
    var searched = start
    while true {
      while searched < buffer.count {
        guard buffer[searched] == 0x0A else {
          searched += 1
          continue
        }
        let next = searched + 1
        let skip = next < buffer.count && buffer[next] == 0x0D ? 2 : 1
        if next + skip <= buffer.count, buffer[next + skip - 1] == 0x0A {
          var end = searched
          if end > start, buffer[end - 1] == 0x0D { end -= 1 }
          let text = Array(buffer[start..<end])
          start = next + skip
          return try HTTPHead(text)
        }
        // The byte after the line's end has not come yet.
        if next + skip > buffer.count { break }
        searched = next
      }
      guard buffer.count - start <= limits.headByteCount else {
        throw ServingFailure(
          431, "expected at most \(limits.headByteCount) bytes of headers, found more")
      }
      let known = searched - start
      guard try await fill() else { throw End.within("the headers") }
      searched = start + known
    }
  }

  /// - Throws: `ServingFailure` 413 or 400; `End.within`.
  package mutating func body(_ framing: HTTPHead.Body) async throws -> [UInt8] {
    switch framing {
    case .none: return []
    case .length(let count):
      guard count <= limits.bodyByteCount else { throw tooLong("\(count)") }
      return try await take(count, of: "the body")
    case .chunked: return try await chunks()
    }
  }

  private mutating func chunks() async throws -> [UInt8] {
    var body: [UInt8] = []
    while true {
      let line = try await self.line()
      let digits = line.prefix { $0 != UInt8(ascii: ";") }
      guard !digits.isEmpty, digits.count <= 16,
        let size = Int(String(decoding: digits, as: UTF8.self), radix: 16), size >= 0
      else { throw ServingFailure.invalid("expected the size of a chunk, found something else") }
      if size == 0 {
        // Trailers, as many as headers may be.
        var count = 0
        while true {
          let trailer = try await self.line()
          if trailer.isEmpty { return body }
          count += trailer.count
          guard count <= limits.headByteCount else {
            throw ServingFailure(431, "expected fewer trailers after the body")
          }
        }
      }
      guard size <= limits.bodyByteCount - body.count else { throw tooLong("more") }
      body += try await take(size, of: "a chunk")
      guard try await self.line().isEmpty else {
        throw ServingFailure.invalid("expected the end of a chunk, found something else")
      }
    }
  }

  /// A line without its end.
  private mutating func line() async throws -> [UInt8] {
    var length = 0
    while true {
      while start + length < buffer.count {
        if buffer[start + length] == 0x0A {
          var line = buffer[start..<start + length]
          start += length + 1
          if line.last == 0x0D { line.removeLast() }
          return Array(line)
        }
        length += 1
      }
      guard length <= limits.headByteCount else {
        throw ServingFailure(431, "expected a shorter line, found more than \(length) bytes")
      }
      guard try await fill() else { throw End.within("the body") }
    }
  }

  private mutating func take(_ count: Int, of part: String) async throws -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(min(count, limits.bodyByteCount))
    while true {
      let piece = min(count - result.count, buffer.count - start)
      result += buffer[start..<start + piece]
      start += piece
      if result.count == count { return result }
      guard try await fill() else {
        throw End.within("\(part), after \(result.count) of \(count) bytes")
      }
    }
  }

  /// - Returns: false at the end of the stream.
  private mutating func fill() async throws -> Bool {
    guard let bytes = try await source() else { return false }
    if start > 0 {
      buffer.removeFirst(start)
      start = 0
    }
    buffer += bytes
    return true
  }

  private func tooLong(_ found: String) -> ServingFailure {
    ServingFailure(
      413,
      "expected a body of at most \(limits.bodyByteCount) bytes, found \(found); send fewer "
        + "prompts at a time")
  }
}
