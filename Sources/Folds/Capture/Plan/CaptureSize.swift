import Activations

/// What a capture will take on disk, before anything is written.
public struct CaptureSize: Sendable {
  private let plan: CapturePlan

  public init(_ plan: CapturePlan) { self.plan = plan }

  /// Bytes of the whole run: shards, virtual file, plan and manifest. With compression, an upper
  /// bound.
  public var byteCount: Int {
    byteCount(ofShards: Array(plan.shards.indices)) + indexByteCount + planByteCount
      + plan.shards.count * Self.manifestLineByteCount
  }

  /// Bytes that a run still writes.
  ///
  /// - Parameter pending: batches to come, in order.
  func byteCount(ofBatches pending: [BatchPlace]) -> Int {
    var bytes = 0
    var merged = 0
    for (shard, batches) in Dictionary(grouping: pending, by: \.shard) {
      let cut = plan.shards[shard]
      let whole = shardByteCount(tokenCount: cut.tokenCount)
      let share =
        Double(batches.reduce(0) { $0 + $1.tokenCount }) / Double(max(cut.tokenCount, 1))
      bytes += Int(Double(whole) * share)
      // The parts of a compressed shard are there until it is.
      if plan.isInParts(shard: shard) { merged = max(merged, whole) }
    }
    return bytes + merged
  }

  /// Bytes of some of the shards.
  private func byteCount(ofShards shards: [Int]) -> Int {
    shards.reduce(0) { $0 + shardByteCount(tokenCount: plan.shards[$1].tokenCount) }
  }

  /// Bytes of one shard: activations with the padding of their chunks, what describes the tokens,
  /// and HDF5's own records.
  func shardByteCount(tokenCount: Int) -> Int {
    let layerCount = plan.options.layers.count
    let tokens = tokenCount * (8 + 4 * CaptureAxes.tokenArrays.count)
    var (data, records) = (0, 0)
    for hookPoint in plan.options.hookPoints {
      let rowByteCount = plan.width(hookPoint) * plan.options.dataType.byteCount
      let chunks = ChunkLayout(tokenCount: tokenCount, rowByteCount: rowByteCount)
      data += chunks.paddedRowCount * rowByteCount * layerCount
      records += Self.treeByteCount(chunkCount: chunks.chunkCount * layerCount)
    }
    return data + tokens + records + descriptionByteCount
  }

  // Measured on files that this module wrote with HDF5 1.10; tests hold them to it.
  private static let fileByteCount = 11_500
  private static let datasetByteCount = 1400
  private static let sourceByteCount = 120
  private static let manifestLineByteCount = 72

  /// Headers, attributes and scales of one file.
  private var descriptionByteCount: Int {
    Self.fileByteCount + planByteCount + Self.datasetByteCount * plan.options.hookPoints.count
  }

  private var indexByteCount: Int {
    descriptionByteCount + Self.sourceByteCount * plan.shards.count
      * (plan.options.hookPoints.count + CaptureAxes.tokenArrays.count + 1)
  }

  private var planByteCount: Int { (try? plan.encoded().count) ?? 0 }

  /// The B-tree that finds chunks: nodes of up to 64 children, about two thirds full.
  private static func treeByteCount(chunkCount: Int) -> Int {
    let nodeByteCount = 24 + 64 * 8 + 65 * 40
    return max(1, (chunkCount + 31) / 32) * nodeByteCount
  }
}
