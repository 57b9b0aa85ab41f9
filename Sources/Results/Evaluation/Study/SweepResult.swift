import Files
import Foundation

/// `ladder.json` and `sweep.json`: several conversions of one model, each beside the dense one.
public struct SweepResult: Codable, Sendable, Equatable {
  /// What is varied.
  public enum Kind: String, Codable, Sendable, CaseIterable {
    /// From a naive slice to the full recipe, one rung at a time.
    case ladder
    case subDimensions = "sub-dimensions"
    case shared
    case active
    case budget
    case scaling
    /// Domain of the calibration text.
    case domains
    /// All that trades quality for speed.
    case headline

    /// Of the JSON file.
    public var schema: String { self == .ladder ? "mohd-ladder/1" : "mohd-sweep/1" }
    /// The JSON file's name.
    public var fileName: String { self == .ladder ? "ladder.json" : "sweep.json" }
  }

  /// The dense model on one domain.
  public struct DenseDomain: Codable, Sendable, Equatable {
    public var name: String
    public var scoredCount: Int
    public var perplexity: Estimate?

    enum CodingKeys: String, CodingKey {
      case name = "domain"
      case scoredCount = "scored_tokens"
      case perplexity = "token_perplexity"
    }
  }

  public var schema: String
  public var kind: Kind
  public var denseName: String
  /// Tokens that the models know: the perplexity of an even guess.
  public var vocabularySize: Int
  /// What decides the numbers, speeds apart: tool, model, texts, seed.
  public var provenance: [String: String]
  public var dense: [DenseDomain]
  /// In the order in which they were asked for; those of one series follow each other.
  public var settings: [SettingScores]
  /// Of conversions that were each calibrated on one domain: perplexity of those that were calibrated
  /// on others over that of the one calibrated on the domain that is evaluated.
  public var carryOver: Estimate?
  public var warnings: [EvaluationWarning]

  enum CodingKeys: String, CodingKey {
    case schema, provenance, dense, settings, warnings
    case kind = "over"
    case carryOver = "other_domains_over_same"
    case denseName = "dense_model"
    case vocabularySize = "vocabulary_size"
  }

  /// - Parameter overlap: what is known of calibration text among the evaluation's.
  public init(
    kind: Kind, denseName: String, vocabularySize: Int, provenance: [String: String],
    dense: SequenceLosses,
    measured: [(setting: Setting, measurement: SettingMeasurement)],
    overlap: CalibrationOverlap?
  ) {
    schema = kind.schema
    self.kind = kind
    self.denseName = denseName
    self.vocabularySize = vocabularySize
    self.provenance = provenance
    let own = PerplexityRatios(of: dense, over: dense)
    self.dense = own.domains.enumerated().map { index, domain in
      DenseDomain(
        name: domain.name,
        scoredCount: dense.sequences.reduce(0) {
          $0 + ($1.domain == index ? $1.scoredCount : 0)
        },
        perplexity: domain.perplexity)
    }
    var previous: [String: SequenceLosses] = [:]
    settings = measured.map { setting, measurement in
      let scores = SettingScores(
        setting, measurement, dense: dense, previous: previous[setting.series])
      previous[setting.series] = measurement.losses
      return scores
    }
    let losses = measured.map(\.measurement.losses)
    settings = settings.paired(losses)
    carryOver =
      kind == .domains ? settings.carryOver(losses, domains: self.dense.map(\.name)) : nil
    warnings = []
    warnings = EvaluationWarning.all(self, overlap: overlap)
  }

  /// Names of the series, in order of appearance.
  public var series: [String] {
    var seen: Set<String> = []
    return settings.map(\.setting.series).filter { seen.insert($0).inserted }
  }

  /// What to call a setting where several series are spoken of: its name, if that is enough.
  func label(_ setting: Setting) -> String {
    settings.count { $0.setting.name == setting.name } > 1 ? setting.fullName : setting.name
  }

  func settings(of series: String) -> [SettingScores] {
    settings.filter { $0.setting.series == series }
  }

  /// The ratio of an even guess over the vocabulary, geometric mean over domains.
  var guessRatio: Double? {
    let known = dense.compactMap(\.perplexity?.value)
    guard !known.isEmpty else { return nil }
    return exp(known.reduce(0) { $0 + log(Double(vocabularySize) / $1) } / Double(known.count))
  }

  /// The bytes of the JSON file.
  public func encoded() throws -> [UInt8] { try JSONText.encode(self) }
}
