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
/// is computed.
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
    /// Shards still to come, in order.
    var pending: ArraySlice<Int>
    /// The shard that is being made.
    var shard: Int?
    var tokenCount = 0
  }

  /// Known to the queue.
  private final class Output: Sendable {
    struct Content {
      var file: ShardFile?
      var digests: [Int: String] = [:]
      var byteCount = 0
    }
    let content = Mutex(Content())
  }

  /// - Parameters:
  ///   - run: its pending shards must come in order, one batch for each.
  ///   - documentDomains: for each document of the corpus, the index of its domain in the plan.
  public init(_ run: CaptureRun, documentDomains: [Int]) {
    precondition(
      documentDomains.count == run.plan.corpus.documentCount, "each document has a domain")
    self.run = run
    self.documentDomains = documentDomains
    plan = run.plan
    let buffers = run.pendingShards.isEmpty ? [] : [StagedLayer(run.plan), StagedLayer(run.plan)]
    free = DispatchSemaphore(value: 0)
    for _ in buffers { free.signal() }
    state = Mutex(State(idle: buffers, pending: run.pendingShards[...]))
  }

  /// Bytes of the shards that this writer has published so far.
  public var publishedByteCount: Int { output.content.withLock { $0.byteCount } }

  /// Memory that the two staging buffers take at most.
  public static func stagingByteCount(_ plan: CapturePlan) -> Int {
    2 * (plan.shards.map { StagedLayer.byteCount(plan, tokenCount: $0.tokenCount) }.max() ?? 0)
  }

  // MARK: ActivationSink

  public func wants(_ site: ActivationSite) -> Bool { plan.contains(site) }

  /// - Throws: `CaptureError.batchDiffers` when the batch is not the next pending shard's; whatever
  ///   failed on the writer's queue.
  public func begin(_ batch: TokenBatch) throws {
    try queue.check()
    let next = state.withLock { $0.pending.first }
    guard let shard = next else {
      throw CaptureError.batchDiffers(
        shard: plan.shards.count, reason: "all shards of the plan are there")
    }
    let cut = plan.shards[shard]
    let found = ShardCut(sequenceCount: batch.sequences.count, tokenCount: batch.tokenCount)
    guard found == cut else {
      throw CaptureError.batchDiffers(
        shard: shard,
        reason: "expected \(cut.tokenCount) tokens in \(cut.sequenceCount) sequences, "
          + "found \(found.tokenCount) in \(found.sequenceCount)")
    }
    let domains = try domains(of: batch, shard: shard)
    queue.enqueue { [run, output] in
      let plan = run.plan
      let file = try ShardFile.create(
        shard, of: plan, planText: run.planText, folder: run.folder, batch: batch,
        domains: domains)
      output.content.withLock { $0.file = file }
    }
    state.withLock {
      $0.pending = $0.pending.dropFirst()
      $0.shard = shard
      $0.tokenCount = batch.tokenCount
    }
    takeBuffer()
  }

  public func receive(_ values: Span<Float>, rows: Range<Int>, at site: ActivationSite) {
    guard plan.contains(site), let staged = state.withLock({ $0.current }) else { return }
    staged.take(values, rows: rows, at: site.hookPoint)
  }

  /// - Throws: `CaptureError.nonFinite`, `overflow` or `incompleteLayer`; whatever failed on the
  ///   writer's queue. The unfinished shard is removed then.
  public func finish(layer: Int) throws {
    guard let index = plan.options.layers.firstIndex(of: layer) else { return }
    let (current, shard) = state.withLock { ($0.current, $0.shard) }
    guard let staged = current, let shard else { return }
    do {
      try queue.check()
      try staged.check(layer: layer, firstToken: plan.firstToken(ofShard: shard))
    } catch {
      abandon()
      throw error
    }
    state.withLock { $0.current = nil }
    queue.enqueue { [output] in
      try output.content.withLock { $0.file }?.write(layerIndex: index, from: staged)
    } always: { [self] in
      putBack(staged)
    }
    if index + 1 < plan.options.layers.count { takeBuffer() }
  }

  /// - Throws: whatever failed on the writer's queue.
  public func end(_ batch: TokenBatch) throws {
    let (shard, staged) = state.withLock { state in
      defer { (state.shard, state.current) = (nil, nil) }
      return (state.shard, state.current)
    }
    if let staged { putBack(staged) }
    guard let shard else { return }
    queue.enqueue { [output] in
      guard let file = output.content.withLock({ $0.file }) else { return }
      let digest = try file.publish()
      let byteCount = try MappedFile(path: file.path).count
      output.content.withLock {
        $0.file = nil
        $0.digests[shard] = digest
        $0.byteCount += byteCount
      }
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
        missing: missing.map { CaptureFolder.shardName($0, of: plan.shards.count) })
    }
    guard !run.wasComplete else { return }
    try run.complete(digests: output.content.withLock { $0.digests })
  }

  /// Waits for the queue and removes the shard that is not finished; the published ones stay. For
  /// interrupts, and after an error of the source.
  public func abandon() {
    queue.wait()
    let file = output.content.withLock { content in
      defer { content.file = nil }
      return content.file
    }
    file?.discard()
    let staged = state.withLock { state in
      defer { (state.shard, state.current) = (nil, nil) }
      return state.current
    }
    if let staged { putBack(staged) }
  }

  // MARK: Private

  private func takeBuffer() {
    free.wait()
    state.withLock { state in
      let staged = state.idle.removeLast()
      staged.prepare(plan, tokenCount: state.tokenCount)
      state.current = staged
    }
  }

  private func putBack(_ staged: StagedLayer) {
    state.withLock { $0.idle.append(staged) }
    free.signal()
  }

  /// For each row, the index of its document's domain.
  private func domains(of batch: TokenBatch, shard: Int) throws -> [Int32] {
    var domains = [Int32](repeating: 0, count: batch.tokenCount)
    for sequence in batch.sequences {
      guard documentDomains.indices.contains(sequence.document) else {
        throw CaptureError.batchDiffers(
          shard: shard, reason: "document \(sequence.document) is not one of the plan's")
      }
      for row in sequence.rows {
        domains[row] = Int32(clamping: documentDomains[sequence.document])
      }
    }
    return domains
  }
}
