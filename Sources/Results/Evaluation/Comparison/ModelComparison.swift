import Checkpoints
import Files

/// `comparison.json`: everything that was measured of a dense and a converted model.
public struct ModelComparison: Codable, Sendable, Equatable {
  public static let schemaName = "mohd-evaluation/1"

  /// Parameters that one token uses, outside embeddings and output layer.
  public struct Parameters: Codable, Sendable, Equatable {
    /// All of the dense model.
    public var dense: Int
    /// The projections of either model, as the paper counts.
    public var densePaper: Int
    public var convertedPaper: Int
    /// Everything multiplied or added per token.
    public var convertedAll: Int

    enum CodingKeys: String, CodingKey {
      case dense = "dense_all"
      case densePaper = "dense_paper"
      case convertedPaper = "converted_paper"
      case convertedAll = "converted_all"
    }

    package init(dense: Int, densePaper: Int, convertedPaper: Int, convertedAll: Int) {
      (self.dense, self.densePaper) = (dense, densePaper)
      (self.convertedPaper, self.convertedAll) = (convertedPaper, convertedAll)
    }

    public init(dense: ModelConfiguration, converted: ModelConfiguration) {
      self.dense = dense.activeParameters(count: .all)
      densePaper = dense.activeParameters(count: .paper)
      convertedPaper = converted.activeParameters(count: .paper)
      convertedAll = converted.activeParameters(count: .all)
    }
  }

  /// One domain, or all of them.
  public struct Domain: Codable, Sendable, Equatable {
    public var name: String
    public var scores: DivergenceScores

    private enum CodingKeys: String, CodingKey { case name = "domain" }

    init(name: String, scores: DivergenceScores) {
      self.name = name
      self.scores = scores
    }

    public init(from decoder: any Decoder) throws {
      name = try decoder.container(keyedBy: CodingKeys.self).decode(String.self, forKey: .name)
      scores = try DivergenceScores(from: decoder)
    }

    public func encode(to encoder: any Encoder) throws {
      try scores.encode(to: encoder)
      var box = encoder.container(keyedBy: CodingKeys.self)
      try box.encode(name, forKey: .name)
    }
  }

  public var schema = Self.schemaName
  public var denseName: String
  public var convertedName: String
  /// What decides the numbers: tool, models, tokenizer, corpus, sequence length.
  public var provenance: [String: String]
  public var all: DivergenceScores
  public var domains: [Domain]
  /// exp of the mean over domains of the logarithm of the perplexity ratio.
  public var geometricMeanRatio: Estimate?
  public var reconstruction: [LayerReconstruction]
  public var routers: [RouterResult]
  public var throughput: Throughput?
  public var parameters: Parameters
  /// Of a conversion that was trained by the dense model's logits.
  public var training: TrainingRecord?
  public var warnings: [EvaluationWarning]

  enum CodingKeys: String, CodingKey {
    case schema, provenance, all, domains, reconstruction, routers, throughput, parameters, training
    case warnings
    case denseName = "dense"
    case convertedName = "converted"
    case geometricMeanRatio = "geometric_mean_perplexity_ratio"
  }

  /// - Parameters:
  ///   - overlap: what is known of calibration text among the evaluation's.
  ///   - training: what is known of training.
  public init(
    denseName: String, convertedName: String, provenance: [String: String], result: PairedResult,
    throughput: Throughput?, parameters: Parameters, overlap: CalibrationOverlap?,
    training: TrainingRecord? = nil
  ) {
    self.denseName = denseName
    self.convertedName = convertedName
    self.provenance = provenance
    all = result.all
    domains = result.domains.map { Domain(name: $0.name, scores: $0.scores) }
    geometricMeanRatio = result.geometricMeanRatio
    reconstruction = result.reconstruction
    routers = result.routers
    self.throughput = throughput
    self.parameters = parameters
    self.training = training
    warnings = []
    warnings = EvaluationWarning.all(self, overlap: overlap)
  }
}
