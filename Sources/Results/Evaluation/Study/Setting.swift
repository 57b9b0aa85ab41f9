import Checkpoints

/// One conversion among several: what it is called, and where it stands in tables and figures.
public struct Setting: Codable, Sendable, Equatable {
  /// What a setting stands for when several are compared.
  public enum Role: String, Codable, Sendable {
    case other
    /// The same sub-dimensions for every token: what any router must beat.
    case staticSlice = "static_slice"
    /// A router under a uniform budget.
    case router
    /// Each token's own largest entries: what no router can beat.
    case oracle
  }

  /// Tells it from the other settings of its series: "N = 36".
  public var name: String
  /// The line of a figure that it belongs to: "attention only".
  public var series: String
  /// Its place on a figure's horizontal axis; nil where settings have names only.
  public var position: Double?
  public var role: Role
  /// What mohd-convert does when it is asked for nothing but an active fraction.
  public var isDefault: Bool
  /// What was chosen, by the name of the option: "basis", "sub_dimensions".
  public var options: [String: String]

  enum CodingKeys: String, CodingKey {
    case name, series, position, role, options
    case isDefault = "default"
  }

  public init(
    _ name: String, series: String, position: Double? = nil, role: Role = .other,
    isDefault: Bool = false, options: [String: String] = [:]
  ) {
    self.name = name
    self.series = series
    self.position = position
    self.role = role
    self.isDefault = isDefault
    self.options = options
  }

  /// Whether anything was trained after the conversion.
  var isTrained: Bool { options["distill"] != nil || options["recover"] == "yes" }

  /// Its name among settings of several series.
  var fullName: String { series.isEmpty ? name : "\(series): \(name)" }
}

/// What a converted model gave. All but the speed, and the time that it took, is the same each time.
public struct SettingMeasurement: Codable, Sendable, Equatable {
  /// nil where the model's logits were not finite.
  public var losses: SequenceLosses?
  public var parameters: ModelComparison.Parameters
  /// Mean active fraction of hidden dimensions, weighted by input-side weights.
  public var activeFraction: Double
  /// Mean over components of the energy of outputs that the oracle leaves out.
  public var energyLoss: Double
  /// nil when it was not asked for.
  public var speed: Throughput?
  public var conversionSeconds: Double

  enum CodingKeys: String, CodingKey {
    case losses, parameters, speed
    case activeFraction = "active_fraction"
    case energyLoss = "energy_loss"
    case conversionSeconds = "conversion_seconds"
  }

  public init(
    losses: SequenceLosses?, parameters: ModelComparison.Parameters, activeFraction: Double,
    energyLoss: Double, speed: Throughput?, conversionSeconds: Double
  ) {
    self.losses = losses
    self.parameters = parameters
    self.activeFraction = activeFraction
    self.energyLoss = energyLoss
    self.speed = speed
    self.conversionSeconds = conversionSeconds
  }
}

/// A setting beside the dense model.
public struct SettingScores: Codable, Sendable, Equatable {
  public var setting: Setting
  /// Perplexity over the dense model's, geometric mean over domains; nil where it has none.
  public var ratio: Estimate?
  public var domains: [PerplexityRatios.Domain]
  /// Perplexity over that of the setting before it in its series; nil for the first.
  public var step: Estimate?
  /// Its perplexity over that of settings that verdicts hold it against.
  public var paired: PairedRatios?
  public var parameters: ModelComparison.Parameters
  public var activeFraction: Double
  public var energyLoss: Double
  public var speed: Throughput?

  enum CodingKeys: String, CodingKey {
    case setting, domains, parameters, speed
    case paired = "ratios_to"
    case ratio = "perplexity_ratio"
    case step = "ratio_to_previous"
    case activeFraction = "active_fraction"
    case energyLoss = "energy_loss"
  }

  init(
    _ setting: Setting, _ measurement: SettingMeasurement, dense: SequenceLosses,
    previous: SequenceLosses?
  ) {
    self.setting = setting
    let ratios = measurement.losses.map { PerplexityRatios(of: $0, over: dense) }
    ratio = ratios?.geometricMean
    domains = ratios?.domains ?? []
    step = measurement.losses.flatMap { losses in
      previous.flatMap { PerplexityRatios(of: losses, over: $0).geometricMean }
    }
    parameters = measurement.parameters
    activeFraction = measurement.activeFraction
    energyLoss = measurement.energyLoss
    speed = measurement.speed
  }

  /// Everything multiplied per token, as a share of the dense model's.
  public var multiplied: Double {
    Double(parameters.convertedAll) / Double(max(parameters.dense, 1))
  }

  /// How many times as fast as the dense model; nil when nobody looked.
  public var speedup: Double? { speed?.speedup.finite }

  /// Settings that lose more have lost the model: they are neither drawn nor ranked, as they would
  /// press all others together.
  static let largestUsefulRatio = 100.0

  /// Whether anything is left of the model.
  var isUseful: Bool { (ratio?.value ?? .infinity) <= Self.largestUsefulRatio }
}
