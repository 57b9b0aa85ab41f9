import Activations
import Checkpoints
import Corpora
import Kernels
import Models

/// Takes a converted model apart, without training: other ways to choose sub-dimensions, parts left
/// out, sub-dimensions knocked out, and dimensions zeroed by magnitude; the perplexity of each.
///
/// Every variant of a MoHD model, its own routing too, runs in the masked execution, so that nothing
/// but the variant tells two numbers apart. Losses of each variant go to a shelf, where a killed run
/// finds them again.
public final class Ablation {
  /// What is asked.
  public struct Options: Sendable {
    /// Decides the random variants, and which sub-dimensions are knocked out.
    public var seed: UInt64
    /// The most sub-dimensions that are knocked out, one at a time.
    public var knockOutCount: Int
    /// Fractions of the dimensions that are zeroed by magnitude.
    public var fractions: [Double]
    /// Weights w by which loads are evened, see `LoadBalancing`; 0 is run too, to count its loads on
    /// the same tokens.
    public var balanceWeights: [Double]

    public init(
      seed: UInt64 = 0, knockOutCount: Int = 32, fractions: [Double] = [0.1, 0.25, 0.5],
      balanceWeights: [Double] = [0.25, 0.5, 0.75, 1]
    ) {
      self.seed = seed
      self.knockOutCount = knockOutCount
      self.fractions = fractions
      self.balanceWeights = balanceWeights
    }

    /// With 0, ascending.
    var allBalanceWeights: [Double] {
      balanceWeights.isEmpty ? [] : Set(balanceWeights + [0]).sorted()
    }
  }

  private let converted: Checkpoint
  private let settings: MoHDSettings
  private let dense: Checkpoint?
  private let text: AblationText
  private let options: Options
  private let pool: WorkerPool
  private let shelf: ResultShelf?

  /// - Parameters:
  ///   - dense: the model that it was made of; the causal check is made on it.
  ///   - shelf: where losses are kept; its context must name models and text.
  /// - Throws: `EvaluationError` when `converted` is no MoHD model, or the two sizes differ.
  public init(
    converted: Checkpoint, dense: Checkpoint?, text: AblationText, options: Options,
    pool: WorkerPool, shelf: ResultShelf?
  ) throws(EvaluationError) {
    guard let settings = converted.configuration.mohd else { throw .notConverted }
    if let dense, dense.configuration.vocabularySize != converted.configuration.vocabularySize {
      throw .differentModels(
        field: "vocab_size", dense: dense.configuration.vocabularySize,
        converted: converted.configuration.vocabularySize)
    }
    self.converted = converted
    self.settings = settings
    self.dense = dense
    self.text = text
    self.options = options
    self.pool = pool
    self.shelf = shelf
  }

  /// - Parameter progress: called with tokens that are done, and with all there are; what it throws
  ///   ends the work.
  /// - Throws: `EvaluationError.notFinite`, `FileError`, and what `progress` throws.
  public func run(
    progress: (_ tokens: Int, _ total: Int) throws -> Void = { _, _ in }
  ) throws -> AblationMeasurements {
    // The survey says what can be knocked out: until it is done the total is an upper bound.
    let most = plan(knockOuts: []).count + knockOutBound
    var done = 0
    let keptSurvey = try shelf?.result(SurveyResult.self, of: surveyName)
    let surveyCount = keptSurvey == nil ? text.corpus.tokenCount : 0
    let survey =
      try keptSurvey
      ?? self.survey { tokens in
        try progress(tokens, surveyCount + most * text.forwardTokenCount)
      }
    if keptSurvey == nil { try shelf?.keep(survey, of: surveyName) }
    done += surveyCount

    let knockOuts = knockOuts(survey)
    var outcomes: [AblationSetting: SettingOutcome] = [:]
    var missing: [AblationSetting] = []
    for setting in plan(knockOuts: knockOuts) {
      let kept = try shelf?.result(SettingOutcome.self, of: setting)
      if let kept, kept.losses?.count ?? text.windows.count == text.windows.count {
        outcomes[setting] = kept
      } else {
        missing.append(setting)
      }
    }
    let total = surveyCount + missing.count * text.forwardTokenCount
    for setting in missing {
      let found = try outcome(setting, survey) { try progress(done + $0, total) }
      try shelf?.keep(found, of: setting)
      outcomes[setting] = found
      done += text.forwardTokenCount
    }
    return AblationMeasurements(
      text: text, outcomes: outcomes, survey: survey, knockOuts: knockOuts,
      candidateCount: candidates(survey).count, settings: settings, options: options,
      reasons: Dictionary(
        uniqueKeysWithValues: RoutingVariant.allCases.compactMap { variant in
          reason(against: variant).map { (variant, $0) }
        }), hasDense: dense != nil, configuration: converted.configuration)
  }

  /// Variants and tokens that a run takes at most, for an estimate.
  public var largestWork: (variants: Int, tokens: Int) {
    let count = plan(knockOuts: []).count + knockOutBound
    return (count, text.corpus.tokenCount + count * text.forwardTokenCount)
  }

  /// Memory beyond the mapped files, in bytes.
  public var memoryByteCount: Int {
    [converted, dense].compactMap { $0?.configuration }.map { model in
      Readout.memoryByteCount(model, pool: pool)
        + LayerSweep.memoryByteCount(
          model, tokenCount: max(text.largestBatch, PairedComparison.batchTokenCount),
          longestSequence: text.longestWindow + 1, pool: pool)
    }.max() ?? 0
  }

  // MARK: - Plan

  private let surveyName = "survey"

  /// Everything that is run, in the order of the report.
  private func plan(knockOuts: [SubDimensionPlace]) -> [AblationSetting] {
    let model: AblationSetting.Model = dense == nil ? .converted : .dense
    var settings = [AblationSetting(routing: .own, seed: options.seed)]
    if dense != nil { settings.append(AblationSetting(.dense)) }
    for variant in RoutingVariant.allCases where variant != .own && reason(against: variant) == nil
    {
      settings.append(AblationSetting(routing: variant, seed: options.seed))
    }
    for part in RemovablePart.allCases where part.isPresent(in: converted) {
      settings.append(AblationSetting(removed: part))
    }
    for order in ZeroedDimensions.Order.allCases {
      for fraction in options.fractions {
        settings.append(
          AblationSetting(
            model, zeroed: ZeroedDimensions(order: order, fraction: fraction),
            seed: options.seed))
      }
    }
    if hasChoice { settings += options.allBalanceWeights.map { AblationSetting(balance: $0) } }
    return settings + knockOuts.map { AblationSetting(knockedOut: $0) }
  }

  /// Whether any component chooses.
  private var hasChoice: Bool {
    (settings.attention + settings.ffn).contains { !$0.isStatic }
  }

  /// Why a variant would only repeat another one; nil when it does not.
  private func reason(against variant: RoutingVariant) -> String? {
    let all = settings.attention + settings.ffn
    switch variant {
    case .own: return nil
    case .random, .fixed:
      return hasChoice ? nil : "the same for all tokens already: no component has a choice"
    case .oracle:
      if !hasChoice { return "no component has a choice" }
      return all.contains { !$0.isStatic && $0.router != .energy }
        ? nil : "the model's routers are the oracle"
    case .sharedOnly:
      if all.allSatisfy({ $0.sharedCount == 0 }) { return "the model has no shared ones" }
      return all.contains { $0.activeCount > $0.sharedCount }
        ? nil : "only shared ones are active already"
    case .unshared:
      return all.contains { $0.sharedCount > 0 && $0.activeCount < $0.count }
        ? nil : "nothing is shared already"
    case .specialisedOnly:
      return all.contains { $0.sharedCount > 0 } ? nil : "only specialised ones are active already"
    case .all:
      return all.contains { $0.activeCount < $0.count } ? nil : "all are active already"
    }
  }

  /// The most that can be knocked out.
  private var knockOutBound: Int {
    min(
      options.knockOutCount,
      (settings.attention + settings.ffn).reduce(0) { $0 + ($1.count > 1 ? $1.count : 0) })
  }

  /// Sub-dimensions that do anything on this text, of components that are cut at all.
  private func candidates(_ survey: SurveyResult) -> [SubDimensionPlace] {
    survey.components.filter { $0.count > 1 }.flatMap { use in
      (0..<use.count).filter { use.meanActive[$0] > 0 }.map {
        SubDimensionPlace(layer: use.layer, component: use.component, index: $0)
      }
    }
  }

  /// A seeded sample of the candidates, in the order of the model.
  private func knockOuts(_ survey: SurveyResult) -> [SubDimensionPlace] {
    let candidates = candidates(survey)
    var generator = SeededGenerator(seed: [options.seed, 0x6b6e_6f63, UInt64(candidates.count)])
    return generator.permutation(candidates.count).prefix(options.knockOutCount).sorted()
      .map { candidates[$0] }
  }

  // MARK: - Work

  private func survey(progress: (_ tokens: Int) throws -> Void) throws -> SurveyResult {
    let survey = RoutingSurvey(settings, text: text)
    let sweep = LayerSweep(
      checkpoint: converted, pool: pool, intervention: Intervention(routing: survey))
    var done = 0
    for cut in PairedComparison.cuts(text.corpus) {
      let batch = text.corpus.batch(cut)
      _ = try sweep.run(batch, into: NoSink()) { layer in
        try progress(done + batch.tokenCount * layer / sweep.configuration.layerCount)
      }
      done += batch.tokenCount
    }
    return survey.result
  }

  private func outcome(
    _ setting: AblationSetting, _ survey: SurveyResult, progress: (_ tokens: Int) throws -> Void
  ) throws -> SettingOutcome {
    let checkpoint = setting.model == .dense ? dense ?? converted : converted
    let balancing = setting.balance.map { LoadBalancing(weight: $0, uses: survey.components) }
    let scorer = try WindowScorer(
      checkpoint: checkpoint, pool: pool, execution: .naive,
      intervention: setting.intervention(
        fixed: FixedChoice(survey.components), balancing: balancing))
    var losses: [Double]?
    do {
      losses = try scorer.negativeLogLikelihoods(
        of: text.windows, in: text.corpus, progress: progress)
    } catch let error as EvaluationError {
      // The model as it is, and the dense one, are what all else is held against.
      guard case .notFinite = error, !setting.isWhole else { throw error }
    }
    return SettingOutcome(losses: losses, load: balancing?.evenness(settings))
  }
}

/// What one experiment gave.
struct SettingOutcome: Codable, Sendable, Equatable {
  /// Of each window, in nats; nil where the change left logits that are not finite.
  var losses: [Double]?
  /// Of a setting that evens loads.
  var load: LoadEvenness?
}
