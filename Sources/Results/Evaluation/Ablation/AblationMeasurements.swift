import Checkpoints
import Models

/// What an ablation measured: the outcome of every setting, and what the routers do.
public struct AblationMeasurements: Sendable {
  let text: AblationText
  let outcomes: [AblationSetting: SettingOutcome]
  /// Beside the dense model; empty without one.
  let information: [KeptInformation]
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
  let configuration: ModelConfiguration

  var own: [Double] { outcomes[AblationSetting(routing: .own, seed: options.seed)]?.losses ?? [] }
  var dense: [Double]? { outcomes[AblationSetting(.dense)]?.losses }

  /// nil for a setting that was not run.
  ///
  /// - Parameter reference: losses of the model that it is a variant of.
  func score(_ setting: AblationSetting, beside reference: [Double]?) -> VariantScore? {
    guard let found = outcomes[setting]?.losses, let reference else { return nil }
    return VariantScore(found, beside: reference, on: text)
  }

  /// Mean active fraction over all components of the model, weighted by their input-side weights.
  func activeFraction(_ variant: RoutingVariant) -> Double {
    var (active, whole) = (0.0, 0.0)
    for component in MoHDComponent.allCases {
      let width = Double(configuration.projectionWidth(component))
      for own in settings[component] {
        active += width * Double(variant.activeCount(own)) / Double(max(own.count, 1))
        whole += width
      }
    }
    return active / max(whole, 1)
  }

  /// Why there is no number for a setting that was run.
  func reason(_ setting: AblationSetting) -> String? {
    outcomes[setting].map { $0.losses == nil } == true ? "its logits are not finite" : nil
  }
}
