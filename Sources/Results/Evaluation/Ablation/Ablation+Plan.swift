import Checkpoints
import Kernels
import Models

/// What an ablation runs.
extension Ablation {
  /// Everything that is run, in the order of the report.
  func plan(knockOuts: [SubDimensionPlace]) -> [AblationSetting] {
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
  var hasChoice: Bool {
    (settings.attention + settings.ffn).contains { !$0.isStatic }
  }

  /// Why a variant would only repeat another one; nil when it does not.
  func reason(against variant: RoutingVariant) -> String? {
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
  var knockOutBound: Int {
    min(
      options.knockOutCount,
      (settings.attention + settings.ffn).reduce(0) { $0 + ($1.count > 1 ? $1.count : 0) })
  }

  /// Sub-dimensions that do anything on this text, of components that are cut at all.
  func candidates(_ survey: SurveyResult) -> [SubDimensionPlace] {
    survey.components.filter { $0.count > 1 }.flatMap { use in
      (0..<use.count).filter { use.meanActive[$0] > 0 }.map {
        SubDimensionPlace(layer: use.layer, component: use.component, index: $0)
      }
    }
  }

  /// A seeded sample of the candidates, in the order of the model.
  func knockOuts(_ survey: SurveyResult) -> [SubDimensionPlace] {
    let candidates = candidates(survey)
    var generator = SeededGenerator(seed: [options.seed, 0x6b6e_6f63, UInt64(candidates.count)])
    return generator.permutation(candidates.count).prefix(options.knockOutCount).sorted()
      .map { candidates[$0] }
  }
}
