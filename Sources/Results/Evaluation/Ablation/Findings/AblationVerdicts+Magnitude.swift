import Reporting

/// Whether magnitude and energy tell what dimensions are worth.
extension AblationVerdicts {
  var magnitude: Verdict? {
    let fractions = Array(Set(result.zeroings.map(\.zeroed.fraction))).sorted()
    guard !fractions.isEmpty else { return nil }
    let steps = fractions.compactMap { MagnitudeStep(result.zeroings, $0) }
    let fraction = fractions[fractions.count / 2]
    guard let middle = steps.first(where: { $0.fraction == fraction }) else { return nil }
    let percent = NumberFormat.percent(0).text(fraction)
    let status: VerdictStatus =
      steps.allSatisfy { $0.order == .asMagnitude }
      ? .holds : steps.contains { $0.order == .other } ? .doesNotHold : .undecided
    let conclusion =
      switch status {
      case .holds: "magnitude means importance."
      case .doesNotHold: "magnitude does not mean importance."
      default: "the differences are within their errors."
      }
    let costs =
      "Zeroing the largest \(percent) costs \(text(middle.top.ratio)) times the perplexity, as many "
      + "at random \(text(middle.random.ratio)) times, the smallest "
      + "\(text(middle.bottom.ratio)) times, and "
    let scope = fractions.count > 1 ? "over all \(fractions.count) fractions " : ""
    let model = result.zeroesDense ? "dense" : "converted"
    return card(
      "Large dimensions are the important ones", source: "Section 3",
      measure: "the largest \(percent) of each token's dimensions set to zero, in the \(model) "
        + "model",
      reference: result.zeroesDense ? result.dense : result.own, middle.top,
      (status, costs + scope + conclusion), details: "magnitude")
  }

  var energy: Verdict? {
    guard !result.knockOuts.isEmpty else { return nil }
    let claim = "A sub-dimension's energy tells what it is worth"
    let measure = "Spearman's rank correlation of mean energy and loss when it is knocked out"
    guard let found = result.correlations.energy else {
      return absent(
        claim, measure: measure, reason: "Too few were knocked out, or all the same.",
        details: "knock-outs")
    }
    let holds = found.value >= Self.telling && (found.low ?? 0) > 0
    let isDecided = holds || found.high ?? found.value < Self.telling
    let gate = result.correlations.gate.map { " Mean gates: \($0.text)." }
    return Verdict(
      claim: claim, measure: measure, paper: .missing(),
      model: Quantity(
        found.value, low: found.low, high: found.high, format: .fixed(2), note: "ρ, energy"),
      null: .missing(), status: holds ? .holds : isDecided ? .doesNotHold : .undecided,
      sentence: "ρ is \(found.text) over \(found.pairCount) knocked out one at a time, over all "
        + "layers: energy "
        + (holds ? "tells" : isDecided ? "hardly tells" : "may tell") + " their worth."
        + (gate ?? ""),
      details: "knock-outs")
  }
}

/// One fraction of the causal check: the largest, random and smallest dimensions zeroed.
private struct MagnitudeStep {
  enum Order { case asMagnitude, other, unclear }

  let fraction: Double
  let top: VariantScore
  let random: VariantScore
  let bottom: VariantScore

  /// nil where one of the three is missing.
  init?(_ zeroings: [AblationResult.Zeroing], _ fraction: Double) {
    func score(_ order: ZeroedDimensions.Order) -> VariantScore? {
      zeroings.first { $0.zeroed == ZeroedDimensions(order: order, fraction: fraction) }?.score
    }
    guard let top = score(.top), let random = score(.random), let bottom = score(.bottom)
    else { return nil }
    (self.fraction, self.top, self.random, self.bottom) = (fraction, top, random, bottom)
  }

  /// Whether the largest cost most and the smallest least, each by more than is noticeable. Ratios
  /// whose intervals overlap cannot be told apart.
  var order: Order {
    func compare(_ more: Estimate, _ less: Estimate) -> Order {
      let isOrdered = more.value > less.value * AblationVerdicts.noticeable
      guard let high = more.multiplicativeInterval, let low = less.multiplicativeInterval else {
        return isOrdered ? .asMagnitude : .other
      }
      if high.low > low.high { return isOrdered ? .asMagnitude : .other }
      return high.high < low.low ? .other : .unclear
    }
    let both = [compare(top.ratio, random.ratio), compare(random.ratio, bottom.ratio)]
    return both.contains(.other)
      ? .other : both.contains(.unclear) ? .unclear : .asMagnitude
  }
}

extension RankCorrelation {
  /// "0.78 (0.60 to 0.89)"
  var text: String {
    let two = NumberFormat.fixed(2)
    guard let low, let high else { return two.text(value) }
    return "\(two.text(value)) (\(two.text(low)) to \(two.text(high)))"
  }
}
