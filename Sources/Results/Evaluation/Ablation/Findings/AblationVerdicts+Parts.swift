import Models
import Reporting

/// What parts of the model, and even loads, are worth.
extension AblationVerdicts {
  func removal(_ row: AblationResult.Removal) -> Verdict? {
    let isPaper = row.part != .compensation
    let claim = "\(row.part.title.prefix(1).uppercased() + row.part.title.dropFirst()) is needed"
    let source = isPaper ? "Table 4" : ""
    guard let score = row.score else {
      return isPaper
        ? absent(
          claim, source: source, measure: "the model without it",
          reason: row.reason.map { $0.prefix(1).uppercased() + $0.dropFirst() + "." } ?? "Not run.")
        : nil
    }
    let start = "Without it perplexity is \(text(score.ratio)) times the model's"
    let finding: (VerdictStatus, String) =
      switch effect(score.ratio) {
      case .worse: (.holds, start + ".")
      case .same: (.doesNotHold, start + ": that is next to nothing.")
      case .better: (.doesNotHold, start + ": it does harm.")
      case .unclear: (.undecided, start + Self.unclear)
      }
    return card(
      claim, source: source, measure: "the model without it", score, finding, details: "routing")
  }

  // MARK: - Loads

  /// What evening the loads altogether costs: the paper pays for it with a loss of its own.
  var balance: Verdict? {
    let claim = "Routers can use their sub-dimensions evenly at no cost"
    let measure = "chosen by score over mean score on other text"
    guard let own = result.balances.first, let even = result.balances.last, even.weight > 0 else {
      return absent(
        claim, source: "Table 4, Eq. 13", measure: measure,
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
      case .unclear: (.undecided, start + Self.unclear)
      }
    return card(
      claim, source: "Table 4, Eq. 13", measure: measure, even.score, finding, details: "balance")
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
