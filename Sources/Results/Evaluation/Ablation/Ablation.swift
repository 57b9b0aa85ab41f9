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

  let converted: Checkpoint
  let settings: MoHDSettings
  let dense: Checkpoint?
  let text: AblationText
  let options: Options
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
    var unknown: [AblationSetting] = []
    var kept: [AblationSetting: KeptInformation] = [:]
    for setting in informationSettings {
      kept[setting] = try information?.known(setting, on: shelf)
      if kept[setting] == nil { unknown.append(setting) }
    }
    let total =
      surveyCount + missing.count * text.forwardTokenCount
      + unknown.count * (information?.tokenCount ?? 0)
    for setting in missing {
      let found = try outcome(setting, survey) { try progress(done + $0, total) }
      try shelf?.keep(found, of: setting)
      outcomes[setting] = found
      done += text.forwardTokenCount
    }
    for setting in unknown {
      kept[setting] = try information?.measure(setting, shelf: shelf) {
        try progress(done + $0, total)
      }
      done += information?.tokenCount ?? 0
    }
    return AblationMeasurements(
      text: text, outcomes: outcomes,
      information: informationSettings.compactMap { kept[$0] },
      survey: survey, knockOuts: knockOuts,
      candidateCount: candidates(survey).count, settings: settings, options: options,
      reasons: Dictionary(
        uniqueKeysWithValues: RoutingVariant.allCases.compactMap { variant in
          reason(against: variant).map { (variant, $0) }
        }), hasDense: dense != nil, configuration: converted.configuration)
  }

  /// Variants and tokens that a run takes at most, for an estimate.
  public var largestWork: (variants: Int, tokens: Int) {
    let count = plan(knockOuts: []).count + knockOutBound
    return (
      count,
      text.corpus.tokenCount + count * text.forwardTokenCount
        + informationSettings.count * (information?.tokenCount ?? 0)
    )
  }

  /// What is held against the dense model; nothing without one.
  private var informationSettings: [AblationSetting] {
    information == nil ? [] : InformationMeasurement.settings(of: plan(knockOuts: []))
  }

  /// nil without a dense model to hold anything against.
  private var information: InformationMeasurement? {
    dense.map {
      InformationMeasurement(dense: $0, converted: converted, text: text, pool: pool)
    }
  }

  /// Memory beyond the mapped files, in bytes.
  public var memoryByteCount: Int {
    let pair = dense.map {
      PairedComparison.memoryByteCount(
        dense: $0.configuration, converted: converted.configuration, corpus: text.corpus,
        pool: pool)
    }
    return max(pair ?? 0, singleMemoryByteCount)
  }

  /// Of one model at a time.
  private var singleMemoryByteCount: Int {
    [converted, dense].compactMap { $0?.configuration }.map { model in
      Readout.memoryByteCount(model, pool: pool)
        + LayerSweep.memoryByteCount(
          model, tokenCount: max(text.largestBatch, PairedComparison.batchTokenCount),
          longestSequence: text.longestWindow + 1, pool: pool)
    }.max() ?? 0
  }

  private let surveyName = "survey"

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
