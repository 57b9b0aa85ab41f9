/// How much of the corpus goes through the model together: whole sequences.
public struct BatchCut: Codable, Sendable, Equatable {
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

  /// A batch has at least so many tokens where the corpus has them: fewer make small products and
  /// read the model's weights once more for little.
  public static let leastTokenCount = 4096

  /// Beyond so many tokens a batch is not faster, and its residual stream takes memory.
  public static let greatestTokenCount = 16_384

  /// What a batch's activations should not exceed in a shard, however large shards are: a run that
  /// is killed loses a batch.
  public static let greatestByteCount = 2 << 30

  /// Cuts a corpus into batches: a batch ends where one more sequence would exceed `byteCount` or
  /// `greatestTokenCount`, provided that it has `leastTokenCount` tokens and leaves as many.
  ///
  /// - Parameters:
  ///   - sequences: the number of tokens of each sequence, in corpus order.
  ///   - bytesPerToken: what one token takes in a shard.
  ///   - byteCount: what a batch should not exceed; `greatestByteCount` where that is less.
  public static func cut(
    sequences: [Int], bytesPerToken: Int, byteCount: Int = greatestByteCount
  ) -> [BatchCut] {
    let limit = min(
      min(byteCount, greatestByteCount) / max(bytesPerToken, 1), greatestTokenCount)
    var remaining = sequences.reduce(0, +)
    var cuts: [BatchCut] = []
    var sequenceCount = 0
    var tokenCount = 0
    for next in sequences {
      if tokenCount >= leastTokenCount && remaining >= leastTokenCount && tokenCount + next > limit
      {
        cuts.append(BatchCut(sequenceCount: sequenceCount, tokenCount: tokenCount))
        (sequenceCount, tokenCount) = (0, 0)
      }
      sequenceCount += 1
      tokenCount += next
      remaining -= next
    }
    if tokenCount > 0 {
      cuts.append(BatchCut(sequenceCount: sequenceCount, tokenCount: tokenCount))
    }
    return cuts
  }
}
