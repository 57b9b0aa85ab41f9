import FlyingSocks
import Foundation
import Serving
import Testing

@Suite("A server on a loopback port")
struct ScoringServerTests {
  /// Runs `body` against a server whose engine makes up its numbers.
  private func withServer(
    limits: ServingLimits = ServingLimits(), host: String = "127.0.0.1",
    _ body: (ScoringServer, UInt16) async throws -> Void
  ) async throws {
    let service = ScoringService(
      model: "pico", configuration: try Pico().checkpoint.configuration,
      tokenizer: try Pico.tokenizer(), chatTemplate: nil,
      queue: ScoringQueue(engine: fakeScores), limits: limits)
    let server = try await ScoringServer(service, host: host, port: 0, limits: limits)
    let task = Task { await server.run() }
    let port = try #require(server.url.split(separator: ":").last.flatMap { UInt16($0) })
    try await body(server, port)
    server.stop()
    await task.value
  }

  /// Long enough for a machine whose threads all run other tests: nothing here is about speed.
  private static let patience = 600.0

  private func connect(_ port: UInt16) async throws -> AsyncSocket {
    try await AsyncSocket.connected(
      to: sockaddr_in.inet(ip4: "127.0.0.1", port: port), timeout: Self.patience)
  }

  /// Sends the head of a request whose body never comes, and waits until the server waits for it.
  private func begin(_ client: AsyncSocket) async throws {
    try await client.write(
      Data(
        "POST /v1/completions HTTP/1.1\r\nContent-Length: 14\r\nExpect: 100-continue\r\n\r\n".utf8
      ))
    let first = String(decoding: try await client.read(atMost: 4096), as: UTF8.self)
    #expect(first == "HTTP/1.1 100 Continue\r\n\r\n")
  }

  /// All that comes until the server closes.
  private func rest(_ socket: AsyncSocket) async -> String {
    var bytes: [UInt8] = []
    while let more = try? await socket.read(atMost: 4096) { bytes += more }
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test("A request that never becomes whole ends with 408, an idle client with nothing")
  func slow() async throws {
    var limits = ServingLimits()
    limits.requestSeconds = 0.4
    limits.idleSeconds = Self.patience
    try await withServer(limits: limits) { _, port in
      let writer = try await connect(port)
      try await writer.write(Data("POST /v1/completions HTTP/1.1\r\nContent-Le".utf8))
      #expect(await rest(writer).hasPrefix("HTTP/1.1 408 "))
      let body = try await connect(port)
      try await body.write(Data("POST /t HTTP/1.1\r\nContent-Length: 5\r\n\r\nab".utf8))
      #expect(await rest(body).hasPrefix("HTTP/1.1 408 "))
    }
    limits.idleSeconds = 0.4
    try await withServer(limits: limits) { _, port in
      let idle = try await connect(port)
      #expect(await rest(idle).isEmpty)
    }
  }

  @Test("Clients beyond the limit are told to come again, and those who wait are served")
  func crowd() async throws {
    var limits = ServingLimits()
    limits.connectionCount = 2
    try await withServer(limits: limits) { _, port in
      // The kernel hands clients over in their order.
      let (one, two) = (try await connect(port), try await connect(port))
      let three = try await connect(port)
      let refused = await rest(three)
      #expect(refused.hasPrefix("HTTP/1.1 503 ") && refused.contains("Retry-After"))
      for client in [one, two] {
        try await client.write(Data("GET /health HTTP/1.1\r\nConnection: close\r\n\r\n".utf8))
        #expect(await rest(client).hasPrefix("HTTP/1.1 200 "))
      }
      // The server forgets the two only after they have seen their ends.
      var answer = ""
      for _ in 0..<100 where !answer.hasPrefix("HTTP/1.1 200 ") {
        let four = try await connect(port)
        try await four.write(Data("GET /health HTTP/1.0\r\n\r\n".utf8))
        answer = await rest(four)
      }
      #expect(answer.hasPrefix("HTTP/1.1 200 "))
    }
  }

  @Test("A stop ends idle clients and half requests, and nobody listens any more")
  func stop() async throws {
    try await withServer { server, port in
      let idle = try await connect(port)
      let half = try await connect(port)
      try await begin(half)
      server.stop()
      #expect(await rest(idle).isEmpty)
      #expect(await rest(half).contains("stopping"))
    }
  }

  @Test("A client that asks first whether its body is welcome hears so")
  func expectation() async throws {
    try await withServer { _, port in
      let client = try await connect(port)
      try await begin(client)
      try await client.write(Data(#"{"prompt":[5]}"#.utf8))
      let answer = String(decoding: try await client.read(atMost: 4096), as: UTF8.self)
      #expect(answer.hasPrefix("HTTP/1.1 200 "))
    }
  }

  @Test("IPv6's loopback and localhost are addresses, others must be numbers")
  func addresses() async throws {
    try await withServer(host: "localhost") { server, _ in
      #expect(server.isLoopback && server.url.hasPrefix("http://127.0.0.1:"))
    }
    await #expect(throws: ListenError.notAnAddress("example.org")) {
      try await withServer(host: "example.org") { _, _ in }
    }
    try await withServer(host: "0.0.0.0") { server, _ in #expect(!server.isLoopback) }
  }
}
