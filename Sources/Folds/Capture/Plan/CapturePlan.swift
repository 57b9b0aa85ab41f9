import Activations
import Files

/// Everything that decides the bytes of a capture, and nothing else: RUN/plan.json.
///
/// It names no path, host, date or number of threads, so equal plans give equal captures.
public struct CapturePlan: Codable, Sendable, Equatable {
  /// The version of this format. Version 1 had one batch in each shard and did not name batches.
  public static let schemaVersion = 2

  /// The checkpoint.
  public struct Model: Codable, Sendable, Equatable {
    public let sha256: String
    public let architecture: String
    /// Facts of the configuration, such as `hidden_size`.
    public let sizes: [String: Int]

    public init(sha256: String, architecture: String, sizes: [String: Int]) {
      self.sha256 = sha256
      self.architecture = architecture
      self.sizes = sizes
    }
  }

  /// What turned the text into tokens.
  public struct Tokenizer: Codable, Sendable, Equatable {
    public let sha256: String
    /// What was guessed or left out when it was read; nil: nothing.
    public let warnings: [String]?

    public init(sha256: String, warnings: [String] = []) {
      self.sha256 = sha256
      self.warnings = warnings.isEmpty ? nil : warnings
    }
  }

  /// The text.
  public struct Corpus: Codable, Sendable, Equatable {
    public let sha256: String
    public let documentCount: Int
    public let sequenceCount: Int
    public let tokenCount: Int
    /// In the order in which the corpus first names them.
    public let domains: [Domain]

    private enum CodingKeys: String, CodingKey {
      case sha256
      case documentCount = "document_count"
      case sequenceCount = "sequence_count"
      case tokenCount = "token_count"
      case domains
    }
  }

  /// Documents of one kind.
  public struct Domain: Codable, Sendable, Equatable {
    public let name: String
    public let documentCount: Int
    public let tokenCount: Int

    public init(name: String, documentCount: Int, tokenCount: Int) {
      self.name = name
      self.documentCount = documentCount
      self.tokenCount = tokenCount
    }

    private enum CodingKeys: String, CodingKey {
      case name
      case documentCount = "document_count"
      case tokenCount = "token_count"
    }
  }

  public let schemaVersion: Int
  /// Name and version of the program, such as "mohd-probe 0.1.0".
  public let tool: String
  public let model: Model
  public let tokenizer: Tokenizer
  public let corpus: Corpus
  public let options: CaptureOptions
  /// Width of each captured hook point, by its raw value.
  public let widths: [String: Int]
  public let shards: [ShardCut]

  private enum CodingKeys: String, CodingKey {
    case schemaVersion = "schema_version"
    case tool, model, tokenizer, corpus, options, widths, shards
  }

  /// Plans a capture: cuts the corpus into batches and these into shards.
  ///
  /// - Parameters:
  ///   - corpusSHA256: of everything that decides the documents, domains included.
  ///   - sequences: the number of tokens of each sequence, in corpus order.
  ///   - width: the number of features at each hook point.
  /// - Throws: `CaptureError.noTokens`, `CaptureError.invalidPlan`.
  public init(
    tool: String, model: Model, tokenizer: Tokenizer, corpusSHA256: String, domains: [Domain],
    sequences: [Int], options: CaptureOptions, width: (HookPoint) -> Int
  ) throws(CaptureError) {
    let tokenCount = sequences.reduce(0, +)
    guard tokenCount > 0 else { throw .noTokens }
    schemaVersion = Self.schemaVersion
    self.tool = tool
    self.model = model
    self.tokenizer = tokenizer
    self.options = options
    corpus = Corpus(
      sha256: corpusSHA256, documentCount: domains.reduce(0) { $0 + $1.documentCount },
      sequenceCount: sequences.count, tokenCount: tokenCount, domains: domains)
    widths = Dictionary(uniqueKeysWithValues: options.hookPoints.map { ($0.rawValue, width($0)) })
    let bytesPerToken = Self.bytesPerToken(widths, options)
    shards = ShardCut.cut(
      BatchCut.cut(
        sequences: sequences, bytesPerToken: bytesPerToken,
        byteCount: options.batchByteCount ?? options.shardByteCount
          ?? BatchCut.greatestByteCount),
      bytesPerToken: bytesPerToken, byteCount: options.shardByteCount)
    try validate(path: "the plan")
  }

  /// Reads RUN/plan.json.
  public init(path: String) throws {
    let bytes = try MappedFile(path: path, limit: 64 << 20).copyBytes()
    self = try JSONText.decode(CapturePlan.self, from: bytes, path: path)
    try validate(path: path)
  }

  /// The bytes of plan.json.
  public func encoded() throws -> [UInt8] { try JSONText.encode(self) }

  // MARK: What follows from it

  /// Features at a captured hook point; 0 at others.
  public func width(_ hookPoint: HookPoint) -> Int { widths[hookPoint.rawValue] ?? 0 }

  /// Bytes of all activations of one token.
  public var bytesPerToken: Int { Self.bytesPerToken(widths, options) }

  private static func bytesPerToken(_ widths: [String: Int], _ options: CaptureOptions) -> Int {
    let features = widths.values.reduce(0) { $0 + min(max($1, 0), 1 << 24) }
    return features * options.layers.count * options.dataType.byteCount
  }

  /// Whether the values of a site are captured.
  public func contains(_ site: ActivationSite) -> Bool {
    options.layers.contains(site.layer) && options.hookPoints.contains(site.hookPoint)
  }

  /// Index of a shard's first token in the corpus.
  public func firstToken(ofShard shard: Int) -> Int {
    shards[..<shard].reduce(0) { $0 + $1.tokenCount }
  }

  /// The spaces in which captured values live, in the order of `FeatureSpace.allCases`, with their
  /// widths.
  var spaces: [(space: FeatureSpace, width: Int)] {
    FeatureSpace.allCases.compactMap { space in
      options.hookPoints.first { $0.space == space }.map { (space, width($0)) }
    }
  }
}
