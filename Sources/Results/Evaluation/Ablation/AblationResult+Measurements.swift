import Files
import Models

extension AblationResult {
  /// - Parameters:
  ///   - denseName: nil where there was no dense model.
  ///   - overlap: what is known of calibration text among the text.
  public init(
    convertedName: String, denseName: String?, provenance: [String: String],
    measurements: AblationMeasurements, overlap: CalibrationOverlap?
  ) {
    let (text, seed) = (measurements.text, measurements.options.seed)
    let (own, dense) = (measurements.own, measurements.dense)
    self.convertedName = convertedName
    self.denseName = denseName
    self.provenance = provenance
    self.text = Text(
      domains: text.corpus.domains.map(\.name), documentCount: text.documentCount,
      sequenceCount: text.windows.count, scoredTokenCount: text.scoredTokenCount,
      tokenCount: text.corpus.tokenCount, isSeparate: text.isSeparate)
    self.own = VariantScore(own, beside: own, on: text).perplexity
    self.dense = dense.map { VariantScore($0, beside: $0, on: text).perplexity }

    routing = RoutingVariant.allCases.map { variant in
      let setting = AblationSetting(routing: variant, seed: seed)
      let reason = measurements.reasons[variant] ?? measurements.reason(setting)
      return Routing(
        variant: variant, activeFraction: measurements.activeFraction(variant),
        score: measurements.score(setting, beside: own),
        ratioToDense: measurements.score(setting, beside: dense)?.ratio, reason: reason)
    }
    removals = RemovablePart.allCases.map { part in
      let setting = AblationSetting(removed: part)
      let score = measurements.score(setting, beside: own)
      return Removal(
        part: part, score: score,
        reason: score == nil ? measurements.reason(setting) ?? "this model has none" : nil)
    }

    information = measurements.information
    balances = measurements.options.allBalanceWeights.compactMap { weight in
      let setting = AblationSetting(balance: weight)
      guard let load = measurements.outcomes[setting]?.load,
        let score = measurements.score(setting, beside: own)
      else { return nil }
      return Balance(weight: weight, load: load, score: score)
    }

    let uses = Dictionary(
      grouping: measurements.survey.components, by: { "\($0.layer) \($0.component)" })
    let knockOuts = measurements.knockOuts.compactMap { place -> KnockedOut? in
      guard let use = uses["\(place.layer) \(place.component)"]?.first,
        let score = measurements.score(AblationSetting(knockedOut: place), beside: own)
      else { return nil }
      let total = use.meanEnergy.reduce(0, +)
      return KnockedOut(
        place: place, isShared: place.index < use.sharedCount, meanGate: use.meanGate[place.index],
        meanEnergy: use.meanEnergy[place.index],
        energyShare: total > 0 ? use.meanEnergy[place.index] / total : 0,
        lossIncrease: score.lossIncrease)
    }
    self.knockOuts = knockOuts
    knockOutCandidateCount = measurements.candidateCount
    let losses = knockOuts.map(\.lossIncrease.value)
    correlations = Correlations(
      gate: RankCorrelation(knockOuts.map(\.meanGate), losses),
      energy: RankCorrelation(knockOuts.map(\.meanEnergy), losses),
      energyShare: RankCorrelation(knockOuts.map(\.energyShare), losses))

    zeroesDense = measurements.hasDense
    zeroings = ZeroedDimensions.Order.allCases.flatMap { order in
      measurements.options.fractions.compactMap { fraction -> Zeroing? in
        let zeroed = ZeroedDimensions(order: order, fraction: fraction)
        let setting = AblationSetting(
          measurements.hasDense ? .dense : .converted, zeroed: zeroed, seed: seed)
        return measurements.score(setting, beside: measurements.hasDense ? dense : own)
          .map { Zeroing(zeroed: zeroed, score: $0) }
      }
    }
    components = measurements.survey.components
    let ratio = dense.map { VariantScore(own, beside: $0, on: text).ratio }
    warnings = [
      overlap.flatMap(EvaluationWarning.overlapping),
      EvaluationWarning.collapse(measurements.survey.routers),
      ratio.flatMap(EvaluationWarning.loss),
      EvaluationWarning.scaling(measurements.survey.routers),
      EvaluationWarning.little(text.scoredTokenCount),
    ].compactMap { $0 }
  }

  /// One variant's row; nil for a file that lacks it.
  func row(_ variant: RoutingVariant) -> Routing? { routing.first { $0.variant == variant } }

  /// The bytes of `ablation.json`: sorted keys, two spaces, a newline at the end.
  public func encoded() throws -> [UInt8] { try JSONText.encode(self) }

  /// Reads an `ablation.json`.
  ///
  /// - Throws: `FileError`, `JSONError`, `EvaluationError.foreignSchema`.
  public init(path: String) throws {
    let bytes = try MappedFile(path: path, limit: Self.byteLimit).copyBytes()
    self = try JSONText.decode(AblationResult.self, from: bytes, path: path)
    guard schema == Self.schemaName else {
      throw EvaluationError.foreignSchema(path: path, found: schema, expected: Self.schemaName)
    }
  }

  /// Larger files are no ablation of ours.
  private static let byteLimit = 256 << 20
}

extension EvaluationWarning {
  /// Above this many times the dense model's perplexity too much was lost to judge parts by.
  static let largestRatio = 1.5

  /// - Parameter ratio: perplexity of the converted model over that of the dense one.
  static func loss(_ ratio: Estimate) -> EvaluationWarning? {
    guard ratio.value > largestRatio else { return nil }
    let times = (ratio.value * 100).rounded() / 100
    return EvaluationWarning(
      .informationLoss,
      "The converted model's perplexity is \(times) times the dense one's: too much was lost for "
        + "what its parts are worth to say much about the method.")
  }
}
