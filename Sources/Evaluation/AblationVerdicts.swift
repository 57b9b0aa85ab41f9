import Models
import Reporting

/// What an ablation says, in plain sentences.
struct AblationVerdicts {
  let result: AblationResult

  var all: [Verdict] {
    [random, fixed, specialisedOnly, sharedOnly, oracle, allActive].compactMap { $0 }
      + result.removals.compactMap(removal) + [balance, magnitude, energy].compactMap { $0 }
  }

  /// Ratios of perplexities nearer to 1 than this count as the same.
  static let noticeable = 1.02
  /// So near to 1 the dense model counts as recovered: rounding of stored weights, no more.
  private static let recovered = 1.01
  /// From this rank correlation on one quantity tells the other.
  private static let telling = 0.5

  /// What a change did to perplexity; `unclear` is a difference within its error.
  private enum Effect { case worse, same, better, unclear }

  private func effect(_ ratio: Estimate) -> Effect {
    let interval = ratio.multiplicativeInterval
    if ratio.value >= Self.noticeable { return (interval?.low ?? 2) > 1 ? .worse : .unclear }
    if ratio.value <= 1 / Self.noticeable { return (interval?.high ?? 0) < 1 ? .better : .unclear }
    return .same
  }

  /// What follows a number that is within its error.
  private static let unclear = ", which is within the error: more text would tell."

  private func text(_ ratio: Estimate) -> String { NumberFormat.significant(3).text(ratio.value) }

  /// A card about a variant that was run.
  private func card(
    _ claim: String, source: String = "", measure: String, reference: Estimate? = nil,
    _ score: VariantScore, _ finding: (status: VerdictStatus, sentence: String), details: String
  ) -> Verdict {
    var ratio = score.ratio.multiplicativeQuantity(.significant(4))
    ratio.unit = "times"
    return Verdict(
      claim: claim, source: source, measure: measure,
      paper: (reference ?? result.own).multiplicativeQuantity(.significant(4)),
      model: score.perplexity.multiplicativeQuantity(.significant(4)), null: ratio,
      status: finding.status, sentence: finding.sentence, details: details)
  }

  /// A card about a variant that was not.
  private func absent(
    _ claim: String, source: String = "", measure: String, reason: String
  ) -> Verdict {
    Verdict(
      claim: claim, source: source, measure: measure, paper: .missing(), model: .missing(),
      null: .missing(), status: .notMeasured, sentence: reason, details: "routing")
  }

  private func variant(
    _ variant: RoutingVariant, claim: String, measure: String,
    judge: (VariantScore) -> (VerdictStatus, String)
  ) -> Verdict? {
    guard let row = result.row(variant) else { return nil }
    guard let score = row.score else {
      return absent(
        claim, measure: measure, reason: "There is nothing to compare: \(row.reason ?? "unknown").")
    }
    return card(claim, measure: measure, score, judge(score), details: "routing")
  }

  // MARK: - Routing

  private var random: Verdict? {
    variant(
      .random, claim: "The router's choice matters",
      measure: "routing drawn evenly for each token, shared ones as ever"
    ) { score in
      let start = "Random routing costs \(text(score.ratio)) times the perplexity of the router's"
      return switch effect(score.ratio) {
      case .worse: (.holds, start + ": the routing matters.")
      case .same: (.doesNotHold, start + ": the routing does not matter.")
      case .better: (.doesNotHold, start + ": chance routes better.")
      case .unclear: (.explainedByChance, start + Self.unclear)
      }
    }
  }

  private var fixed: Verdict? {
    let place = result.text.isSeparate ? "on other text" : "on the same text, which flatters it"
    return variant(
      .fixed, claim: "Choosing for each token beats one choice for all",
      measure: "the specialised sub-dimensions of highest mean energy \(place), for every token"
    ) { score in
      let start = "The best static choice has \(text(score.ratio)) times the router's perplexity"
      return switch effect(score.ratio) {
      case .worse: (.holds, start + ": choosing for each token pays.")
      case .same: (.doesNotHold, start + ": choosing for each token changes nothing.")
      case .better: (.doesNotHold, start + ": the router is worse than not routing at all.")
      case .unclear: (.explainedByChance, start + Self.unclear)
      }
    }
  }

  private var specialisedOnly: Verdict? {
    variant(
      .specialisedOnly, claim: "Shared sub-dimensions are needed",
      measure: "no shared ones, as many specialised ones as there were active, or all"
    ) { score in
      let start =
        "With specialised ones only, perplexity is \(text(score.ratio)) times the model's"
      return switch effect(score.ratio) {
      case .worse: (.holds, start + ": the shared ones carry what the others cannot.")
      case .same, .better: (.doesNotHold, start + ": the shared ones are not needed.")
      case .unclear: (.explainedByChance, start + Self.unclear)
      }
    }
  }

  private var sharedOnly: Verdict? {
    variant(
      .sharedOnly, claim: "Specialised sub-dimensions are needed",
      measure: "shared ones only, so fewer are active"
    ) { score in
      let start = "With the shared ones only, perplexity is \(text(score.ratio)) times the model's"
      return switch effect(score.ratio) {
      case .worse: (.holds, start + ": fewer dimensions are not enough.")
      case .same, .better:
        (.doesNotHold, start + ": the specialised ones could be left out.")
      case .unclear: (.explainedByChance, start + Self.unclear)
      }
    }
  }

  private var oracle: Verdict? {
    variant(
      .oracle, claim: "The router chooses as well as the energies would",
      measure: "the specialised sub-dimensions of highest energy, for each token"
    ) { score in
      let start = "Choosing by energy has \(text(score.ratio)) times the router's perplexity"
      return switch effect(score.ratio) {
      case .better: (.doesNotHold, start + ": a better router could gain that much.")
      case .same: (.holds, start + ": the router has found it.")
      case .worse: (.holds, start + ": the router knows better than the energies.")
      case .unclear: (.explainedByChance, start + Self.unclear)
      }
    }
  }

  private var allActive: Verdict? {
    guard let row = result.row(.all) else { return nil }
    let claim = "With all sub-dimensions active the dense model comes back"
    guard let dense = result.dense, let ratio = row.ratioToDense, let score = row.score else {
      return absent(
        claim, measure: "all active, beside the dense model",
        reason: row.reason.map { "There is nothing to compare: \($0)." }
          ?? "No dense model was given.")
    }
    var quantity = ratio.multiplicativeQuantity(.significant(4))
    quantity.unit = "times"
    let holds = ratio.value < Self.recovered && ratio.value > 1 / Self.recovered
    return Verdict(
      claim: claim, measure: "all active, beside the dense model",
      paper: dense.multiplicativeQuantity(.significant(4)),
      model: score.perplexity.multiplicativeQuantity(.significant(4)), null: quantity,
      status: holds ? .holds : .doesNotHold,
      sentence: "All active, perplexity is \(NumberFormat.significant(4).text(ratio.value)) times "
        + "the dense model's: "
        + (holds
          ? "what is lost is lost by leaving dimensions out."
          : "weights, gates or scaling have changed, not only what is left out."),
      details: "routing")
  }

  // MARK: - Parts

  private func removal(_ row: AblationResult.Removal) -> Verdict? {
    let isPaper = row.part != .compensation
    let claim = "\(row.part.title.prefix(1).uppercased() + row.part.title.dropFirst()) is needed"
    let source = isPaper ? "Table 4" : ""
    guard let score = row.score else {
      return isPaper
        ? absent(
          claim, source: source, measure: "the model without it", reason: "This model has none.")
        : nil
    }
    let start = "Without it perplexity is \(text(score.ratio)) times the model's"
    let finding: (VerdictStatus, String) =
      switch effect(score.ratio) {
      case .worse: (.holds, start + ".")
      case .same: (.doesNotHold, start + ": it does nothing here.")
      case .better: (.doesNotHold, start + ": it does harm.")
      case .unclear: (.explainedByChance, start + Self.unclear)
      }
    return card(
      claim, source: source, measure: "the model without it", score, finding, details: "routing")
  }

  // MARK: - Loads

  /// What evening the loads altogether costs: the paper pays for it with a loss of its own.
  private var balance: Verdict? {
    let claim = "Routers can use their sub-dimensions evenly at no cost"
    let measure = "chosen by score over mean score on other text"
    guard let own = result.balances.first, let even = result.balances.last, even.weight > 0 else {
      return absent(
        claim, source: "Eq. 13", measure: measure,
        reason: "There is nothing to even: no component has a choice.")
    }
    let start =
      "So \(even.load.evenCount) of \(even.load.routerCount) routers use theirs evenly (before: "
      + "\(own.load.evenCount)), and perplexity is \(text(even.score.ratio)) times the model's"
    let finding: (VerdictStatus, String) =
      switch effect(even.score.ratio) {
      case .worse: (.doesNotHold, start + ": uneven loads are worth something here.")
      case .same: (.holds, start + ": evenness costs nothing.")
      case .better: (.holds, start + ": evenness helps.")
      case .unclear: (.explainedByChance, start + Self.unclear)
      }
    return card(
      claim, source: "Eq. 13", measure: measure, even.score, finding, details: "balance")
  }

  // MARK: - Magnitudes

  private var magnitude: Verdict? {
    let fractions = Array(Set(result.zeroings.map(\.zeroed.fraction))).sorted()
    guard !fractions.isEmpty else { return nil }
    let fraction = fractions[fractions.count / 2]
    func score(_ order: ZeroedDimensions.Order) -> VariantScore? {
      result.zeroings.first { $0.zeroed == ZeroedDimensions(order: order, fraction: fraction) }?
        .score
    }
    guard let top = score(.top), let random = score(.random), let bottom = score(.bottom)
    else { return nil }
    let ordered =
      top.ratio.value > random.ratio.value * Self.noticeable
      && random.ratio.value > bottom.ratio.value * Self.noticeable
    let percent = NumberFormat.percent(0).text(fraction)
    return card(
      "Large dimensions are the important ones", source: "Section 3",
      measure: "the largest \(percent) of each token's dimensions set to zero, in the "
        + (result.zeroesDense ? "dense" : "converted") + " model",
      reference: result.zeroesDense ? result.dense : result.own, top,
      (
        ordered ? .holds : .doesNotHold,
        "Zeroing the largest \(percent) costs \(text(top.ratio)) times the perplexity, as many at "
          + "random \(text(random.ratio)) times, the smallest \(text(bottom.ratio)) times: "
          + "magnitude \(ordered ? "means" : "does not mean") importance."
      ), details: "magnitude")
  }

  private var energy: Verdict? {
    guard !result.knockOuts.isEmpty else { return nil }
    let claim = "A sub-dimension's energy tells what it is worth"
    let measure = "Spearman's rank correlation of mean energy and loss when it is knocked out"
    guard let found = result.correlations.energy else {
      return absent(claim, measure: measure, reason: "Too few were knocked out, or all the same.")
    }
    let holds = found.value >= Self.telling && (found.low ?? 0) > 0
    let gate = result.correlations.gate.map {
      " Mean gates: \(NumberFormat.fixed(2).text($0.value))."
    }
    return Verdict(
      claim: claim, measure: measure, paper: .missing(),
      model: Quantity(found.value, low: found.low, high: found.high, format: .fixed(2)),
      null: .missing(), status: holds ? .holds : .doesNotHold,
      sentence: "ρ is \(NumberFormat.fixed(2).text(found.value)) over \(found.pairCount) knocked "
        + "out one at a time: energy \(holds ? "tells" : "hardly tells") their worth."
        + (gate ?? ""),
      details: "knock-outs")
  }
}

extension RemovablePart {
  /// What verdicts call it: the paper's name where it has one.
  var title: String {
    switch self {
    case .fusion: "group fusion"
    case .scaling: "sub-dimension scaling"
    case .compensation: "compensation"
    }
  }
}
