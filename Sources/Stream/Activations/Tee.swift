/// Gives one stream to several sinks.
public struct Tee: ActivationSink {
  private let sinks: [any ActivationSink]

  public init(_ sinks: [any ActivationSink]) { self.sinks = sinks }

  public func wants(_ site: ActivationSite) -> Bool { sinks.contains { $0.wants(site) } }

  public func begin(_ batch: TokenBatch) throws {
    for sink in sinks { try sink.begin(batch) }
  }

  public func receive(_ values: Span<Float>, rows: Range<Int>, at site: ActivationSite) {
    for sink in sinks where sink.wants(site) { sink.receive(values, rows: rows, at: site) }
  }

  public func finish(layer: Int) throws {
    for sink in sinks { try sink.finish(layer: layer) }
  }

  public func end(_ batch: TokenBatch) throws {
    for sink in sinks { try sink.end(batch) }
  }
}

/// Takes nothing: the bare forward pass, for perplexity and for benchmarks.
public struct NoSink: ActivationSink {
  public init() {}
  public func wants(_ site: ActivationSite) -> Bool { false }
  public func begin(_ batch: TokenBatch) {}
  public func receive(_ values: Span<Float>, rows: Range<Int>, at site: ActivationSite) {}
  public func finish(layer: Int) {}
  public func end(_ batch: TokenBatch) {}
}
