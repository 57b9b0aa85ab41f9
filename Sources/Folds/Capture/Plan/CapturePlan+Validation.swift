import Activations
import Foundation

extension CapturePlan {
  /// Sizes beyond this are not believed; it keeps all arithmetic on them far from overflow.
  private static let greatestCount = 1 << 32

  /// - Throws: `CaptureError.invalidPlan` when the parts do not fit each other.
  func validate(path: String) throws(CaptureError) {
    func require(_ condition: Bool, _ reason: @autoclosure () -> String) throws(CaptureError) {
      if !condition { throw .invalidPlan(path: path, reason: reason()) }
    }
    try require(
      (1...Self.schemaVersion).contains(schemaVersion),
      "expected schema_version 1 to \(Self.schemaVersion), found \(schemaVersion)")
    try require(!options.hookPoints.isEmpty, "expected at least one hook point")
    try require(
      options.hookPoints == HookPoint.allCases.filter(Set(options.hookPoints).contains),
      "hook points must stand in the order of the block, each once")
    try require(!options.layers.isEmpty, "expected at least one layer")
    try require(
      options.layers.count <= 1 << 16
        && options.layers.allSatisfy { $0 >= 0 && $0 < 1 << 16 }
        && zip(options.layers, options.layers.dropFirst()).allSatisfy { $0 < $1 },
      "layers must be ascending numbers from 0")
    try require(
      options.compressionLevel.map { (1...9).contains($0) } ?? true,
      "compression_level must be 1…9")
    for hookPoint in options.hookPoints {
      let width = width(hookPoint)
      try require(
        width > 0 && width <= 1 << 24, "widths.\(hookPoint.rawValue): expected a width")
      try require(
        spaces.first { $0.space == hookPoint.space }.map { $0.width == width } ?? false,
        "widths.\(hookPoint.rawValue): others in the same space are wider or narrower")
    }
    try require(!shards.isEmpty && shards.count < 1 << 24, "expected at least one shard")
    for shard in shards {
      try require(
        shard.tokenCount > 0 && shard.tokenCount <= Self.greatestCount
          && shard.sequenceCount > 0 && shard.sequenceCount <= Self.greatestCount,
        "each shard holds at least one token")
      try require(
        shard.batches.count <= shard.sequenceCount
          && shard.batches.allSatisfy {
            (1...Self.greatestCount).contains($0.tokenCount)
              && (1...Self.greatestCount).contains($0.sequenceCount)
          } && shard == ShardCut(shard.batches),
        "the batches of a shard do not add up to it")
    }
    try require(
      shards.reduce(0) { $0 + $1.tokenCount } == corpus.tokenCount
        && shards.reduce(0) { $0 + $1.sequenceCount } == corpus.sequenceCount,
      "shards do not add up to the corpus")
    // The sum of all shards is below 2^56 by now, and a token's bytes below 2^46.
    try require(
      !corpus.tokenCount.multipliedReportingOverflow(by: 2 * bytesPerToken).overflow,
      "its activations would take more bytes than there are numbers for")
    try require(
      corpus.domains.allSatisfy { (0...Self.greatestCount).contains($0.documentCount) }
        && corpus.domains.count < 1 << 20
        && corpus.domains.reduce(0) { $0 + $1.documentCount } == corpus.documentCount,
      "domains do not add up to the corpus")
  }

  /// What differs between this plan, the one of a run, and another one: "field: expected, found".
  func differences(from other: CapturePlan) throws -> [String] {
    let mine = try Self.flatten(self)
    let theirs = try Self.flatten(other)
    return Set(mine.keys).union(theirs.keys).sorted().compactMap { key in
      let (old, new) = (mine[key] ?? "nothing", theirs[key] ?? "nothing")
      return old == new ? nil : "\(key): expected \(old), found \(new)"
    }
  }

  /// Each leaf of the JSON by its dotted path.
  private static func flatten(_ plan: CapturePlan) throws -> [String: String] {
    var leaves: [String: String] = [:]
    func visit(_ value: Any, _ path: String) {
      switch value {
      case let object as [String: Any]:
        for (key, member) in object { visit(member, path.isEmpty ? key : path + "." + key) }
      case let array as [Any]:
        let isFlat = array.allSatisfy { !($0 is [String: Any]) && !($0 is [Any]) }
        if isFlat {
          leaves[path] = "[" + array.map { "\($0)" }.joined(separator: ", ") + "]"
        } else {
          for (index, member) in array.enumerated() { visit(member, "\(path)[\(index)]") }
        }
      default: leaves[path] = "\(value)"
      }
    }
    visit(try JSONSerialization.jsonObject(with: Data(try plan.encoded())), "")
    return leaves
  }
}
