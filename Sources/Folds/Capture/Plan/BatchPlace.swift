/// Where one batch of a capture lies.
public struct BatchPlace: Sendable, Equatable {
  /// Index of the batch in the capture.
  public let batch: Int
  /// The shard that holds it, and its index among that one's batches.
  public let shard: Int
  public let indexInShard: Int
  /// Its rows among those of the shard.
  public let rows: Range<Int>
  /// Index in the corpus of its first token.
  public let firstToken: Int
  /// Its sequences among those of the corpus.
  public let sequences: Range<Int>

  public var tokenCount: Int { rows.count }
}

extension CapturePlan {
  /// All batches, in corpus order.
  ///
  /// - Complexity: as many steps as there are batches; ask once.
  public var batchPlaces: [BatchPlace] {
    var places: [BatchPlace] = []
    var (token, sequence) = (0, 0)
    for (shard, cut) in shards.enumerated() {
      let first = token
      for (index, batch) in cut.batches.enumerated() {
        places.append(
          BatchPlace(
            batch: places.count, shard: shard, indexInShard: index,
            rows: token - first..<token - first + batch.tokenCount, firstToken: token,
            sequences: sequence..<sequence + batch.sequenceCount))
        token += batch.tokenCount
        sequence += batch.sequenceCount
      }
    }
    return places
  }

  /// The cuts of all batches, in corpus order.
  public var batches: [BatchCut] { shards.flatMap(\.batches) }
}
