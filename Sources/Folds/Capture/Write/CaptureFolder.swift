import Files

/// Where things lie in the folder of a run.
struct CaptureFolder: Sendable, Equatable {
  /// The run's folder.
  let path: String

  var plan: String { path + "/plan.json" }
  var index: String { path + "/" + Self.indexName }
  var manifest: String { path + "/" + Self.manifestName }
  var log: String { path + "/capture.log" }
  var shards: String { path + "/shards" }

  static let planName = "plan.json"
  static let indexName = "activations.h5"
  static let manifestName = "XXH128SUMS"
  /// Everything that a run makes at the top of its folder.
  static let names: Set = [planName, indexName, manifestName, "capture.log", "shards"]

  /// A shard's path from the run's folder: what a virtual dataset and the manifest call it.
  static func shardName(_ shard: Int, of count: Int) -> String {
    "shards/activations-" + padded(shard) + "-of-" + padded(count) + ".h5"
  }

  func shard(_ shard: Int, of count: Int) -> String {
    path + "/" + Self.shardName(shard, of: count)
  }

  /// A shard that is being written, in which the first `count` batches are complete and durable:
  /// its name is the record of it.
  func unfinishedShard(_ shard: Int, of shards: Int, batchCount count: Int) -> String {
    count == 0
      ? DurableFile.temporaryPath(for: self.shard(shard, of: shards))
      : hidden(shard, of: shards) + ".batches-\(count).partial"
  }

  /// One batch of a shard whose chunks are compressed, complete and durable.
  func part(_ batch: Int, ofShard shard: Int, of shards: Int) -> String {
    hidden(shard, of: shards) + ".batch-\(batch)"
  }

  private func hidden(_ shard: Int, of shards: Int) -> String {
    let (folder, name) = DurableFile.split(self.shard(shard, of: shards))
    return folder + "/." + name
  }

  /// Names of everything that the manifest vouches for, in the order in which it is made.
  func files(of plan: CapturePlan) -> [String] {
    [Self.planName]
      + plan.shards.indices.map { Self.shardName($0, of: plan.shards.count) }
      + [Self.indexName]
  }

  /// At least five digits, as Hugging Face names its shards.
  private static func padded(_ number: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
  }
}
