import Activations
import HDF5

/// The type in which activations are stored.
public enum CaptureDataType: String, Codable, Sendable, CaseIterable {
  case float16, float32

  /// Bytes of one number.
  public var byteCount: Int { elementType.byteCount }

  var elementType: HDF5ElementType { self == .float16 ? .float16 : .float32 }
}

/// What was asked for, as far as it decides the bytes of a capture.
public struct CaptureOptions: Codable, Sendable, Equatable {
  /// In the order of `HookPoint.allCases`.
  public let hookPoints: [HookPoint]
  /// 0-based, ascending.
  public let layers: [Int]
  public let sequenceLength: Int
  public let dataType: CaptureDataType
  /// zlib's level, or nil for plain chunks.
  public let compressionLevel: Int?
  /// What a shard of more than one batch should not exceed, in bytes; nil: as `ShardCut` sees fit.
  public let shardByteCount: Int?
  /// What a batch should not exceed, in bytes of a shard; nil: a shard's, and 2 GiB at most.
  public let batchByteCount: Int?
  /// Whether infinities and NaN are stored as they are.
  public let allowsNonFinite: Bool
  public let maximumTokenCount: Int?
  public let maximumTokenCountPerDomain: Int?
  /// Rows that linear layers work on at once: it decides the last bits of the numbers.
  public let panelRowCount: Int
  /// Options of the corpus's reader that decide its tokens, such as the text field.
  public let corpusOptions: [String: String]

  /// What `--compress` asks for: higher levels cost much and gain little on activations.
  public static let standardCompressionLevel = 1

  /// Puts hook points and layers in order and drops repetitions.
  public init(
    hookPoints: [HookPoint] = HookPoint.standard, layers: [Int], sequenceLength: Int,
    dataType: CaptureDataType = .float16, compressionLevel: Int? = nil,
    shardByteCount: Int? = nil, batchByteCount: Int? = nil, allowsNonFinite: Bool = false,
    maximumTokenCount: Int? = nil, maximumTokenCountPerDomain: Int? = nil,
    panelRowCount: Int = ActivationPanel.rowCount, corpusOptions: [String: String] = [:]
  ) {
    self.hookPoints = HookPoint.allCases.filter(Set(hookPoints).contains)
    self.layers = Set(layers).sorted()
    self.sequenceLength = sequenceLength
    self.dataType = dataType
    self.compressionLevel = compressionLevel
    self.shardByteCount = shardByteCount
    self.batchByteCount = batchByteCount
    self.allowsNonFinite = allowsNonFinite
    self.maximumTokenCount = maximumTokenCount
    self.maximumTokenCountPerDomain = maximumTokenCountPerDomain
    self.panelRowCount = panelRowCount
    self.corpusOptions = corpusOptions
  }

  private enum CodingKeys: String, CodingKey {
    case hookPoints = "hook_points"
    case layers
    case sequenceLength = "sequence_length"
    case dataType = "dtype"
    case compressionLevel = "compression_level"
    case shardByteCount = "shard_bytes"
    case batchByteCount = "batch_bytes"
    case allowsNonFinite = "allow_non_finite"
    case maximumTokenCount = "max_tokens"
    case maximumTokenCountPerDomain = "max_tokens_per_domain"
    case panelRowCount = "panel_rows"
    case corpusOptions = "corpus_options"
  }
}
