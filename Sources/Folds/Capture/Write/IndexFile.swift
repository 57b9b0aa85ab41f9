import Activations
import Files
import HDF5

/// RUN/activations.h5: the whole capture as virtual datasets over its shards.
enum IndexFile {
  /// Writes and publishes it.
  static func write(
    _ plan: CapturePlan, planText: String, folder: CaptureFolder
  ) throws {
    let temporary = DurableFile.temporaryPath(for: folder.index)
    let file = try HDF5File.create(temporary, compatibility: .version110)
    do {
      try fill(file.root, plan: plan, planText: planText)
      try file.close()
    } catch {
      file.abandon()
      try? Folder.removeFile(temporary)
      throw error
    }
    try DurableFile.publish(temporary, as: folder.index)
  }

  private static func fill(
    _ root: HDF5Group, plan: CapturePlan, planText: String
  ) throws(HDF5Error) {
    try CaptureAxes.describe(root, plan: plan, planText: planText)
    try root.setAttribute("shard_count", .int32s([Int32(clamping: plan.shards.count)]))
    let total = plan.corpus.tokenCount

    /// An array over all tokens, each shard's part in its file.
    func array(_ name: String, _ type: HDF5ElementType) throws(HDF5Error) -> HDF5Dataset {
      try root.createDataset(
        name, type: type, shape: [total],
        storage: HDF5Storage(
          marksMissing: true, sources: sources(plan, name) { ([$0.tokenCount], [$1]) }))
    }
    let axes = try CaptureAxes(plan, in: root, token: try array("token", .int64))
    for (name, meaning) in CaptureAxes.tokenArrays {
      try axes.describe(try array(name, .int32), meaning: meaning, plan: plan)
    }
    let layerCount = plan.options.layers.count
    for hookPoint in plan.options.hookPoints {
      let width = plan.width(hookPoint)
      let dataset = try root.createDataset(
        hookPoint.rawValue, type: plan.options.dataType.elementType,
        shape: [layerCount, total, width],
        storage: HDF5Storage(
          marksMissing: true,
          sources: sources(plan, hookPoint.rawValue) {
            ([layerCount, $0.tokenCount, width], [0, $1, 0])
          }))
      try axes.describe(dataset, hookPoint: hookPoint)
    }
  }

  /// - Parameter box: shape and offset of a shard's part, from the shard and its first token.
  private static func sources(
    _ plan: CapturePlan, _ dataset: String,
    box: (_ shard: ShardCut, _ first: Int) -> (shape: [Int], offset: [Int])
  ) -> [HDF5VirtualSource] {
    var first = 0
    return plan.shards.enumerated().map { index, shard in
      let (shape, offset) = box(shard, first)
      first += shard.tokenCount
      return HDF5VirtualSource(
        path: CaptureFolder.shardName(index, of: plan.shards.count), dataset: dataset,
        shape: shape, offset: offset)
    }
  }
}
