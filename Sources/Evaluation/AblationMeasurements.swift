import Checkpoints
import Models

/// What an ablation measured: the outcome of every setting, and what the routers do.
public struct AblationMeasurements: Sendable {
  let text: AblationText
  let outcomes: [AblationSetting: SettingOutcome]
  let survey: SurveyResult
  /// Those that were knocked out, in the order of the model.
  let knockOuts: [SubDimensionPlace]
  /// Of how many they are a sample.
  let candidateCount: Int
  let settings: MoHDSettings
  let options: Ablation.Options
  /// Why a variant was not run.
  let reasons: [RoutingVariant: String]
  let hasDense: Bool

  var own: [Double] { outcomes[AblationSetting(routing: .own, seed: options.seed)]?.losses ?? [] }
  var dense: [Double]? { outcomes[AblationSetting(.dense)]?.losses }

  /// nil for a setting that was not run.
  ///
  /// - Parameter reference: losses of the model that it is a variant of.
  func score(_ setting: AblationSetting, beside reference: [Double]?) -> VariantScore? {
    guard let found = outcomes[setting]?.losses, let reference else { return nil }
    return VariantScore(found, beside: reference, on: text)
  }

  /// Mean active fraction over all components of the model.
  func activeFraction(_ variant: RoutingVariant) -> Double {
    let all = settings.attention + settings.ffn
    return all.reduce(0) { $0 + Double(variant.activeCount($1)) / Double($1.count) }
      / Double(max(1, all.count))
  }
}
