import FlyingSocks
import Foundation
import Synchronization

/// Why a server does not listen.
public enum ListenError: Error, Equatable, Sendable {
  /// Neither an address nor localhost.
  case notAnAddress(String)
  case refused(host: String, port: UInt16, reason: String)
}

/// Serves HTTP on one address.
///
/// The sockets are FlyingSocks', below FlyingFox's own HTTP server: that one reads headers of any
/// length, waits for slow clients for ever, ends when one `accept` fails, and closes without an answer
/// on a request that it cannot read.
public final class ScoringServer: Sendable {
  /// Where clients find it, such as `http://127.0.0.1:8000`.
  public let url: String
  /// Whether only this machine can reach it.
  public let isLoopback: Bool
  private let service: ScoringService
  private let limits: ServingLimits
  private let bodies: Budget
  private let pool: any AsyncSocketPool
  private let socket: Socket
  private let state = Mutex(State())

  private struct State {
    var isStopping = false
    var accepting: Task<AsyncSocket, any Error>?
    var connections: [ObjectIdentifier: Connection] = [:]
    /// Connections that are being sent away.
    var refusalCount = 0
  }

  /// Clients beyond the limit that still get an answer.
  private static let refusalLimit = 64

  /// Listens; `run` serves.
  ///
  /// - Parameters:
  ///   - host: an IPv4 or IPv6 address, or localhost.
  ///   - port: 0: one that is free.
  /// - Throws: `ListenError`.
  public init(
    _ service: ScoringService, host: String, port: UInt16, limits: ServingLimits = ServingLimits()
  ) async throws {
    self.service = service
    self.limits = limits
    bodies = Budget(limit: limits.bodiesByteCount)
    let name = host == "localhost" ? "127.0.0.1" : host
    let address: any SocketAddress
    if let found = try? Self.address4(name, port) {
      address = found
    } else if let found = try? Self.address6(name, port) {
      address = found
    } else {
      throw ListenError.notAnAddress(host)
    }
    isLoopback = name.hasPrefix("127.") || name == "::1"
    do {
      pool = SocketPool<Poll>.make()
      try await pool.prepare()
      socket = try Socket(domain: Int32(address.family), type: .stream)
      try socket.setValue(true, for: .localAddressReuse)
      try Self.bind(socket, to: address)
      try socket.listen()
      let found: UInt16 =
        switch try socket.sockname() {
        case .ip4(_, let port), .ip6(_, let port): port
        case .unix: port
        }
      url = "http://" + (name.contains(":") ? "[\(name)]" : name) + ":\(found)"
    } catch SocketError.failed(_, _, let message) {
      throw ListenError.refused(host: host, port: port, reason: message)
    }
  }

  /// Serves until `stop`, and returns when the last answer is out.
  public func run() async {
    let pool = pool
    let poll = Task(priority: .high) { try? await pool.run() }
    let watch = Task(priority: .high) {
      while (try? await Task.sleep(for: .milliseconds(200))) != nil {
        let now = ContinuousClock.now
        for connection in self.connections { connection.expire(at: now) }
      }
    }
    await withDiscardingTaskGroup { group in
      while let client = await accept() {
        if let connection = admit(client) {
          group.addTask(priority: .high) {
            await connection.serve()
            self.state.withLock { $0.connections[ObjectIdentifier(connection)] = nil }
          }
        } else {
          refuse(client, in: &group)
        }
      }
      try? socket.close()
    }
    watch.cancel()
    poll.cancel()
  }

  /// No new requests from now on; those that have arrived are answered.
  public func stop() {
    let (accepting, connections) = state.withLock { state in
      state.isStopping = true
      return (state.accepting, Array(state.connections.values))
    }
    accepting?.cancel()
    for connection in connections { connection.stop() }
  }

  private var connections: [Connection] { state.withLock { Array($0.connections.values) } }

  /// The next client; nil when the server stops. A failure, of a client that has left already or for
  /// want of descriptors, is no reason to stop.
  private func accept() async -> AsyncSocket? {
    while true {
      let task = state.withLock { state -> Task<AsyncSocket, any Error>? in
        if state.isStopping { return nil }
        let (socket, pool) = (socket, pool)
        let task = Task(priority: .high) {
          try await AsyncSocket(socket: socket, pool: pool).accept()
        }
        state.accepting = task
        return task
      }
      guard let task else { return nil }
      if let client = try? await task.value { return client }
      try? await Task.sleep(for: .milliseconds(20))
    }
  }

  private func admit(_ client: AsyncSocket) -> Connection? {
    let connection = Connection(client, service: service, limits: limits, bodies: bodies)
    return state.withLock { state in
      guard state.connections.count < limits.connectionCount else { return nil }
      state.connections[ObjectIdentifier(connection)] = connection
      if state.isStopping { connection.stop() }
      return connection
    }
  }

  private func refuse(_ client: AsyncSocket, in group: inout DiscardingTaskGroup) {
    let hasRoom = state.withLock { state in
      guard state.refusalCount < Self.refusalLimit else { return false }
      state.refusalCount += 1
      return true
    }
    guard hasRoom else {
      try? client.close()
      return
    }
    let connection = Connection(client, service: service, limits: limits, bodies: bodies)
    group.addTask {
      await connection.refuse()
      self.state.withLock { $0.refusalCount -= 1 }
    }
  }

  private static func address4(_ host: String, _ port: UInt16) throws -> some SocketAddress {
    try sockaddr_in.inet(ip4: host, port: port)
  }

  private static func address6(_ host: String, _ port: UInt16) throws -> some SocketAddress {
    try sockaddr_in6.inet6(ip6: host, port: port)
  }

  private static func bind(_ socket: Socket, to address: some SocketAddress) throws {
    try socket.bind(to: address)
  }
}
