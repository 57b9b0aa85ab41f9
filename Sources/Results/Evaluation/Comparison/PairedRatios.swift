import Foundation

/// A setting's perplexity over that of others on the same text, with errors that are paired: what a
/// verdict on two settings must be held against. Each is nil where there is no such setting, or one
/// of the two gave nothing finite.
public struct PairedRatios: Codable, Sendable, Equatable {
  /// Over the static slice of the same components.
  public var staticSlice: Estimate?
  /// Over each token's own largest entries, of the same components.
  public var oracle: Estimate?
  /// Over the setting of its series that loses least.
  public var best: Estimate?
  /// Over what mohd-convert does when it is told nothing.
  public var standard: Estimate?

  enum CodingKeys: String, CodingKey {
    case oracle, best
    case staticSlice = "static_slice"
    case standard = "default"
  }
}

extension [SettingScores] {
  /// These with their ratios over each other.
  ///
  /// - Parameter losses: of each of them.
  func paired(_ losses: [SequenceLosses?]) -> [SettingScores] {
    func isAlike(_ one: SettingScores, _ other: SettingScores) -> Bool {
      one.setting.options["components"] == other.setting.options["components"]
    }
    return indices.map { index in
      var scores = self[index]
      func over(_ reference: Int?) -> Estimate? {
        guard let own = losses[index], let other = reference.flatMap({ losses[$0] }) else {
          return nil
        }
        return PerplexityRatios(of: own, over: other).geometricMean
      }
      func line(_ role: Setting.Role) -> Int? {
        indices.first { self[$0].setting.role == role && isAlike(self[$0], scores) }
      }
      let best = indices.filter { self[$0].setting.series == scores.setting.series }
        .min { self[$0].ratio?.value ?? .infinity < self[$1].ratio?.value ?? .infinity }
      scores.paired = PairedRatios(
        staticSlice: over(line(.staticSlice)), oracle: over(line(.oracle)), best: over(best),
        standard: over(indices.first { self[$0].setting.isDefault }))
      return scores
    }
  }

  /// How much more is lost off the domain of the calibration text than on it, on the same text:
  /// the geometric mean over domains of evaluation, and over what else was calibrated on.
  ///
  /// The settings beside one domain's own share its text, so that their errors are not independent:
  /// the mean of the errors is as large as the error of the mean can be.
  func carryOver(_ losses: [SequenceLosses?], domains: [String]) -> Estimate? {
    func index(_ name: String) -> Int? { firstIndex { $0.setting.name == name } }
    let known = domains.indices.filter { index(domains[$0]).flatMap { losses[$0] } != nil }
    let columns = known.compactMap { column -> Estimate? in
      guard let own = index(domains[column]).flatMap({ losses[$0] }) else { return nil }
      let others = known.compactMap { other -> Estimate? in
        guard other != column, let losses = index(domains[other]).flatMap({ losses[$0] }) else {
          return nil
        }
        return PerplexityRatios(of: losses, over: own).domains[column].ratio?.logarithm
      }
      guard !others.isEmpty else { return nil }
      let count = Double(others.count)
      let errors = others.compactMap(\.standardError)
      return Estimate(
        others.reduce(0) { $0 + $1.value } / count,
        standardError: errors.count == others.count ? errors.reduce(0, +) / count : nil,
        degreesOfFreedom: others.compactMap(\.degreesOfFreedom).min())
    }
    return Estimate.mean(columns)?.exponential
  }
}
