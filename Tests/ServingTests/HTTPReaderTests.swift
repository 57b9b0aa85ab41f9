import Serving
import Testing

@Suite("HTTP requests out of a stream of bytes")
struct HTTPReaderTests {
  /// The bytes of `text` in pieces of `size`, then the end.
  private func reader(
    _ text: String, size: Int = 4096, limits: ServingLimits = ServingLimits()
  ) -> HTTPReader {
    var rest = Array(text.utf8)[...]
    return HTTPReader(limits: limits) {
      guard !rest.isEmpty else { return nil }
      defer { rest = rest.dropFirst(size) }
      return Array(rest.prefix(size))
    }
  }

  @Test("Requests follow each other, however the bytes are cut", arguments: [1, 2, 3, 7, 4096])
  func pieces(size: Int) async throws {
    var reader = reader(
      "\r\nPOST /v1/completions?x=1 HTTP/1.1\r\nHost: a\r\ncontent-LENGTH:  5 \r\n\r\nhello"
        + "GET http://a:1/health/ HTTP/1.0\nConnection: Keep-Alive\n\n"
        + "POST /t HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        + "3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\n", size: size)
    try await reader.begin()
    var head = try await reader.head()
    #expect(head.method == "POST" && head.path == "/v1/completions" && head.keepsConnection)
    #expect(try await reader.body(head.body) == Array("hello".utf8))
    try await reader.begin()
    head = try await reader.head()
    #expect(head.path == "/health" && head.body == .none && head.keepsConnection)
    try await reader.begin()
    head = try await reader.head()
    #expect(!head.keepsConnection && head.body == .chunked)
    #expect(try await reader.body(head.body) == Array("abc0123456789".utf8))
    await #expect(throws: HTTPReader.End.quiet) { try await reader.begin() }
  }

  @Test(
    "What is no request is refused with its status",
    arguments: [
      ("GET / HTTP/2\r\n\r\n", 505), ("GET /\r\n\r\n", 400), ("nonsense\r\n\r\n", 400),
      ("GET / HTTP/1.1\r\n: a\r\n\r\n", 400), ("GET / HTTP/1.1\r\n a: b\r\n\r\n", 400),
      ("GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
      ("GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
      ("GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
      ("GET / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
      ("GET / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", 413),
      ("GET / HTTP/1.1\r\nContent-Length: 100000000\r\n\r\n", 413),
      ("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n", 413),
      ("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", 400),
      ("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n", 400),
    ])
  func refused(text: String, status: Int) async throws {
    var reader = reader(text)
    try await reader.begin()
    let failure = await #expect(throws: ServingFailure.self) {
      _ = try await reader.body(try await reader.head().body)
    }
    #expect(failure?.status == status)
  }

  @Test("Headers, lines and trailers without end are not kept")
  func endless() async throws {
    for start in [
      "GET /", "GET / HTTP/1.1\r\nA: ",
      "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;",
    ] {
      var count = 0
      let first = Array(start.utf8)
      var reader = HTTPReader(limits: ServingLimits()) {
        count += 1
        return count == 1 ? first : [UInt8](repeating: 0x61, count: 4096)
      }
      try await reader.begin()
      let failure = await #expect(throws: ServingFailure.self) {
        _ = try await reader.body(try await reader.head().body)
      }
      #expect(failure?.status == 431 && count < 10)
    }
  }

  @Test("A stream that ends within a request says where")
  func ends() async throws {
    var reader = reader("POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc")
    try await reader.begin()
    let head = try await reader.head()
    await #expect(throws: HTTPReader.End.within("the body, after 3 of 10 bytes")) {
      _ = try await reader.body(head.body)
    }
  }
}
