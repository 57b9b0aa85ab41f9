/// `statistics.json`, schema `mohd-statistics/1`: every statistic of a run.
///
/// A number that could not be computed is `null`, and `reasons` beside it says why.
public struct StatisticsResult: Codable, Sendable, Equatable {
  public static let schemaName = "mohd-statistics/1"

  public var schema: String = Self.schemaName
  /// Where the activations came from: set by the tool, sorted keys.
  public var provenance: [String: String]
  /// Tokens after skipping.
  public var tokenCount: Int
  public var sequenceCount: Int
  public var documentCount: Int
  /// The longest sequence that a document was cut into, in tokens.
  public var sequenceLength: Int
  public var skippedPositions: [Int]
  public var options: StatisticsOptions
  /// The sample of whole sequences that nulls with draws or a second pass ran on.
  public var nullSample: NullSample
  public var layers: [LayerResult]
  /// The same for each domain, when there is more than one.
  public var domains: [DomainResult]
  public var fiveTokensMaps: [FiveTokensMap]

  enum CodingKeys: String, CodingKey {
    case schema, provenance
    case tokenCount = "token_count"
    case sequenceCount = "sequence_count"
    case documentCount = "document_count"
    case sequenceLength = "sequence_length"
    case skippedPositions = "skipped_positions"
    case options
    case nullSample = "null_sample"
    case layers, domains
    case fiveTokensMaps = "five_tokens_maps"
  }
}

/// The nulls' sample.
public struct NullSample: Codable, Sendable, Equatable {
  public var tokenCount: Int
  public var sequenceCount: Int
  public var seed: UInt64
  /// [document, index within the document] of each sequence, in corpus order.
  public var sequences: [[Int]]

  enum CodingKeys: String, CodingKey {
    case tokenCount = "token_count"
    case sequenceCount = "sequence_count"
    case seed, sequences
  }
}

/// The layers of one domain alone.
public struct DomainResult: Codable, Sendable, Equatable {
  public var domain: String
  public var tokenCount: Int
  public var layers: [LayerResult]

  enum CodingKeys: String, CodingKey {
    case domain
    case tokenCount = "token_count"
    case layers
  }
}

/// One layer.
public struct LayerResult: Codable, Sendable, Equatable {
  public var layer: Int
  /// By `HookPoint` raw value.
  public var hookPoints: [String: HookPointResult]
  /// Mean |x| in per cent of the layer's attention input.
  public var flowPercent: [String: Double]

  enum CodingKeys: String, CodingKey {
    case layer
    case hookPoints = "hook_points"
    case flowPercent = "flow_percent"
  }
}

/// One hook point of one layer.
public struct HookPointResult: Codable, Sendable, Equatable {
  public var width: Int
  /// Tokens without NaN or infinity: those that the numbers are about.
  public var tokenCount: Int
  public var longTail: LongTailResult
  public var sparsity: SparsityResult
  public var magnitude: MagnitudeResult
  public var shared: [SharedResult]
  public var fiveTokens: [FiveTokensResult]
  /// Why a number is `null`, by its key.
  public var reasons: [String: String]

  enum CodingKeys: String, CodingKey {
    case width
    case tokenCount = "token_count"
    case longTail = "long_tail"
    case sparsity, magnitude, shared
    case fiveTokens = "five_tokens"
    case reasons
  }
}

/// The long tail in both readings of magnitude.
public struct LongTailResult: Codable, Sendable, Equatable {
  public var squared: LongTailCurve
  public var absolute: LongTailCurve
}

/// Curves along `fractions`: shares in 0…1.
public struct LongTailCurve: Codable, Sendable, Equatable {
  public var fractions: [Double]
  @NullWhenAbsent public var perToken: [Double]?
  @NullWhenAbsent public var ofMean: [Double]?
  public var gaussian: [Double]
  @NullWhenAbsent public var perDimensionGaussian: [Double]?
  @NullWhenAbsent public var columnShuffle: [Double]?
  @NullWhenAbsent public var randomBasis: [Double]?
  @NullWhenAbsent public var pcaBasis: [Double]?
  /// 95 % interval of `perToken` from a bootstrap over documents.
  @NullWhenAbsent public var intervalLow: [Double]?
  @NullWhenAbsent public var intervalHigh: [Double]?

  enum CodingKeys: String, CodingKey {
    case fractions
    case perToken = "per_token"
    case ofMean = "of_mean"
    case gaussian
    case perDimensionGaussian = "per_dimension_gaussian"
    case columnShuffle = "column_shuffle"
    case randomBasis = "random_basis"
    case pcaBasis = "pca_basis"
    case intervalLow = "interval_low"
    case intervalHigh = "interval_high"
  }
}

/// Fractions of entries with x² below each threshold.
public struct SparsityResult: Codable, Sendable, Equatable {
  public var epsilons: [Double]
  @NullWhenAbsent public var fraction: [Double]?
  /// In units of the mean of x² of the hook point and layer.
  public var relativeEpsilons: [Double]
  @NullWhenAbsent public var relativeFraction: [Double]?

  enum CodingKeys: String, CodingKey {
    case epsilons, fraction
    case relativeEpsilons = "relative_epsilons"
    case relativeFraction = "relative_fraction"
  }
}

/// How large values are, and how unevenly they are spread.
public struct MagnitudeResult: Codable, Sendable, Equatable {
  @NullWhenAbsent public var meanAbsolute: Double?
  @NullWhenAbsent public var medianAbsolute: Double?
  @NullWhenAbsent public var rootMeanSquare: Double?
  @NullWhenAbsent public var maximumAbsolute: Double?
  /// (Σλ)²/Σλ² with λ the mean of x² of each dimension: 1…width.
  @NullWhenAbsent public var participationRatio: Double?
  /// The same with λ the spectrum of the covariance.
  @NullWhenAbsent public var spectralParticipationRatio: Double?
  /// Tokens that the covariance was taken from.
  @NullWhenAbsent public var spectrumTokenCount: Int?
  /// Mean over tokens of Hoyer's sparsity, 0 (all equal) … 1 (one dimension).
  @NullWhenAbsent public var hoyer: Double?
  /// Fourth central moment of all entries over the squared variance, less 3.
  @NullWhenAbsent public var excessKurtosis: Double?
  /// Dimensions that hold a massive activation, ascending.
  @NullWhenAbsent public var massiveDimensions: [Int]?
  /// Massive activations.
  @NullWhenAbsent public var massiveCount: Int?
  /// Values that are NaN or infinite; their tokens are left out of this hook point's numbers.
  public var nonFiniteCount: Int

  init(
    meanAbsolute: Double? = nil, medianAbsolute: Double? = nil, rootMeanSquare: Double? = nil,
    maximumAbsolute: Double? = nil, participationRatio: Double? = nil,
    spectralParticipationRatio: Double? = nil, spectrumTokenCount: Int? = nil,
    hoyer: Double? = nil, excessKurtosis: Double? = nil, massiveDimensions: [Int]? = nil,
    massiveCount: Int? = nil, nonFiniteCount: Int
  ) {
    self.meanAbsolute = meanAbsolute
    self.medianAbsolute = medianAbsolute
    self.rootMeanSquare = rootMeanSquare
    self.maximumAbsolute = maximumAbsolute
    self.participationRatio = participationRatio
    self.spectralParticipationRatio = spectralParticipationRatio
    self.spectrumTokenCount = spectrumTokenCount
    self.hoyer = hoyer
    self.excessKurtosis = excessKurtosis
    self.massiveDimensions = massiveDimensions
    self.massiveCount = massiveCount
    self.nonFiniteCount = nonFiniteCount
  }

  enum CodingKeys: String, CodingKey {
    case meanAbsolute = "mean_absolute"
    case medianAbsolute = "median_absolute"
    case rootMeanSquare = "root_mean_square"
    case maximumAbsolute = "maximum_absolute"
    case participationRatio = "participation_ratio"
    case spectralParticipationRatio = "spectral_participation_ratio"
    case spectrumTokenCount = "spectrum_token_count"
    case hoyer
    case excessKurtosis = "excess_kurtosis"
    case massiveDimensions = "massive_dimensions"
    case massiveCount = "massive_count"
    case nonFiniteCount = "non_finite_count"
  }
}

/// Dimensions shared by consecutive tokens, for one definition of a highly activated dimension.
public struct SharedResult: Codable, Sendable, Equatable {
  public var definition: String
  public var parameter: Double
  /// Mean of |A_t| / D.
  @NullWhenAbsent public var density: Double?
  /// Lengths w; the arrays below follow them.
  public var windows: [Int]
  /// An element is `null` where no window is that long.
  @NullWhenAbsent public var observed: [Double?]?
  /// density^w.
  @NullWhenAbsent public var independent: [Double]?
  /// Mean over dimensions of rate^w.
  @NullWhenAbsent public var staticScale: [Double]?
  /// Tokens of the nulls' sample shuffled within their sequences …
  @NullWhenAbsent public var shuffled: [Double?]?
  /// … and as they are: observed − shuffled is cleanest on the same tokens.
  @NullWhenAbsent public var observedInSample: [Double?]?

  init(
    definition: String, parameter: Double, density: Double? = nil, windows: [Int] = Grids.windows,
    observed: [Double?]? = nil, independent: [Double]? = nil, staticScale: [Double]? = nil,
    shuffled: [Double?]? = nil, observedInSample: [Double?]? = nil
  ) {
    self.definition = definition
    self.parameter = parameter
    self.density = density
    self.windows = windows
    self.observed = observed
    self.independent = independent
    self.staticScale = staticScale
    self.shuffled = shuffled
    self.observedInSample = observedInSample
  }

  enum CodingKeys: String, CodingKey {
    case definition, parameter, density, windows, observed, independent
    case staticScale = "static_scale"
    case shuffled
    case observedInSample = "observed_in_sample"
  }
}

/// Dimensions in the sets of five consecutive tokens, as fractions of D.
public struct FiveTokensResult: Codable, Sendable, Equatable {
  public var parameter: Double
  /// For c = 0…5: dimensions in exactly c of the five sets.
  @NullWhenAbsent public var inExactly: [Double]?
  @NullWhenAbsent public var inAll: Double?
  @NullWhenAbsent public var uniquePerToken: Double?

  init(
    parameter: Double, inExactly: [Double]? = nil, inAll: Double? = nil,
    uniquePerToken: Double? = nil
  ) {
    self.parameter = parameter
    self.inExactly = inExactly
    self.inAll = inAll
    self.uniquePerToken = uniquePerToken
  }

  enum CodingKeys: String, CodingKey {
    case parameter
    case inExactly = "in_exactly"
    case inAll = "in_all"
    case uniquePerToken = "unique_per_token"
  }
}

/// The clustered map of Fig. 5 for one window of five tokens.
public struct FiveTokensMap: Codable, Sendable, Equatable {
  public var layer: Int
  public var hookPoint: String
  /// p of the sets.
  public var parameter: Double
  public var sequence: Int
  /// Position of the first of the five tokens within its sequence.
  public var position: Int
  /// The dimensions in the order of the map.
  public var dimensions: [Int]
  /// For each of them: bit t is set when it is in token t's set.
  public var patterns: [Int]
  /// |x|: five rows, columns in the order of the map.
  public var magnitudes: [[Float]]

  enum CodingKeys: String, CodingKey {
    case layer
    case hookPoint = "hook_point"
    case parameter, sequence, position, dimensions, patterns, magnitudes
  }
}
