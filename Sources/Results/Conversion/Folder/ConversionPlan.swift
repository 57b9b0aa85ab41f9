import Checkpoints

/// conversion.json: what was chosen, layer by layer, and what it lost.
public struct ConversionPlan: Sendable, Codable, Equatable {
  /// What the conversion was made from.
  public struct Provenance: Sendable, Codable, Equatable {
    public let model: String
    public let modelSHA256: String
    public let tool: String

    public init(model: String, modelSHA256: String, tool: String) {
      (self.model, self.modelSHA256, self.tool) = (model, modelSHA256, tool)
    }

    enum CodingKeys: String, CodingKey {
      case model, tool
      case modelSHA256 = "model_sha256"
    }
  }

  /// The text that it was calibrated on.
  public struct Calibration: Sendable, Codable, Equatable {
    public let tokenCount: Int
    public let corpusSHA256: String
    /// SHA-256 of each document's text: an evaluation warns when it meets one of them again. nil
    /// where only the activations are known, and not the text.
    public let documentSHA256: [String]?

    public init(tokenCount: Int, corpusSHA256: String, documentSHA256: [String]?) {
      self.tokenCount = tokenCount
      self.corpusSHA256 = corpusSHA256
      self.documentSHA256 = documentSHA256
    }

    enum CodingKeys: String, CodingKey {
      case tokenCount = "token_count"
      case corpusSHA256 = "corpus_sha256"
      case documentSHA256 = "document_sha256"
    }
  }

  /// Parameters that multiply a token, outside embeddings (definitions.md, "Active parameters").
  public struct Active: Sendable, Codable, Equatable {
    public let dense: Int
    public let paper: Int
    public let all: Int
    /// Mean active fraction of hidden dimensions, weighted by input-side weights.
    public let fraction: Double

    /// - Parameter stored: what is written, where that is another form of the same; nil: it
    ///   follows from the settings.
    public init(_ configuration: ModelConfiguration, stored: ModelConfiguration? = nil) {
      var written = configuration
      written.mohd = stored?.mohd ?? configuration.mohd?.stored(in: configuration)
      dense = written.activeParameters(count: .dense)
      paper = written.activeParameters(count: .paper)
      all = written.activeParameters(count: .all)
      var (active, whole) = (0.0, 0.0)
      for component in MoHDComponent.allCases {
        let weight = Double(configuration.projectionWidth(component))
        for settings in configuration.mohd?[component] ?? [] {
          active +=
            weight
            * Double(settings.activeCount * settings.size(hiddenSize: configuration.hiddenSize))
            / Double(configuration.hiddenSize)
          whole += weight
        }
      }
      fraction = whole > 0 ? active / whole : 1
    }
  }

  public let schema: String
  public let provenance: Provenance
  public let recipe: ConversionRecipe
  public let calibration: Calibration
  public let activeParameters: Active
  public let components: [ComponentReport]
  /// The loss curve of recovery, component by component in order; nil when there was none.
  public let recovery: [RecoveryStep]?
  /// Training by the dense model's logits, with its loss curve; nil when there was none.
  public let distillation: Distillation?
  /// Type of the weights; nil in older records: float32.
  public let dtype: FloatingType?

  enum CodingKeys: String, CodingKey {
    case schema, provenance, recipe, calibration, components, recovery, distillation, dtype
    case activeParameters = "active_parameters"
  }

  public static let currentSchema = "mohd-conversion/1"
}
