import Models
import Reporting

/// What an ablation says, in plain sentences.
struct AblationVerdicts {
  let result: AblationResult

  var all: [Verdict] {
    [random, fixed, unshared, specialisedOnly, sharedOnly, oracle, allActive].compactMap { $0 }
      + result.removals.compactMap(removal) + [balance, magnitude, energy].compactMap { $0 }
  }

  /// Ratios of perplexities nearer to 1 than this count as the same.
  static let noticeable = 1.02
  /// As long as their interval lies within this factor of 1.
  static let certain = 1.1
  /// So near to 1 the dense model counts as recovered: rounding of stored weights, no more.
  static let recovered = 1.01
  /// From this rank correlation on one quantity tells the other.
  static let telling = 0.5

  /// What a change did to perplexity; `unclear` is a difference within its error.
  enum Effect { case worse, same, better, unclear }

  func effect(_ ratio: Estimate) -> Effect {
    let interval = ratio.multiplicativeInterval
    if ratio.value >= Self.noticeable { return (interval?.low ?? 2) > 1 ? .worse : .unclear }
    if ratio.value <= 1 / Self.noticeable { return (interval?.high ?? 0) < 1 ? .better : .unclear }
    guard let interval else { return .same }
    return interval.high < Self.certain && interval.low > 1 / Self.certain ? .same : .unclear
  }

  /// What follows a number that is within its error.
  static let unclear = ", which is within the error: more text would tell."

  func text(_ ratio: Estimate) -> String { NumberFormat.significant(3).text(ratio.value) }

  /// A card about a variant that was run.
  func card(
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
  func absent(
    _ claim: String, source: String = "", measure: String, reason: String,
    details: String = "routing"
  ) -> Verdict {
    Verdict(
      claim: claim, source: source, measure: measure, paper: .missing(), model: .missing(),
      null: .missing(), status: .notMeasured, sentence: reason, details: details)
  }

  func variant(
    _ variant: RoutingVariant, claim: String, source: String = "", measure: String,
    judge: (VariantScore) -> (VerdictStatus, String)
  ) -> Verdict? {
    guard let row = result.row(variant) else { return nil }
    guard let score = row.score else {
      return absent(
        claim, source: source, measure: measure,
        reason: "There is nothing to compare: \(row.reason ?? "unknown").")
    }
    return card(claim, source: source, measure: measure, score, judge(score), details: "routing")
  }
}
