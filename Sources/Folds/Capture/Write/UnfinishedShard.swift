import Files
import HDF5

/// One shard on its way: its batches come one after the other, and each is durable when it ends. Its
/// methods are called on the writer's queue.
///
/// Numbers that are not compressed go to places that the file has for them from the start, so the
/// file itself is kept, and its name says how many batches are in it. Compressed chunks have sizes
/// of their own, and each one changes the tree that finds them: there a batch is a file of its own,
/// and the last one brings the parts together.
final class UnfinishedShard: Sendable {
  private let shard: Int
  private let plan: CapturePlan
  private let planText: String
  private let folder: CaptureFolder
  private let places: [BatchPlace]

  /// One batch that is being written.
  final class OpenBatch: Sendable {
    let place: BatchPlace
    let file: ShardFile
    /// Where the rows of the batch before are.
    let before: ShardFile

    init(place: BatchPlace, file: ShardFile, before: ShardFile) {
      (self.place, self.file, self.before) = (place, file, before)
    }
  }

  init(_ shard: Int, of run: CaptureRun) {
    self.shard = shard
    plan = run.plan
    planText = run.planText
    folder = run.folder
    places = run.places.filter { $0.shard == shard }
  }

  // MARK: What a killed run left

  /// The batches of a shard that are complete and durable, and the files that hold them. A file that
  /// cannot be read counts for nothing.
  static func files(
    of shard: Int, batches: [BatchPlace], plan: CapturePlan, planText: String,
    folder: CaptureFolder
  ) -> (batchCount: Int, paths: Set<String>) {
    func isSound(_ path: String, part: BatchPlace?) -> Bool {
      guard Folder.kind(of: path) == .file else { return false }
      do {
        let file = try ShardFile(path, of: plan, shard: shard, part: part, forWriting: false)
        try file.requirePlan(planText)
        try file.close()
        return true
      } catch {
        return false
      }
    }
    let count = plan.shards.count
    if plan.isInParts(shard: shard) {
      // Not the last one: whoever writes it brings them together.
      let paths = batches.dropLast().map { folder.part($0.indexInShard, ofShard: shard, of: count) }
      let sound = zip(batches, paths).prefix { isSound($0.1, part: $0.0) }.map(\.1)
      return (sound.count, Set(sound))
    }
    for number in (1..<max(batches.count, 1)).reversed() {
      let path = folder.unfinishedShard(shard, of: count, batchCount: number)
      if isSound(path, part: nil) { return (number, [path]) }
    }
    return (0, [])
  }

  // MARK: Batches

  /// Makes or opens the file that a batch goes into.
  func begin(_ place: BatchPlace, columns: TokenColumns) throws -> OpenBatch {
    let path = temporaryPath(place)
    let batch: OpenBatch
    if isInParts {
      try ShardFile.createPart(path, place, of: plan, planText: planText)
      let file = try open(path, part: place, forWriting: true)
      batch = OpenBatch(
        place: place, file: file,
        before: place.indexInShard == 0
          ? file : try openPart(places[place.indexInShard - 1]))
    } else {
      if place.indexInShard == 0 {
        try ShardFile.createShard(path, shard, of: plan, planText: planText)
      }
      let file = try open(path, part: nil, forWriting: true)
      batch = OpenBatch(place: place, file: file, before: file)
    }
    do {
      try batch.file.write(columns, of: place)
    } catch {
      discard(batch, afterFailure: true)
      throw error
    }
    return batch
  }

  /// Makes a batch durable, and with the last one publishes the shard.
  ///
  /// - Returns: the shard's XXH128 once it is published; computed while the system is still writing
  ///   the file, so that the fsync finds less to wait for.
  func end(_ batch: OpenBatch) throws -> String? {
    let index = batch.place.indexInShard
    let isLast = index + 1 == places.count
    try batch.file.close()
    if isInParts {
      if index > 0 { try batch.before.close() }
      try DurableFile.publish(batch.file.path, as: part(index))
      return isLast ? try publish(merge()) : nil
    }
    if isLast { return try publish(batch.file.path) }
    try DurableFile.move(batch.file.path, to: unfinished(index + 1))
    return nil
  }

  /// Gives up a batch; those before it stay.
  ///
  /// - Parameter afterFailure: the library cannot close a file that it failed to write.
  func discard(_ batch: OpenBatch, afterFailure: Bool) {
    let isKept = !isInParts && batch.place.indexInShard > 0
    if isKept && !afterFailure {
      do { return try batch.file.close() } catch {}
    }
    batch.file.abandon(keepsBytes: isKept)
    if !isKept { try? Folder.removeFile(batch.file.path) }
  }

  // MARK: Private

  private var isInParts: Bool { plan.isInParts(shard: shard) }

  private func open(
    _ path: String, part: BatchPlace?, forWriting: Bool
  ) throws(HDF5Error) -> ShardFile {
    try ShardFile(path, of: plan, shard: shard, part: part, forWriting: forWriting)
  }

  private func openPart(_ place: BatchPlace) throws(HDF5Error) -> ShardFile {
    try open(part(place.indexInShard), part: place, forWriting: false)
  }

  private func part(_ index: Int) -> String {
    folder.part(index, ofShard: shard, of: plan.shards.count)
  }

  private func unfinished(_ batchCount: Int) -> String {
    folder.unfinishedShard(shard, of: plan.shards.count, batchCount: batchCount)
  }

  /// What a batch is written to.
  private func temporaryPath(_ place: BatchPlace) -> String {
    isInParts ? part(place.indexInShard) + ".partial" : unfinished(place.indexInShard)
  }

  /// Brings all parts together.
  ///
  /// - Returns: the path of the shard under its temporary name.
  private func merge() throws -> String {
    let path = unfinished(0)
    try ShardFile.createShard(path, shard, of: plan, planText: planText)
    let target = try open(path, part: nil, forWriting: true)
    do {
      let buffer = StagingBuffer(byteCount: plan.greatestChunkByteCount(shard: shard))
      for (index, place) in places.enumerated() {
        let part = try openPart(place)
        try target.copy(
          place, from: part, next: index + 1 < places.count ? places[index + 1] : nil,
          through: buffer)
        try part.close()
      }
      try target.close()
    } catch {
      target.abandon(keepsBytes: false)
      try? Folder.removeFile(path)
      throw error
    }
    return path
  }

  /// Gives the complete shard its final name.
  private func publish(_ temporary: String) throws -> String {
    let digest = XXH128.hash(try MappedFile(path: temporary))
    try DurableFile.move(temporary, to: folder.shard(shard, of: plan.shards.count))
    if isInParts { for place in places { try Folder.removeFile(part(place.indexInShard)) } }
    return digest
  }
}

extension CapturePlan {
  /// Whether a shard is brought together from a file for each batch.
  func isInParts(shard: Int) -> Bool {
    options.compressionLevel != nil && shards[shard].batches.count > 1
  }

  /// Bytes of the largest chunk of a shard, compressed or not: zlib stores what it cannot shrink,
  /// with a little of its own.
  func greatestChunkByteCount(shard: Int) -> Int {
    let greatest = options.hookPoints.reduce(0) { greatest, hookPoint in
      let rowByteCount = width(hookPoint) * options.dataType.byteCount
      let layout = ChunkLayout(
        tokenCount: shards[shard].tokenCount, rowByteCount: rowByteCount)
      return max(greatest, layout.rowCount * rowByteCount)
    }
    return greatest + greatest / 500 + 64
  }
}
