import Activations
import Files
import HDF5

/// Files as they are before the first number comes. They are closed when these functions return, so
/// that a run that was killed and one that was not go on from the same bytes.
extension ShardFile {
  /// Makes a shard. Chunks that are not compressed have their places from here on, and writing
  /// numbers changes no other byte.
  static func createShard(
    _ path: String, _ shard: Int, of plan: CapturePlan, planText: String
  ) throws(HDF5Error) {
    try create(path) { (root) throws(HDF5Error) in
      try CaptureAxes.describe(root, plan: plan, planText: planText)
      try root.setAttribute("shard", .int32s([Int32(clamping: shard)]))
      try root.setAttribute("shard_count", .int32s([Int32(clamping: plan.shards.count)]))
      let tokenCount = plan.shards[shard].tokenCount
      let firstToken = plan.firstToken(ofShard: shard)
      let token = try root.createDataset("token", type: .int64, shape: [tokenCount])
      try token.write((0..<tokenCount).map { Int64(firstToken + $0) })
      let axes = try CaptureAxes(plan, in: root, token: token)
      for (name, meaning) in CaptureAxes.tokenArrays {
        try axes.describe(
          try createTokenArray(name, in: root, count: tokenCount), meaning: meaning, plan: plan)
      }
      for hookPoint in plan.options.hookPoints {
        let rowByteCount = plan.width(hookPoint) * plan.options.dataType.byteCount
        let layout = ChunkLayout(tokenCount: tokenCount, rowByteCount: rowByteCount)
        let dataset = try createDataset(
          hookPoint, of: plan, in: root, rowCount: tokenCount, chunkRowCount: layout.rowCount)
        try axes.describe(dataset, hookPoint: hookPoint)
      }
    }
  }

  /// Makes a part of a shard: the chunks that hold rows of one batch, whole.
  static func createPart(
    _ path: String, _ batch: BatchPlace, of plan: CapturePlan, planText: String
  ) throws(HDF5Error) {
    try create(path) { (root) throws(HDF5Error) in
      try root.setAttribute("mohd_plan", .string(planText))
      for (name, _) in CaptureAxes.tokenArrays {
        _ = try createTokenArray(name, in: root, count: batch.tokenCount)
      }
      for place in StagedLayer.places(plan, of: batch).places {
        _ = try createDataset(
          place.hookPoint, of: plan, in: root,
          rowCount: place.chunks.count * place.chunkRowCount, chunkRowCount: place.chunkRowCount)
      }
    }
  }

  private static func create(
    _ path: String, _ fill: (HDF5Group) throws(HDF5Error) -> Void
  ) throws(HDF5Error) {
    let file = try HDF5File.create(path, compatibility: .version18)
    do throws(HDF5Error) {
      try fill(file.root)
      try file.close()
    } catch {
      file.abandon()
      try? Folder.removeFile(path)
      throw error
    }
  }

  private static func createTokenArray(
    _ name: String, in root: HDF5Group, count: Int
  ) throws(HDF5Error) -> HDF5Dataset {
    try root.createDataset(
      name, type: .int32, shape: [count],
      storage: HDF5Storage(marksMissing: true, allocatesEarly: true))
  }

  private static func createDataset(
    _ hookPoint: HookPoint, of plan: CapturePlan, in root: HDF5Group, rowCount: Int,
    chunkRowCount: Int
  ) throws(HDF5Error) -> HDF5Dataset {
    let width = plan.width(hookPoint)
    return try root.createDataset(
      hookPoint.rawValue, type: plan.options.dataType.elementType,
      shape: [plan.options.layers.count, rowCount, width],
      storage: HDF5Storage(
        chunk: [1, chunkRowCount, width], compressionLevel: plan.options.compressionLevel,
        marksMissing: true, allocatesEarly: plan.options.compressionLevel == nil))
  }
}
