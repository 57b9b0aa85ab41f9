import Checkpoints
import Files
import Models

/// `ablation.json`: what each part of a converted model is worth.
public struct AblationResult: Codable, Sendable, Equatable {
  public static let schemaName = "mohd-ablation/1"

  /// What was scored.
  public struct Text: Codable, Sendable, Equatable {
    public var domains: [String]
    public var documentCount: Int
    public var sequenceCount: Int
    public var scoredTokenCount: Int
    /// Tokens read, those that choose static sets included.
    public var tokenCount: Int
    /// Whether static sets were chosen on sequences that are not scored.
    public var isSeparate: Bool

    enum CodingKeys: String, CodingKey {
      case domains
      case documentCount = "documents"
      case sequenceCount = "sequences"
      case scoredTokenCount = "scored_tokens"
      case tokenCount = "tokens"
      case isSeparate = "static_sets_from_other_text"
    }
  }

  /// One way to choose sub-dimensions.
  public struct Routing: Codable, Sendable, Equatable {
    public var variant: RoutingVariant
    /// Mean over components, weighted by their input-side weights.
    public var activeFraction: Double
    /// Beside the model's own routing; nil where there was nothing to run.
    public var score: VariantScore?
    /// Perplexity over the dense model's.
    public var ratioToDense: Estimate?
    /// Why it was not run.
    public var reason: String?

    enum CodingKeys: String, CodingKey {
      case variant, score, reason
      case activeFraction = "active_fraction"
      case ratioToDense = "ratio_to_dense"
    }
  }

  /// One part left out.
  public struct Removal: Codable, Sendable, Equatable {
    public var part: RemovablePart
    /// Beside the whole model; nil for a model that has no such part.
    public var score: VariantScore?
    /// Why there is no score.
    public var reason: String?
  }

  /// Loads evened by one weight.
  public struct Balance: Codable, Sendable, Equatable {
    /// w of `LoadBalancing`; 0 is the model's own routing.
    public var weight: Double
    public var load: LoadEvenness
    /// Beside the model's own routing.
    public var score: VariantScore
  }

  /// Dimensions zeroed by magnitude.
  public struct Zeroing: Codable, Sendable, Equatable {
    public var zeroed: ZeroedDimensions
    /// Beside the same model with none zeroed.
    public var score: VariantScore
  }

  /// One sub-dimension knocked out.
  public struct KnockedOut: Codable, Sendable, Equatable {
    public var place: SubDimensionPlace
    public var isShared: Bool
    public var meanGate: Double
    public var meanEnergy: Double
    /// Of its component's mean energy.
    public var energyShare: Double
    /// In nats for each token.
    public var lossIncrease: Estimate

    enum CodingKeys: String, CodingKey {
      case place
      case isShared = "is_shared"
      case meanGate = "mean_gate"
      case meanEnergy = "mean_energy"
      case energyShare = "energy_share"
      case lossIncrease = "loss_increase"
    }
  }

  /// How the loss of those knocked out goes with what they do; nil where something does not vary.
  public struct Correlations: Codable, Sendable, Equatable {
    public var gate: RankCorrelation?
    public var energy: RankCorrelation?
    public var energyShare: RankCorrelation?

    enum CodingKeys: String, CodingKey {
      case gate = "mean_gate"
      case energy = "mean_energy"
      case energyShare = "energy_share"
    }
  }

  public var schema = Self.schemaName
  public var convertedName: String
  public var denseName: String?
  /// What decides the numbers: tool, models, tokenizer, corpus, options.
  public var provenance: [String: String]
  public var text: Text
  /// Perplexity of the model as it is, and of the dense one.
  public var own: Estimate
  public var dense: Estimate?
  public var routing: [Routing]
  public var removals: [Removal]
  /// What is kept of what the dense model says; empty without one.
  public var information: [KeptInformation]
  /// By ascending weight, from 0; empty for a model without a choice.
  public var balances: [Balance]
  public var knockOuts: [KnockedOut]
  /// Sub-dimensions that are active anywhere in the text, of which those knocked out are a sample.
  public var knockOutCandidateCount: Int
  public var correlations: Correlations
  public var zeroings: [Zeroing]
  /// Whether dimensions of the dense model were zeroed, or of the converted one.
  public var zeroesDense: Bool
  public var components: [ComponentUse]
  public var warnings: [EvaluationWarning]

  enum CodingKeys: String, CodingKey {
    case schema, provenance, text, routing, information, components, warnings, correlations
    case convertedName = "converted"
    case denseName = "dense"
    case own = "own_token_perplexity"
    case dense = "dense_token_perplexity"
    case removals = "without"
    case balances = "load_balancing"
    case knockOuts = "knock_outs"
    case knockOutCandidateCount = "knock_out_candidates"
    case zeroings = "zeroed_by_magnitude"
    case zeroesDense = "zeroed_in_dense"
  }
}
