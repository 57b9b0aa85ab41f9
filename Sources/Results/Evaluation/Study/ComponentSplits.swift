import Reporting

/// The paper's Table 5, asked of a converted model: attention and FFN with active fractions of their
/// own, not the same share of the weights.
public struct ComponentSplits {
  /// The series that these settings form in a sweep over budgets.
  public static let series = "Table 5"

  let settings: [SettingScores]

  init(_ result: SweepResult) {
    settings = result.settings(of: Self.series).filter { $0.ratio != nil }
  }

  /// Half of one component's dimensions, and all of the other's.
  private var halves: (attention: SettingScores, ffn: SettingScores)? {
    // Position is the attention's fraction; with all of the attention, more is active with half of
    // the FFN than with a quarter.
    let attention = settings.first { $0.setting.position == 0.5 }
    let ffn = settings.filter { $0.setting.position == 1 }
      .max { $0.activeFraction < $1.activeFraction }
    guard let attention, let ffn else { return nil }
    return (attention, ffn)
  }

  /// nil where there are no such settings.
  var verdict: Verdict? {
    guard let (attention, ffn) = halves, let one = attention.ratio?.value,
      let other = ffn.ratio?.value
    else { return nil }
    // Their paired ratio is known where one of them is the best of the series.
    let isWithinError = [attention, ffn].contains {
      $0.paired?.best?.value != 1 && $0.paired?.best?.isOneWithinError == true
    }
    return Verdict(
      claim: "A sparse attention loses more than a sparse FFN", source: "Table 5",
      measure: "perplexity with half of the attention's dimensions over that with half of the "
        + "FFN's",
      paper: Quantity(12.25 / 11.31, format: .significant(3), note: "12.25 over 11.31"),
      model: Quantity(one / other, format: .significant(3)), null: .missing(),
      status: isWithinError ? .undecided : one > other ? .holds : .doesNotHold,
      sentence: "Half of the attention costs \(times(one)) the dense model's perplexity, half of "
        + "the FFN \(times(other))"
        + (isWithinError ? ", which is within error of it." : "."),
      details: "sweep")
  }

  /// Points, not a line: two numbers make each of them.
  func points(role: SeriesRole) -> Series {
    Series(
      Self.series, role: role,
      mark: .scatter(
        x: .numbers(settings.compactMap(\.setting.position)),
        y: settings.compactMap(\.ratio?.value), labels: settings.map(\.setting.name)),
      showsLabels: true)
  }
}
