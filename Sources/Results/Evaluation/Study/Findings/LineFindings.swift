import Reporting

/// What a sweep over one number, or over names, says.
struct LineFindings {
  let result: SweepResult

  /// The words for one kind of sweep.
  private struct Words {
    let title: String
    let axis: String
    let claim: String
    let source: String
    /// What the paper says, and what it would be as a position.
    let paper: (text: String, value: Double?)
    /// Whether the best position makes the claim true.
    let holds: (_ best: Double, _ all: [Double]) -> Bool
    /// Positions without which the claim cannot be judged.
    var needs: [Double] = []
    /// The claim is about the order of all, not the best alone.
    var isMonotone = false
    var format = NumberFormat.significant(3)
  }

  private var words: Words {
    switch result.kind {
    case .subDimensions:
      Words(
        title: "How finely to cut", axis: "N, sub-dimensions",
        claim: "Finer sub-dimensions lose less", source: "Fig. 12b",
        paper: ("the paper's models, trained from scratch, are best at 16", 16),
        holds: { best, all in best == all.max() }, isMonotone: true, format: .integer)
    case .shared:
      Words(
        title: "How many to share", axis: "share of the active sub-dimensions that all tokens use",
        claim: "Some shared and some specialised is better than all of either", source: "Fig. 12a",
        paper: ("the paper's models are best at three quarters", 0.75),
        holds: { best, _ in best > 0 && best < 1 }, needs: [0, 1], format: .percent(0))
    case .active:
      Words(
        title: "How much to keep", axis: "active fraction of hidden dimensions",
        claim: "The more stays active, the less is lost", source: "Table 1", paper: ("", nil),
        holds: { best, all in best == all.max() }, isMonotone: true, format: .percent(0))
    case .budget:
      Words(
        title: "Where to spend the budget", axis: "active fraction of attention",
        claim: "The FFN needs more of the budget than the attention", source: "Table 5, Fig. 10",
        paper: ("the paper's models lose more by a sparse attention", nil),
        holds: { best, _ in best < evenShare - 0.01 }, format: .percent(0))
    default:
      Words(
        title: "What active sub-dimensions weigh", axis: "gates and scaling",
        claim: "Unit gates are the only ones that dense weights survive", source: "Section 4.2",
        paper: ("scaling is worth 1.16 of perplexity in a trained model", nil),
        holds: { _, _ in false })
    }
  }

  var findings: SweepReport.Findings {
    let words = words
    return SweepReport.Findings(
      title: words.title, subtitle: "One conversion for each value, all else equal",
      terms: VerdictTerms(
        heading: "In short",
        introduction:
          "Each card: where the paper's models are best, where this one is, and how much "
          + "the worst setting loses over the best.",
        paper: "paper", model: "best here", null: "worst / best"),
      verdicts: [verdict(words), ComponentSplits(result).verdict].compactMap { $0 },
      sections: [section(words)])
  }

  /// The share that attention and FFN have when both have the same: the mean of every setting is it,
  /// but for rounding to whole sub-dimensions.
  private var evenShare: Double {
    let all = main.map(\.activeFraction)
    return all.reduce(0, +) / Double(max(all.count, 1))
  }

  /// The settings that the claim is about.
  private var main: [SettingScores] { result.series.first.map { result.settings(of: $0) } ?? [] }

  private var known: [SettingScores] { result.settings.filter { $0.ratio != nil } }

  private func verdict(_ words: Words) -> Verdict? {
    func ratio(_ scores: SettingScores) -> Double { scores.ratio?.value ?? .infinity }
    let own = main.filter { $0.ratio != nil }
    guard let best = own.min(by: { ratio($0) < ratio($1) }),
      let worst = own.max(by: { ratio($0) < ratio($1) })
    else { return nil }
    let positions = own.compactMap(\.setting.position)
    guard own.count > 1, words.needs.allSatisfy(positions.contains) else {
      return Verdict(
        claim: words.claim, source: words.source, measure: "perplexity over the dense model's",
        paper: .missing(), model: .missing(), null: .missing(), status: .notMeasured,
        sentence: own.count > 1
          ? "That takes settings at both ends, which were not run."
          : "One setting alone says nothing about it.", details: "sweep")
    }
    let inOrder = !words.isMonotone || isFalling(own)
    func holds(_ scores: SettingScores) -> Bool {
      scores.setting.position.map { words.holds($0, positions) }
        ?? (scores.setting.options["gate"] == "unit")
    }
    // Any of those that the best cannot be told from may be the best.
    let rivals = own.filter {
      $0.setting != best.setting && $0.paired?.best?.isOneWithinError == true
    }
    let isTrue =
      words.isMonotone ? inOrder && ([best] + rivals).contains(where: holds) : holds(best)
    // An order is decided by its ends: neighbours may well be within error of each other.
    let isDecided =
      words.isMonotone
      ? !rivals.contains { $0.setting.position == positions.min() }
      : rivals.allSatisfy { holds($0) == holds(best) }
    let ranksNothing = !best.isUseful || ratio(best) > result.guessRatio ?? .infinity
    var sentence =
      "\(best.setting.name) is best (\(times(ratio(best))) the dense model's perplexity) "
      + "and \(worst.setting.name) worst (\(times(ratio(worst))))."
    if !rivals.isEmpty {
      sentence +=
        " Within error of the best: "
        + rivals.map { "\($0.setting.name) (\(times(ratio($0))))" }.joined(separator: ", ")
        + (isDecided ? "." : ", so that this is not decided.")
    }
    if !inOrder { sentence += " But not each step loses less than the one before it." }
    if ranksNothing {
      sentence += " Even the best has lost the model: these numbers rank nothing."
    }
    let paper = words.paper.text.isEmpty ? "" : " In the paper: \(words.paper.text)."
    return Verdict(
      claim: words.claim, source: words.source,
      measure: "perplexity over the dense model's",
      paper: words.paper.value.map { Quantity($0, format: words.format) } ?? .missing(),
      model: Quantity(
        best.setting.position ?? ratio(best),
        format: best.setting.position == nil
          ? .significant(3) : words.format, note: best.setting.name),
      null: Quantity(ratio(worst) / ratio(best), format: .significant(3), unit: "times"),
      status: ranksNothing || !isDecided
        ? .undecided : isTrue ? .holds : .doesNotHold,
      sentence: sentence + paper,
      details: "sweep")
  }

  /// Each setting loses less than the one at the next lower position, or more by no more than its
  /// error.
  private func isFalling(_ settings: [SettingScores]) -> Bool {
    let sorted = settings.sorted { $0.setting.position ?? 0 < $1.setting.position ?? 0 }
    return zip(sorted, sorted.dropFirst()).allSatisfy { one, other in
      // `step` is the paired ratio to the one before, where settings come by ascending position.
      guard let a = one.ratio?.value, let b = other.ratio?.value else { return true }
      return b <= a || other.step?.isOneWithinError == true
    }
  }

  private func section(_ words: Words) -> Section {
    let isNumeric = known.allSatisfy { $0.setting.position != nil || $0.setting.role != .other }
    let series = result.series.enumerated().map { index, name -> Series in
      if name == ComponentSplits.series {
        return ComponentSplits(result).points(role: .category(index))
      }
      let own = result.settings(of: name).filter { !isNumeric || $0.setting.position != nil }
      return own.line(
        name, role: .category(index),
        x: isNumeric
          ? .numbers(own.compactMap(\.setting.position)) : .categories(own.map(\.setting.name)))
    }.filter { if case .line(_, let y, _, _) = $0.mark { !y.isEmpty } else { true } }
    let rules = known.filter { $0.setting.position == nil && isNumeric }.compactMap { scores in
      scores.ratio.map { Rule(.horizontal, at: $0.value, label: scores.setting.name) }
    }
    let x =
      isNumeric
      ? Axis(
        words.axis, scale: result.kind == .subDimensions ? .logarithmic : .linear,
        format: result.kind == .subDimensions ? nil : words.format)
      : Axis("", scale: .category, categories: known.map(\.setting.name))
    var blocks: [Block] = [
      .figure(
        Figure(
          id: "sweep", title: "Perplexity over the dense model's",
          caption: "Bands are 95 % intervals. 1 is no loss.",
          altText: "Perplexity ratio for each value of \(words.axis).", x: x,
          y: Axis("perplexity / dense", scale: .logarithmic), series: series, rules: rules,
          height: 460))
    ]
    if isNumeric, known.contains(where: { $0.speedup != nil }) {
      blocks.append(.figure(speeds(words, x)))
    }
    return Section(id: "by-value", title: words.title, blocks: blocks)
  }

  private func speeds(_ words: Words, _ x: Axis) -> Figure {
    Figure(
      id: "sweep-speed", title: "Prefill speed over the dense model's",
      caption: "Medians of runs of both models in turns.",
      altText: "Measured speed for each value of \(words.axis).", x: x,
      y: Axis("times as fast", low: 0),
      series: result.series.enumerated().compactMap { index, name in
        let own = result.settings(of: name).filter {
          $0.setting.position != nil && $0.speedup != nil
        }
        guard !own.isEmpty else { return nil }
        return Series(
          name, role: .category(index),
          mark: .line(
            x: .numbers(own.compactMap(\.setting.position)), y: own.compactMap(\.speedup),
            showsPoints: true))
      }, rules: [Rule(.horizontal, at: 1, label: "dense")], height: 340)
  }
}
