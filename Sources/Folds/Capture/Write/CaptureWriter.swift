import Activations
import Dispatch
import Files
import HDF5
import Synchronization

/// Writes the stream into the shards of a run.
///
/// Workers convert their panels into a staging buffer; at the end of a layer the buffer goes to the
/// one queue that owns every call of HDF5, and the next layer fills the other buffer. When both are
/// full the sweep waits. Closing, fsync and renaming happen on the queue too, while the next batch
/// is computed: a batch is durable a little after it ends, and a shard with its last batch.
public final class CaptureWriter: ActivationSink {
  private let run: CaptureRun
  private let plan: CapturePlan
  private let documentDomains: [Int]
  private let queue = WriterQueue()
  private let free: DispatchSemaphore
  private let state: Mutex<State>
  private let output = Output()

  /// Known to the sweep.
  private struct State {
    /// Buffers that nobody fills or writes.
    var idle: [StagedLayer]
    /// The buffer that workers fill.
    var current: StagedLayer?
    /// Batches still to come, in order.
    var pending: ArraySlice<Int>
    /// The batch that is being made.
    var place: BatchPlace?
  }

  /// Known to the queue.
  private final class Output: Sendable {
    struct Content {
      var shard: UnfinishedShard?
      var batch: UnfinishedShard.OpenBatch?
      var hasFailed = false
      var digests: [Int: String] = [:]
      var byteCount = 0
    }
    let content = Mutex(Content())
  }

  /// - Parameters:
  ///   - run: its pending batches must come in order.
  ///   - documentDomains: for each document of the corpus, the index of its domain in the plan.
  public init(_ run: CaptureRun, documentDomains: [Int]) {
    precondition(
      documentDomains.count == run.plan.corpus.documentCount, "each document has a domain")
    self.run = run
    self.documentDomains = documentDomains
    plan = run.plan
    let pending = run.pendingBatches.map { run.places[$0] }
    let buffers =
      pending.isEmpty ? [] : (0..<2).map { _ in StagedLayer(run.plan, batches: pending) }
    free = DispatchSemaphore(value: 0)
    for _ in buffers { free.signal() }
    state = Mutex(State(idle: buffers, pending: run.pendingBatches[...]))
  }

  /// Bytes of the shards that this writer has published so far.
  public var publishedByteCount: Int { output.content.withLock { $0.byteCount } }

  /// Memory that the two staging buffers take at most.
  public static func stagingByteCount(_ plan: CapturePlan) -> Int {
    2 * StagedLayer.byteCount(plan, batches: plan.batchPlaces)
  }

  // MARK: ActivationSink

  public func wants(_ site: ActivationSite) -> Bool { plan.contains(site) }

  /// - Throws: `CaptureError.batchDiffers` when the batch is not the next pending one; whatever
  ///   failed on the writer's queue.
  public func begin(_ batch: TokenBatch) throws {
    try queue.check()
    let next = state.withLock { $0.pending.first }
    guard let next else {
      throw CaptureError.batchDiffers(
        batch: run.places.count, reason: "all batches of the plan are there")
    }
    let place = run.places[next]
    guard batch.tokenCount == place.tokenCount, batch.sequences.count == place.sequences.count
    else {
      throw CaptureError.batchDiffers(
        batch: next,
        reason: "expected \(place.tokenCount) tokens in \(place.sequences.count) sequences, "
          + "found \(batch.tokenCount) in \(batch.sequences.count)")
    }
    let columns = TokenColumns(batch, domains: try domains(of: batch, number: next))
    write { run, content in
      let shard = content.shard ?? UnfinishedShard(place.shard, of: run)
      content.shard = shard
      content.batch = try shard.begin(place, columns: columns)
    }
    state.withLock {
      $0.pending = $0.pending.dropFirst()
      $0.place = place
    }
    takeBuffer()
  }

  public func receive(_ values: Span<Float>, rows: Range<Int>, at site: ActivationSite) {
    guard plan.contains(site), let staged = state.withLock({ $0.current }) else { return }
    staged.take(values, rows: rows, at: site.hookPoint)
  }

  /// - Throws: `CaptureError.nonFinite`, `overflow` or `incompleteLayer`; whatever failed on the
  ///   writer's queue. The batch is given up then.
  public func finish(layer: Int) throws {
    guard let index = plan.options.layers.firstIndex(of: layer) else { return }
    guard let staged = state.withLock({ $0.current }) else { return }
    do {
      try queue.check()
      try staged.check(layer: layer)
    } catch {
      abandon()
      throw error
    }
    state.withLock { $0.current = nil }
    write { _, content in
      guard let batch = content.batch else { return }
      try batch.file.write(layerIndex: index, from: staged, before: batch.before)
    } always: { [self] in
      putBack(staged)
    }
    if index + 1 < plan.options.layers.count { takeBuffer() }
  }

  /// - Throws: whatever failed on the writer's queue.
  public func end(_ batch: TokenBatch) throws {
    let (place, staged) = state.withLock { state in
      defer { (state.place, state.current) = (nil, nil) }
      return (state.place, state.current)
    }
    if let staged { putBack(staged) }
    guard let place else { return }
    write { run, content in
      guard let shard = content.shard, let batch = content.batch else { return }
      let digest = try shard.end(batch)
      content.batch = nil
      guard let digest else { return }
      content.shard = nil
      content.digests[place.shard] = digest
      content.byteCount +=
        try MappedFile(path: run.folder.shard(place.shard, of: run.plan.shards.count)).count
    }
    try queue.check()
  }

  // MARK: The end

  /// Waits for the queue, then publishes the virtual file and the manifest: the run is complete.
  ///
  /// - Throws: whatever failed on the queue; `CaptureError.incomplete` when shards are missing.
  public func finish() throws {
    do {
      try queue.drain()
    } catch {
      abandon()
      throw error
    }
    let missing = state.withLock { Array($0.pending) }
    guard missing.isEmpty else {
      throw CaptureError.incomplete(
        path: run.path,
        missing: Set(missing.map { run.places[$0].shard }).sorted().map {
          CaptureFolder.shardName($0, of: plan.shards.count)
        })
    }
    guard !run.wasComplete else { return }
    try run.complete(digests: output.content.withLock { $0.digests })
  }

  /// Waits for the queue and gives up the batch that is not finished; those before it stay. For
  /// interrupts, and after an error of the source.
  public func abandon() {
    queue.wait()
    output.content.withLock { content in
      if let shard = content.shard, let batch = content.batch {
        shard.discard(batch, afterFailure: content.hasFailed)
      }
      (content.shard, content.batch) = (nil, nil)
    }
    let staged = state.withLock { state in
      defer { (state.place, state.current) = (nil, nil) }
      return state.current
    }
    if let staged { putBack(staged) }
  }

  // MARK: Private

  /// Hands work to the queue.
  private func write(
    _ work: @escaping @Sendable (CaptureRun, inout Output.Content) throws -> Void,
    always: @escaping @Sendable () -> Void = {}
  ) {
    queue.enqueue(
      { [run, output] in
        try output.content.withLock { content in
          do {
            try work(run, &content)
          } catch {
            content.hasFailed = true
            throw error
          }
        }
      }, always: always)
  }

  private func takeBuffer() {
    free.wait()
    state.withLock { state in
      let staged = state.idle.removeLast()
      if let place = state.place { staged.prepare(plan, batch: place) }
      state.current = staged
    }
  }

  private func putBack(_ staged: StagedLayer) {
    state.withLock { $0.idle.append(staged) }
    free.signal()
  }

  /// For each row, the index of its document's domain.
  private func domains(of batch: TokenBatch, number: Int) throws -> [Int32] {
    var domains = [Int32](repeating: 0, count: batch.tokenCount)
    for sequence in batch.sequences {
      guard documentDomains.indices.contains(sequence.document) else {
        throw CaptureError.batchDiffers(
          batch: number, reason: "document \(sequence.document) is not one of the plan's")
      }
      for row in sequence.rows {
        domains[row] = Int32(clamping: documentDomains[sequence.document])
      }
    }
    return domains
  }
}
