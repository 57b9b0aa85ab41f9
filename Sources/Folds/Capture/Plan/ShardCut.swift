/// How much of the corpus one shard holds. A shard is one batch: whole sequences that go through the
/// model together.
public struct ShardCut: Codable, Sendable, Equatable {
  public let sequenceCount: Int
  public let tokenCount: Int

  public init(sequenceCount: Int, tokenCount: Int) {
    self.sequenceCount = sequenceCount
    self.tokenCount = tokenCount
  }

  private enum CodingKeys: String, CodingKey {
    case sequenceCount = "sequence_count"
    case tokenCount = "token_count"
  }

  /// A shard has at least so many tokens where the corpus has them: fewer make small products and
  /// read the model's weights once more for little.
  public static let leastTokenCount = 4096

  /// Beyond so many tokens a batch is not faster, and its residual stream takes memory.
  public static let greatestTokenCount = 16_384

  /// Cuts a corpus into shards: a shard ends where one more sequence would exceed `shardByteCount`
  /// or `greatestTokenCount`, provided that it has `leastTokenCount` tokens and leaves as many.
  ///
  /// - Parameters:
  ///   - sequences: the number of tokens of each sequence, in corpus order.
  ///   - bytesPerToken: what one token takes in a shard.
  ///   - shardByteCount: what a shard should not exceed.
  public static func cut(
    sequences: [Int], bytesPerToken: Int, shardByteCount: Int
  ) -> [ShardCut] {
    let limit = min(shardByteCount / max(bytesPerToken, 1), greatestTokenCount)
    var remaining = sequences.reduce(0, +)
    var cuts: [ShardCut] = []
    var sequenceCount = 0
    var tokenCount = 0
    for next in sequences {
      if tokenCount >= leastTokenCount && remaining >= leastTokenCount && tokenCount + next > limit
      {
        cuts.append(ShardCut(sequenceCount: sequenceCount, tokenCount: tokenCount))
        (sequenceCount, tokenCount) = (0, 0)
      }
      sequenceCount += 1
      tokenCount += next
      remaining -= next
    }
    if tokenCount > 0 {
      cuts.append(ShardCut(sequenceCount: sequenceCount, tokenCount: tokenCount))
    }
    return cuts
  }
}
