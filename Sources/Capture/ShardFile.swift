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
  init(
    _ shard: Int, of plan: CapturePlan, planText: String, folder: CaptureFolder,
    batch: TokenBatch, domains: [Int32]
  ) throws(HDF5Error) {
    path = folder.shard(shard, of: plan.shards.count)
    temporaryPath = DurableFile.temporaryPath(for: path)
    self.plan = plan
    tokenCount = batch.tokenCount
    file = try HDF5File.create(temporaryPath, compatibility: .version18)
    let root = file.root
    try CaptureAxes.describe(root, plan: plan, planText: planText)
    try root.setAttribute("shard", .int32s([Int32(clamping: shard)]))
    try root.setAttribute("shard_count", .int32s([Int32(clamping: plan.shards.count)]))
    let first = Int64(plan.firstToken(ofShard: shard))
    let token = try root.createDataset("token", type: .int64, shape: [tokenCount])
    try token.write((0..<Int64(tokenCount)).map { first + $0 })
    let axes = try CaptureAxes(plan, in: root, token: token)

    let rows = batch.tokenIDs.indices
    var columns: [String: [Int32]] = ["token_id": batch.tokenIDs, "domain": domains]
    for name in ["document", "sequence", "position"] {
      var column = [Int32](repeating: 0, count: rows.count)
      for sequence in batch.sequences {
        for row in sequence.rows {
          column[row] = Int32(
            clamping: name == "document"
              ? sequence.document
              : name == "sequence" ? sequence.index : row - sequence.rows.lowerBound)
        }
      }
      columns[name] = column
    }
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
    self.datasets = datasets
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
  /// - Returns: its SHA-256.
  func publish() throws -> String {
    try file.close()
    try DurableFile.publish(temporaryPath, as: path)
    return SHA256.hash(try MappedFile(path: path))
  }

  /// Closes and removes the unfinished file.
  func discard() {
    try? file.close()
    try? Folder.removeFile(temporaryPath)
  }
}
