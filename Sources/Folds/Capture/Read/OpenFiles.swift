import Files

/// How many files a program has open that reads all of RUN/activations.h5.
///
/// HDF5 opens a shard when it is first read from, keeps it open, and reads one that it cannot open
/// as the fill value, without a word. Our own reader opens one shard at a time.
public struct OpenFiles: Sendable, Equatable {
  /// Files of a program besides the shards: its standard streams, libraries, the virtual file, and
  /// one for a shard that is open already and is asked for once more.
  static let besidesShards = 32
  /// What systems allow unless they are told otherwise.
  public static let usualLimit = 1024

  /// Files that are open at once.
  public let needed: Int
  public let limit: Int

  public init(shardCount: Int, limit: Int) {
    needed = shardCount + Self.besidesShards
    self.limit = limit
  }

  /// Whether values could be missing in silence.
  public var isTooMany: Bool { needed > limit }

  /// What to do about too many; nil where they are not.
  public var advice: String? {
    guard isTooMany else { return nil }
    return "HDF5 reads shards beyond the limit as NaN and -1, in silence; "
      + "say ulimit -n \(needed) before reading activations.h5, or capture with larger --shard-bytes"
  }
}
