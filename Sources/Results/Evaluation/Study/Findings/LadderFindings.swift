import Reporting

/// What a ladder says: which step pays, whether in the order that was expected, and at what speed.
struct LadderFindings {
  let result: SweepResult

  /// The series with every rung; the others have those from the naive static slice to the oracle.
  static let whole = "attention and FFN"
  static let attentionOnly = "attention only"
  static let ffnOnly = "FFN only"

  var findings: SweepReport.Findings {
    SweepReport.Findings(
      title: "From a naive slice to the full recipe",
      subtitle: "What each step of a conversion is worth, in perplexity and in measured speed",
      terms: VerdictTerms(
        heading: "In short",
        introduction: "Each card: perplexity over the dense model's, or speed, of the two that its "
          + "claim compares, and what to hold them against.",
        paper: "one", model: "the other", null: "beside"),
      verdicts: [order, lines, components, cost].compactMap { $0 },
      sections: [rungs, trade])
  }

  // MARK: - Verdicts

  /// The rungs of the first series.
  private var main: [SettingScores] { result.series.first.map { result.settings(of: $0) } ?? [] }

  private var order: Verdict? {
    guard let first = main.first, let last = main.last, main.count > 1 else { return nil }
    let order = LadderOrder(main, vocabularySize: result.vocabularySize)
    let steps = order.steps.count
    let format = NumberFormat.significant(3)
    let inverted = order.inversions.map { step in
      "\(step.to) after \(step.from) (\(format.text(step.ratio.value)) times, "
        + (step.isCertain ? "more than its error" : "within its error") + ")"
    }
    let judged = steps - order.lost.count
    var sentence =
      inverted.isEmpty
      ? "Each of the \(judged) steps loses less than the one before it."
      : "\(judged - inverted.count) of \(judged) steps lose less than the one before; these do not: "
        + inverted.joined(separator: ", ") + "."
    if !order.undecided.isEmpty {
      sentence +=
        " Not beyond its error: " + order.undecided.map(\.to).joined(separator: ", ") + "."
    }
    if !order.lost.isEmpty {
      sentence +=
        " The order of "
        + order.lost.map { "\($0.from) and \($0.to)" }.joined(separator: ", ")
        + " says nothing: both are worse than an even guess over the vocabulary."
    }
    return Verdict(
      claim: "The rungs come out in the order that was expected",
      measure: "perplexity over the dense model's, first and last rung, and the dense model",
      paper: first.quantity(note: first.setting.name),
      model: last.quantity(note: last.setting.name),
      null: Quantity(1, format: .significant(3), note: "dense"),
      status: order.holds ? .holds : .doesNotHold, sentence: sentence, details: "rungs")
  }

  private func first(_ role: Setting.Role, in series: String?) -> SettingScores? {
    guard let series else { return nil }
    return result.settings(of: series).first { $0.setting.role == role }
  }

  private var lines: Verdict? {
    let lines = LadderLines(result.settings)
    guard !lines.routers.isEmpty,
      let name = result.series.first(where: { first(.staticSlice, in: $0) != nil }),
      let slice = first(.staticSlice, in: name), let oracle = first(.oracle, in: name)
    else { return nil }
    let best = lines.routers.map(\.scores).filter {
      $0.setting.options["components"] == slice.setting.options["components"]
    }.compactMap(\.ratio?.value).min()
    return Verdict(
      claim: "Every router lies between the static slice and the unstructured oracle",
      measure: "the same active fraction and components; static slice, oracle, and the best router"
        + (result.series.count > 1 ? " of \(name)" : ""),
      paper: slice.quantity(note: "static slice"), model: oracle.quantity(note: "oracle"),
      null: Quantity(best, format: .significant(3), note: "best router"),
      status: lines.holds ? .holds : .doesNotHold, sentence: lines.sentence, details: "rungs")
  }

  private var components: Verdict? {
    guard let one = first(.oracle, in: Self.attentionOnly), let attention = one.ratio,
      let other = first(.oracle, in: Self.ffnOnly), let ffn = other.ratio
    else { return nil }
    // Each beside the dense model: intervals that overlap do not tell them apart.
    let isDecided =
      if let low = attention.multiplicativeInterval, let high = ffn.multiplicativeInterval {
        low.high < high.low || high.high < low.low
      } else {
        true
      }
    return Verdict(
      claim: "The FFN carries the loss, not the attention",
      source: "Table 5, Fig. 10",
      measure: "unstructured oracle; attention only, FFN only, and both",
      paper: one.quantity(note: Self.attentionOnly), model: other.quantity(note: Self.ffnOnly),
      null: first(.oracle, in: Self.whole)?.quantity(note: "both") ?? .missing(),
      status: !isDecided ? .undecided : ffn.value > attention.value ? .holds : .doesNotHold,
      sentence: (isDecided ? "" : "Their intervals overlap. ")
        + "The paper finds the opposite in models trained from scratch: there the attention "
        + "loses more.", details: "rungs")
  }

  private var cost: Verdict? {
    guard let last = main.last, let speed = last.speedup, let ratio = last.ratio?.value
    else { return nil }
    // What has lost the model may be as fast as it likes.
    let fastest = result.settings.filter(\.isUseful).max { $0.speedup ?? 0 < $1.speedup ?? 0 }
    return Verdict(
      claim: "The full recipe is no slower than the dense model",
      measure: "times as fast as the dense model: dense, the last rung, and the fastest setting "
        + "that keeps the perplexity below \(Int(SettingScores.largestUsefulRatio)) times",
      paper: Quantity(1, format: .significant(3), note: "dense"),
      model: Quantity(speed, format: .significant(3), note: last.setting.name),
      null: Quantity(
        fastest?.speedup, format: .significant(3), note: fastest?.setting.fullName ?? ""),
      status: last.speed?.isBusy == true
        ? .notMeasured
        : abs(speed - 1) < SpeedNoise.indistinct
          ? .undecided : speed >= 1 ? .holds : .doesNotHold,
      sentence: "\(last.setting.name) costs \(times(ratio)) the perplexity; the fastest setting "
        + "that has not lost the model, \(times(fastest?.ratio?.value))."
        + (last.speed?.isBusy == true
          ? " Others were using the machine while its speed was measured: measure again." : ""),
      details: "trade")
  }

  // MARK: - Sections

  private func role(_ index: Int) -> SeriesRole { index == 0 ? .observed : .category(index) }

  private var rungs: Section {
    let upper = main.firstIndex { $0.setting.role == .staticSlice }
    let names = main.map(\.setting.name)
    var figures = [
      figure(
        "ladder", "Perplexity over the dense model's, rung by rung", names + others(than: names),
        rules: guess)
    ]
    if let upper, upper > 0 {
      let rest = Array(names[upper...])
      figures.append(
        figure(
          "routers", "From the static slice on", rest + others(than: names), rules: lineRules))
    }
    return Section(
      id: "rungs", title: "What each step is worth",
      blocks: [
        .paragraph(
          "Each rung is the one before it and one step more. "
            + (figures.count > 1
              ? "The lines across the second figure are the static slice, which any router must "
                + "beat, and each token's own largest entries, which no router with the same "
                + "budget everywhere can. " : "")
            + "Rungs with a budget, or trained, may lie below both. With one component alone the "
            + "other is dense, and sees what the first one's errors make of its input.")
      ] + figures.map { .figure($0) })
  }

  /// Names of settings that stand beside the ladder.
  private func others(than names: [String]) -> [String] {
    var seen = Set(names)
    return result.settings.map(\.setting.name).filter { seen.insert($0).inserted }
  }

  /// Settings with these names, one line for each series.
  private func figure(
    _ id: String, _ title: String, _ names: [String], rules: [Rule]
  ) -> Figure {
    let series = result.series.enumerated().map { index, name in
      let own = result.settings(of: name).filter { names.contains($0.setting.name) }
      return own.line(name, role: role(index), x: .categories(own.map(\.setting.name)))
    }
    return Figure(
      id: id, title: title, caption: "Bands are 95 % intervals. 1 is no loss.",
      altText: "Lines that fall from rung to rung.",
      x: Axis("", scale: .category, categories: names),
      y: Axis("perplexity / dense", scale: .logarithmic, low: 0.9), series: series, rules: rules,
      height: 480)
  }

  private var lineRules: [Rule] {
    [(Setting.Role.staticSlice, "static slice"), (.oracle, "oracle, even budget")]
      .compactMap { kind, label in
        first(kind, in: result.series.first)?.ratio.map {
          Rule(.horizontal, at: $0.value, label: label)
        }
      }
  }

  /// Where nothing is left of the model: drawn only when a rung comes near.
  private var guess: [Rule] {
    guard let ratio = result.guessRatio,
      main.contains(where: { ($0.ratio?.value ?? 0) > ratio / 10 })
    else { return [] }
    return [Rule(.horizontal, at: ratio, label: "even guess")]
  }

  private var trade: Section {
    let isMeasured = result.settings.contains { $0.speedup != nil }
    let lost = result.settings.count { !$0.isUseful }
    let dense = Series(
      "dense", role: .reference, mark: .scatter(x: .numbers([1]), y: [1], labels: ["dense"]))
    return Section(
      id: "trade", title: "At what speed",
      blocks: isMeasured
        ? [
          .figure(
            Figure(
              id: "ladder-speed", title: "Perplexity and prefill speed",
              caption: "Lower right is better. Each point is a rung."
                + (lost == 0 ? "" : " Not drawn: \(lost) that have lost the model, see the table."),
              altText: "A point for each rung, by speed and by perplexity ratio.",
              x: Axis("times as fast as the dense model"),
              y: Axis(
                "perplexity / dense", scale: .logarithmic, low: 0.9,
                high: SettingScores.largestUsefulRatio),
              series: result.series.enumerated().map { index, name in
                result.settings(of: name).filter(\.isUseful).points(name, role: role(index))
              } + [dense], rules: [Rule(.vertical, at: 1, label: "")], height: 460))
        ] : [.paragraph("`--rounds 0` left speeds out.")])
  }
}
