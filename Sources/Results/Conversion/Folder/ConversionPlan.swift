import Checkpoints
import Files

/// conversion.json: what was chosen, layer by layer, and what it lost.
public struct ConversionPlan: Sendable, Codable, Equatable {
  /// What the conversion was made from.
  public struct Provenance: Sendable, Codable, Equatable {
    public let model: String
    public let modelSHA256: String
    public let tool: String
    /// What was guessed or left out when the tokenizer was read; nil: nothing.
    public let tokenizerWarnings: [String]?

    public init(
      model: String, modelSHA256: String, tool: String, tokenizerWarnings: [String] = []
    ) {
      (self.model, self.modelSHA256, self.tool) = (model, modelSHA256, tool)
      self.tokenizerWarnings = tokenizerWarnings.isEmpty ? nil : tokenizerWarnings
    }

    enum CodingKeys: String, CodingKey {
      case model, tool
      case modelSHA256 = "model_sha256"
      case tokenizerWarnings = "tokenizer_warnings"
    }
  }

  /// The text that it was calibrated on.
  public struct Calibration: Sendable, Codable, Equatable {
    public let tokenCount: Int
    public let corpusSHA256: String
    /// SHA-256 of each document's text: an evaluation warns when it meets one of them again. nil
    /// where only the activations are known, and not the text.
    public let documentSHA256: [String]?
    /// What decided which windows of the text were drawn; nil in records that took its beginning.
    public let seed: UInt64?
    /// What each corpus gave.
    public let corpora: [Share]?
    /// What each corpus gave to train on; nil without training.
    public let trainingCorpora: [Share]?

    /// Passages of the text, by which an evaluation tells text that was changed a little.
    public let passages: TextFingerprint?

    /// What one corpus gave.
    public struct Share: Sendable, Codable, Equatable {
      public let name: String
      public let tokenCount: Int
      /// Documents that its tokens come from.
      public let documentCount: Int

      public init(name: String, tokenCount: Int, documentCount: Int) {
        (self.name, self.tokenCount, self.documentCount) = (name, tokenCount, documentCount)
      }

      enum CodingKeys: String, CodingKey {
        case name
        case tokenCount = "token_count"
        case documentCount = "document_count"
      }
    }

    public init(
      tokenCount: Int, corpusSHA256: String, documentSHA256: [String]?,
      passages: TextFingerprint? = nil, seed: UInt64? = nil, corpora: [Share]? = nil,
      trainingCorpora: [Share]? = nil
    ) {
      self.passages = passages
      self.tokenCount = tokenCount
      self.corpusSHA256 = corpusSHA256
      self.documentSHA256 = documentSHA256
      self.seed = seed
      self.corpora = corpora
      self.trainingCorpora = trainingCorpora
    }

    enum CodingKeys: String, CodingKey {
      case passages, seed, corpora
      case trainingCorpora = "training_corpora"
      case tokenCount = "token_count"
      case corpusSHA256 = "corpus_sha256"
      case documentSHA256 = "document_sha256"
    }
  }

  /// Parameters that multiply a token, outside embeddings (the article Definitions, "Active parameters").
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
          let width = settings.activeCount * settings.size(hiddenSize: configuration.hiddenSize)
          active += weight * Double(width) / Double(configuration.hiddenSize)
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
