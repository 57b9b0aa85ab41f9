import Reporting

/// Quality against measured speed: which conversions nothing beats, and where the default stands.
struct HeadlineFindings {
  let result: SweepResult

  /// The issue's mark: a conversion that is this many times as fast is worth having.
  static let worthwhileSpeed = 1.15

  /// Settings that have both numbers, after the dense model at index 0.
  private var known: [SettingScores] {
    result.settings.filter { $0.speedup != nil && $0.ratio != nil }
  }

  private var points: [TradeOff] {
    [.dense]
      + known.map { TradeOff(speed: $0.speedup ?? .nan, ratio: $0.ratio?.value ?? .nan) }
  }

  private func name(_ index: Int) -> String {
    index == 0 ? "the dense model" : result.label(known[index - 1].setting)
  }

  /// Indices of what trains nothing, as the default does not: what training is worth is a question of
  /// time, not of where the front bends.
  private var untrained: [Int] {
    [0] + known.indices.filter { !known[$0].setting.isTrained }.map { $0 + 1 }
  }

  var findings: SweepReport.Findings {
    let front = ParetoFront(points)
    return SweepReport.Findings(
      title: "Quality against speed",
      subtitle: "What the sub-dimensions, their basis, their budget and their number cost and save",
      terms: VerdictTerms(
        heading: "In short",
        introduction: "Each card: the measured speed of a setting over the dense model's, its "
          + "perplexity over the dense model's, and everything that a token is multiplied by.",
        paper: "times as fast", model: "perplexity / dense", null: "multiplied / dense"),
      verdicts: [fast(front), knee, defaults].compactMap { $0 },
      sections: [section(front)])
  }

  // MARK: - Verdicts

  private func verdict(
    _ claim: String, _ index: Int?, _ status: VerdictStatus, _ sentence: String
  ) -> Verdict {
    let scores = index.flatMap { $0 > 0 ? known[$0 - 1] : nil }
    let (one, three) = (index == 0 ? 1.0 : nil, NumberFormat.significant(3))
    return Verdict(
      claim: claim, measure: index.map { name($0) } ?? "",
      paper: Quantity(scores?.speedup ?? one, format: three),
      model: scores?.quantity ?? Quantity(one, format: three),
      null: Quantity(scores?.multiplied ?? one, format: .percent(0)), status: status,
      sentence: sentence, details: "trade-off")
  }

  private func fast(_ front: ParetoFront) -> Verdict {
    let least = NumberFormat.significant(3).text(Self.worthwhileSpeed)
    let claim = "A conversion is at least \(least) times as fast as the dense model"
    guard !known.isEmpty else {
      return verdict(claim, nil, .notMeasured, "`--rounds 0` left speeds out.")
    }
    guard let best = front.lowestRatio(atLeast: Self.worthwhileSpeed) else {
      let fastest = front.indices.last
      return verdict(
        claim, fastest, .doesNotHold,
        "None of the \(known.count) settings is; the fastest is "
          + "\(fastest.map { name($0) } ?? "unknown").")
    }
    let count = known.count { $0.isUseful && $0.speedup ?? 0 >= Self.worthwhileSpeed }
    return verdict(
      claim, best, .holds,
      "\(count) of \(known.count) settings are, and have not lost the model; **\(name(best))** has "
        + "the lowest ratio among them: \(times(points[best].ratio)) the perplexity at \(times(points[best].speed)) the speed."
    )
  }

  private var knee: Verdict? {
    guard let standard = known.indices.first(where: { known[$0].setting.isDefault }) else {
      return nil
    }
    let index = standard + 1
    let front = ParetoFront(points, among: untrained)
    let claim = "The default of mohd-convert sits at the knee of what trains nothing"
    guard let knee = front.knee else {
      return verdict(
        claim, index, .doesNotHold,
        "Without training the front has \(front.indices.count) points and no knee: "
          + front.indices.map { name($0) }.joined(separator: ", ") + ".")
    }
    let isNear = knee != index && noise(standard).isSame(knee)
    // The dense model is always there.
    let others = front.knees(leavingOut: untrained, of: points).filter {
      $0.knee != knee && $0.without != 0
    }
    var sentence =
      "Without training the front bends most at **\(name(knee))**: \(times(points[knee].ratio)) "
      + "the perplexity at \(times(points[knee].speed)) the speed"
    if knee != index {
      sentence +=
        "; the default, \(name(index)), stands at \(times(points[index].ratio)) and "
        + times(points[index].speed) + (isNear ? ", which is within noise of it" : "")
    }
    sentence += "."
    if !others.isEmpty {
      sentence +=
        " That hangs on what was tried: "
        + others.map {
          "without \(name($0.without)) it bends most at \(name($0.knee))"
        }.joined(separator: ", ") + "."
    }
    return verdict(
      claim, knee, knee == index || isNear ? .holds : .doesNotHold, sentence)
  }

  private var defaults: Verdict? {
    guard let standard = known.indices.first(where: { known[$0].setting.isDefault }) else {
      return nil
    }
    let index = standard + 1
    let noise = noise(standard)
    let certain = untrained.filter { noise.beats($0) }
    let possible = untrained.filter {
      points[$0].dominates(points[index]) && !noise.beats($0)
    }
    func names(_ indices: [Int]) -> String { indices.map { name($0) }.joined(separator: ", ") }
    var sentence =
      certain.isEmpty ? "Nothing does beyond noise." : "These do: \(names(certain))."
    if certain.isEmpty, possible.isEmpty { sentence = "It is on the front." }
    if !possible.isEmpty { sentence += " Better in both, but within noise: \(names(possible))." }
    if !certain.isEmpty {
      sentence += " Speeds and ratios that noise cannot tell from the default's count as equal."
    }
    if !certain.isEmpty, points[index].speed < 1 {
      sentence += " It saves multiplications that this machine does not turn into time."
    }
    let trained = known.indices.filter { known[$0].setting.isTrained }.map {
      "\(name($0 + 1)): \(times(points[$0 + 1].ratio)) the perplexity at "
        + "\(times(points[$0 + 1].speed)) the speed"
    }
    if !trained.isEmpty { sentence += " With training, \(trained.joined(separator: "; "))." }
    return verdict(
      "Nothing untrained beats the default of mohd-convert in both speed and perplexity", index,
      certain.isEmpty ? .holds : .doesNotHold, sentence)
  }

  /// - Parameter standard: index of the default among those that are known.
  private func noise(_ standard: Int) -> SpeedNoise {
    // Each point's perplexity over the default's; the dense model's is the other way round.
    let dense = known[standard].ratio?.mapped({ 1 / $0 }, slope: { -1 / ($0 * $0) })
    return SpeedNoise(
      points: points, ratios: [dense] + known.map(\.paired?.standard), standard: standard + 1)
  }

  // MARK: - Section

  private func section(_ front: ParetoFront) -> Section {
    guard !known.isEmpty else {
      return Section(
        id: "trade-off", title: "Quality against speed",
        blocks: [.paragraph("`--rounds 0` left speeds out, so that there is nothing to draw.")])
    }
    let line = front.indices.map { points[$0] }
    let drawn = points.map(\.ratio).filter { $0 <= SettingScores.largestUsefulRatio }
    let lost = points.count - drawn.count
    var series = [
      Series(
        "Pareto front", role: .reference,
        mark: .step(
          x: .numbers(line.map(\.speed)), y: line.map(\.ratio), direction: .verticalFirst)),
      // Only names: each point stands again, in its series' colour, on top.
      Series(
        "Pareto front", role: .reference,
        mark: .scatter(
          x: .numbers(line.map(\.speed)), y: line.map(\.ratio),
          labels: front.indices.map { $0 == 0 ? "dense" : known[$0 - 1].setting.name }),
        showsLabels: true),
    ]
    for (index, name) in result.series.enumerated() {
      series.append(result.settings(of: name).points(name, role: .category(index)))
    }
    let standard = known.filter(\.setting.isDefault)
    if !standard.isEmpty {
      series.append(
        Series(
          "default of mohd-convert", role: .alternative,
          mark: .scatter(
            x: .numbers(standard.compactMap(\.speedup)), y: standard.compactMap(\.ratio?.value),
            labels: standard.map(\.setting.name))))
    }
    series.append(
      Series(
        "dense", role: .paper, mark: .scatter(x: .numbers([1]), y: [1], labels: ["dense model"])))
    return Section(
      id: "trade-off", title: "Quality against speed",
      blocks: [
        .paragraph(
          "Each point is a conversion: how many times as fast as the dense model its prefill is, "
            + "and its perplexity over the dense model's. Lower right is better; whatever lies above "
            + "or left of the steps is beaten by a point on them."),
        .figure(
          Figure(
            id: "headline", title: "Perplexity against measured prefill speed",
            caption: "The broken line marks \(Self.worthwhileSpeed) times the dense model's speed."
              + (lost == 0 ? "" : " Not drawn: \(lost) settings beyond the axis, see the table."),
            altText:
              "A point for each conversion, by measured speed and perplexity ratio, with the "
              + "Pareto front and the dense model at 1, 1.",
            // Names stand to the right of their points.
            x: Axis(
              "times as fast as the dense model", low: 0.95 * (points.map(\.speed).min() ?? 1),
              high: 1.1 * (points.map(\.speed).max() ?? 1)),
            y: Axis(
              "perplexity / dense", scale: .logarithmic,
              low: 0.8 * (drawn.min() ?? 1), high: 1.2 * (drawn.max() ?? 1)),
            series: series,
            rules: [
              Rule(.vertical, at: Self.worthwhileSpeed, label: "\(Self.worthwhileSpeed) ×")
            ], height: 560)),
        .table(frontTable(front)),
      ])
  }

  private func frontTable(_ front: ParetoFront) -> Table {
    let knee = ParetoFront(points, among: untrained).knee
    return Table(
      id: "front", title: "The Pareto front",
      caption:
        "From the slowest to the fastest; no setting is both faster and better than one here. The "
        + "knee is that of the front without trained settings.",
      columns: [
        Column("setting"), Column("times as fast", format: .significant(3)),
        Column("perplexity / dense"), Column("multiplied / dense", format: .percent(0)),
        Column("knee"),
      ],
      rows: front.indices.map { index in
        [
          .text(name(index)), .number(points[index].speed), .number(points[index].ratio),
          .number(index == 0 ? 1 : known[index - 1].multiplied), .truth(index == knee),
        ]
      })
  }
}
