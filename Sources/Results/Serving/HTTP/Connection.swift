import FlyingSocks
import Foundation
import Synchronization

/// One client: reads its requests one after another and answers each.
final class Connection: Sendable {
  /// What a connection is waiting for.
  private enum Phase {
    /// The first byte of a request.
    case idle
    /// The rest of it.
    case reading
    /// The engine.
    case answering
    /// The client, to take its answer.
    case sending
  }

  private struct State {
    var phase = Phase.idle
    var deadline: ContinuousClock.Instant?
    var isExpired = false
    var isStopping = false
    var task: Task<Void, Never>?
  }

  private let socket: AsyncSocket
  private let service: ScoringService
  private let limits: ServingLimits
  private let bodies: Budget
  private let state = Mutex(State())

  /// - Parameter bodies: bytes of bodies that all connections may hold.
  init(_ socket: AsyncSocket, service: ScoringService, limits: ServingLimits, bodies: Budget) {
    self.socket = socket
    self.service = service
    self.limits = limits
    self.bodies = bodies
  }

  /// Serves the client until it leaves, fails, or is stopped.
  func serve() async {
    let task = state.withLock { state in
      let task = Task(priority: .high) { await self.run() }
      state.task = task
      return task
    }
    await task.value
  }

  /// Sends the client away without hearing it.
  func refuse() async {
    await fail(ServingFailure(503, "too many clients at the same time; try again"), drainSeconds: 1)
    try? socket.close()
  }

  /// Lets an answer that is being made reach the client; nothing else.
  func stop() {
    state.withLock { state in
      state.isStopping = true
      return state.phase == .idle || state.phase == .reading ? state.task : nil
    }?.cancel()
  }

  /// Ends what takes longer than it may.
  func expire(at now: ContinuousClock.Instant) {
    state.withLock { state -> Task<Void, Never>? in
      guard let deadline = state.deadline, deadline < now else { return nil }
      state.isExpired = true
      return state.task
    }?.cancel()
  }

  private func run() async {
    let socket = socket
    var reader = HTTPReader(limits: limits) {
      do {
        return try await socket.read(atMost: 4096)
      } catch SocketError.disconnected {
        return nil
      }
    }
    while await serveOne(&reader) {}
    try? socket.close()
  }

  /// - Returns: whether there may be another request.
  private func serveOne(_ reader: inout HTTPReader) async -> Bool {
    guard enter(.idle, seconds: limits.idleSeconds) else { return false }
    do { try await reader.begin() } catch { return false }
    guard enter(.reading, seconds: limits.requestSeconds) else { return false }
    var held = 0
    let (head, body): (HTTPHead, [UInt8])
    do {
      head = try await reader.head()
      held = min(head.body.count ?? limits.bodyByteCount, limits.bodyByteCount)
      if held > 0 { await bodies.take(held) }
      if head.expectsContinue, !reader.hasMore, head.body.count ?? 0 <= limits.bodyByteCount {
        try await socket.write(Data(HTTPAnswer.goOn))
      }
      guard enter(.reading, seconds: limits.requestSeconds) else { throw CancellationError() }
      body = try await reader.body(head.body)
      guard enter(.answering, seconds: nil) else { throw CancellationError() }
    } catch {
      if held > 0 { await bodies.give(held) }
      await fail(error)
      return false
    }
    var isOpen = false
    await service.answer(method: head.method, path: head.path, body: body) { answer in
      isOpen = await send(answer, to: head)
    }
    if held > 0 { await bodies.give(held) }
    return isOpen
  }

  /// - Returns: whether the client has all of it and the connection goes on.
  private func send(_ answer: ScoringService.Answer, to head: HTTPHead) async -> Bool {
    guard enter(.sending, seconds: limits.answerSeconds) else { return false }
    let closes = !head.keepsConnection || state.withLock { $0.isStopping }
    do {
      try await socket.write(
        Data(HTTPAnswer.bytes(answer, closes: closes, isHead: head.method == "HEAD")))
    } catch {
      return false
    }
    return !closes
  }

  /// Says why a request that did not arrive whole gets no result.
  private func fail(_ error: any Error) async {
    let (isExpired, isStopping) = state.withLock { ($0.isExpired, $0.isStopping) }
    switch error {
    case let failure as ServingFailure:
      await fail(failure, drainSeconds: failure.status == 413 ? limits.drainSeconds : 2)
    case HTTPReader.End.within(let part):
      await fail(.invalid("the connection ended within \(part)"), drainSeconds: 0)
    case is CancellationError where isExpired:
      await fail(
        ServingFailure(
          408, "expected a whole request within \(Int(limits.requestSeconds)) seconds"),
        drainSeconds: 0.5)
    case is CancellationError where isStopping:
      await fail(ServingFailure(503, "the server is stopping"), drainSeconds: 0.5)
    default: return
    }
  }

  /// Answers, and reads on for a while: closing on a client that is still sending would take the
  /// answer away from it.
  private func fail(_ failure: ServingFailure, drainSeconds: Double) async {
    let answer = HTTPAnswer.bytes(ScoringService.Answer(failure), closes: true)
    let (socket, limit) = (socket, limits.drainByteCount)
    // A task of its own: this one may be cancelled.
    let drain = Task(priority: .high) {
      try await socket.write(Data(answer))
      var left = drainSeconds > 0 ? limit : 0
      while left > 0 { left -= try await socket.read(atMost: 4096).count }
    }
    let timer = Task {
      try await Task.sleep(for: .seconds(max(drainSeconds, 0.5)))
      drain.cancel()
    }
    _ = await drain.result
    timer.cancel()
  }

  /// - Returns: false when the connection has been stopped or took too long.
  private func enter(_ phase: Phase, seconds: Double?) -> Bool {
    state.withLock { state in
      guard !state.isExpired, !state.isStopping || phase == .sending else { return false }
      state.phase = phase
      state.deadline = seconds.map { .now + .seconds($0) }
      return true
    }
  }
}
