/// How much of the corpus one shard holds: one batch or more.
public struct ShardCut: Codable, Sendable, Equatable {
  public let sequenceCount: Int
  public let tokenCount: Int
  /// In corpus order.
  public let batches: [BatchCut]

  public init(_ batches: [BatchCut]) {
    self.batches = batches
    sequenceCount = batches.reduce(0) { $0 + $1.sequenceCount }
    tokenCount = batches.reduce(0) { $0 + $1.tokenCount }
  }

  private enum CodingKeys: String, CodingKey {
    case sequenceCount = "sequence_count"
    case tokenCount = "token_count"
    case batches
  }

  /// A shard of the first version of plan.json names no batches: it is one.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    sequenceCount = try container.decode(Int.self, forKey: .sequenceCount)
    tokenCount = try container.decode(Int.self, forKey: .tokenCount)
    batches =
      try container.decodeIfPresent([BatchCut].self, forKey: .batches)
      ?? [BatchCut(sequenceCount: sequenceCount, tokenCount: tokenCount)]
  }

  /// What a shard should not exceed where nobody says otherwise and that makes few enough.
  public static let standardByteCount = 2 << 30

  /// No more shards than this where nobody says otherwise. A program that reads the virtual file
  /// has all of them open, and HDF5 reads one that it cannot open as the fill value, in silence;
  /// 1024 files is the usual limit.
  public static let greatestCount = 256

  /// Puts batches into shards: a shard ends where one more batch would exceed its bytes.
  ///
  /// - Parameters:
  ///   - batches: in corpus order.
  ///   - bytesPerToken: what one token takes in a shard.
  ///   - byteCount: what a shard of more than one batch should not exceed; nil: the standard,
  ///     doubled until there are at most `greatestCount` shards.
  public static func cut(
    _ batches: [BatchCut], bytesPerToken: Int, byteCount: Int?
  ) -> [ShardCut] {
    if let byteCount { return fill(batches, tokenCount: byteCount / max(bytesPerToken, 1)) }
    var limit = max(standardByteCount / max(bytesPerToken, 1), 1)
    var shards = fill(batches, tokenCount: limit)
    while shards.count > greatestCount {
      limit *= 2
      shards = fill(batches, tokenCount: limit)
    }
    return shards
  }

  private static func fill(_ batches: [BatchCut], tokenCount limit: Int) -> [ShardCut] {
    var shards: [ShardCut] = []
    var (held, tokenCount): ([BatchCut], Int) = ([], 0)
    for batch in batches {
      if !held.isEmpty && tokenCount + batch.tokenCount > limit {
        shards.append(ShardCut(held))
        (held, tokenCount) = ([], 0)
      }
      held.append(batch)
      tokenCount += batch.tokenCount
    }
    if !held.isEmpty { shards.append(ShardCut(held)) }
    return shards
  }
}
