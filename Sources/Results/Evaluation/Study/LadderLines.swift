import Reporting

/// Where a ladder's routers stand between two lines: the static slice, which each must beat, and the
/// unstructured oracle, which none can. Both are of the same components as the router.
struct LadderLines {
  /// Where one router stands.
  enum Place: Equatable {
    case between
    /// It always chooses the same, but for rounding.
    case onTheSlice
    /// Outside, by less than twice the standard error of the paired ratio.
    case withinError
    case outside
  }

  /// Ratios nearer than this are equal: they agree in the digits that a report prints.
  private static let tolerance = 1e-3

  /// Routers whose components have both lines.
  let routers: [(scores: SettingScores, place: Place)]

  init(_ settings: [SettingScores]) {
    routers = settings.filter { $0.setting.role == .router }.compactMap { scores in
      guard let slice = scores.paired?.staticSlice, let oracle = scores.paired?.oracle else {
        return nil
      }
      return (scores, Self.place(overSlice: slice, overOracle: oracle))
    }
  }

  static func place(overSlice: Estimate, overOracle: Estimate) -> Place {
    if abs(overSlice.value - 1) < tolerance { return .onTheSlice }
    if overSlice.value > 1 { return overSlice.isOneWithinError ? .withinError : .outside }
    guard overOracle.value < 1 - tolerance else { return .between }
    return overOracle.isOneWithinError ? .withinError : .outside
  }

  func settings(_ place: Place) -> [SettingScores] {
    routers.filter { $0.place == place }.map(\.scores)
  }

  var holds: Bool { settings(.outside).isEmpty }

  /// How many are where they should be, and the names of those that are not.
  var sentence: String {
    let (outside, near, equal) = (
      settings(.outside), settings(.withinError), settings(.onTheSlice)
    )
    let count = settings(.between).count
    func names(_ settings: [SettingScores]) -> String {
      settings.map { "\($0.setting.fullName) (\(times($0.ratio?.value)))" }.joined(separator: ", ")
    }
    var parts = [count == routers.count ? "All \(count) do." : "\(count) of \(routers.count) do."]
    if !outside.isEmpty { parts.append("These do not: \(names(outside)).") }
    if !near.isEmpty { parts.append("Outside, but within error: \(names(near)).") }
    if !equal.isEmpty { parts.append("On the static slice: \(names(equal)).") }
    return parts.joined(separator: " ")
  }
}
