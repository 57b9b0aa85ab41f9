import Activations
import Files
import HDF5

/// One shard while it is being written. Its methods are called on the writer's queue.
final class ShardFile: Sendable {
  let temporaryPath: String
  let path: String
  private let plan: CapturePlan
  private let tokenCount: Int
  private let file: HDF5File
  private let datasets: [HDF5Dataset]

  /// Makes the file under its temporary name, with everything but the activations.
  ///
  /// - Parameters:
  ///   - domains: for each row, the index of its document's domain.
  static func create(
    _ shard: Int, of plan: CapturePlan, planText: String, folder: CaptureFolder,
    batch: TokenBatch, domains: [Int32]
  ) throws(HDF5Error) -> ShardFile {
    let path = folder.shard(shard, of: plan.shards.count)
    let temporaryPath = DurableFile.temporaryPath(for: path)
    let file = try HDF5File.create(temporaryPath, compatibility: .version18)
    do throws(HDF5Error) {
      try CaptureAxes.describe(file.root, plan: plan, planText: planText)
      try file.root.setAttribute("shard", .int32s([Int32(clamping: shard)]))
      try file.root.setAttribute("shard_count", .int32s([Int32(clamping: plan.shards.count)]))
      let datasets = try fill(
        file.root, plan: plan, firstToken: plan.firstToken(ofShard: shard), batch: batch,
        domains: domains)
      return ShardFile(
        path: path, temporaryPath: temporaryPath, plan: plan, tokenCount: batch.tokenCount,
        file: file, datasets: datasets)
    } catch {
      file.abandon()
      try? Folder.removeFile(temporaryPath)
      throw error
    }
  }

  private init(
    path: String, temporaryPath: String, plan: CapturePlan, tokenCount: Int, file: HDF5File,
    datasets: [HDF5Dataset]
  ) {
    self.path = path
    self.temporaryPath = temporaryPath
    self.plan = plan
    self.tokenCount = tokenCount
    self.file = file
    self.datasets = datasets
  }

  /// Writes what describes the tokens, and makes the datasets of the hook points, empty.
  private static func fill(
    _ root: HDF5Group, plan: CapturePlan, firstToken: Int, batch: TokenBatch, domains: [Int32]
  ) throws(HDF5Error) -> [HDF5Dataset] {
    let tokenCount = batch.tokenCount
    let token = try root.createDataset("token", type: .int64, shape: [tokenCount])
    try token.write((0..<tokenCount).map { Int64(firstToken + $0) })
    let axes = try CaptureAxes(plan, in: root, token: token)

    var columns = ["token_id": batch.tokenIDs, "domain": domains]
    columns["document"] = column(of: batch) { sequence, _ in sequence.document }
    columns["sequence"] = column(of: batch) { sequence, _ in sequence.index }
    columns["position"] = column(of: batch) { sequence, row in row - sequence.rows.lowerBound }
    for (name, meaning) in CaptureAxes.tokenArrays {
      let array = try root.createDataset(name, type: .int32, shape: [tokenCount])
      try array.write(columns[name] ?? [])
      try axes.describe(array, meaning: meaning, plan: plan)
    }

    var datasets: [HDF5Dataset] = []
    for place in StagedLayer.places(plan, tokenCount: tokenCount).places {
      let dataset = try root.createDataset(
        place.hookPoint.rawValue, type: plan.options.dataType.elementType,
        shape: [plan.options.layers.count, tokenCount, place.width],
        storage: HDF5Storage(
          chunk: [1, place.chunks.rowCount, place.width],
          compressionLevel: plan.options.compressionLevel, fillsWithNaN: true))
      try axes.describe(dataset, hookPoint: place.hookPoint)
      datasets.append(dataset)
    }
    return datasets
  }

  private static func column(
    of batch: TokenBatch, _ value: (TokenBatch.Sequence, Int) -> Int
  ) -> [Int32] {
    batch.sequences.flatMap { sequence in
      sequence.rows.map { Int32(clamping: value(sequence, $0)) }
    }
  }

  /// Writes one layer: hook point by hook point, chunk by chunk.
  ///
  /// - Parameter index: which of the captured layers this is.
  func write(layerIndex index: Int, from staged: StagedLayer) throws(HDF5Error) {
    for (place, dataset) in zip(staged.places, datasets) {
      let rowByteCount = place.width * plan.options.dataType.byteCount
      for chunk in 0..<place.chunks.chunkCount {
        let row = chunk * place.chunks.rowCount
        let start = place.start + row * rowByteCount
        if plan.options.compressionLevel == nil {
          try dataset.writeChunk(
            at: [index, row, 0], from: staged.buffer,
            bytes: start..<start + place.chunks.rowCount * rowByteCount)
        } else {
          try dataset.write(
            offset: [index, row, 0],
            count: [1, min(place.chunks.rowCount, tokenCount - row), place.width],
            from: staged.buffer, at: start)
        }
      }
    }
    file.startWriteBack()
  }

  /// Closes and publishes the file.
  ///
  /// - Returns: its XXH128, computed while the system is still writing the file, so that the fsync
  ///   finds less to wait for.
  func publish() throws -> String {
    try file.close()
    let digest = XXH128.hash(try MappedFile(path: temporaryPath))
    try DurableFile.publish(temporaryPath, as: path)
    return digest
  }

  /// Gives up and removes the unfinished file.
  func discard() {
    file.abandon()
    try? Folder.removeFile(temporaryPath)
  }
}
