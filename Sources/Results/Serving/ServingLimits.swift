/// What a server takes on, so that its memory stays bounded whatever clients send.
public struct ServingLimits: Equatable, Sendable {
  /// Of one request's body, in bytes.
  public var bodyByteCount = 8 << 20
  /// Bodies in memory at the same time.
  public var bodiesByteCount = 64 << 20
  /// Request line and headers.
  public var headByteCount = 16 << 10
  /// Ids of one request.
  public var requestTokenCount = 1 << 18
  /// Ids that wait, are scored, or whose answers are on their way.
  public var tokenCount = 1 << 19
  /// Clients at the same time; others are sent away.
  public var connectionCount = 256
  /// For a request to arrive, from its first byte on, in seconds.
  public var requestSeconds = 60.0
  /// For an answer to be taken.
  public var answerSeconds = 120.0
  /// Between two requests of a client.
  public var idleSeconds = 600.0
  /// How much of a body that was refused is still read, so that the client sees why.
  public var drainByteCount = 1 << 30
  public var drainSeconds = 20.0

  public init() {}
}
