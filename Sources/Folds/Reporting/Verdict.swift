/// What became of a claim.
public enum VerdictStatus: String, Codable, Sendable, CaseIterable {
  /// The claim is true of this model, beyond what chance gives.
  case holds = "holds"
  /// The claim is not true of this model.
  case doesNotHold = "does_not_hold"
  /// The number is there, and a null model gives it too.
  case explainedByChance = "explained_by_chance"
  /// The number is within its error of saying the opposite: more text would tell.
  case undecided = "undecided"
  /// What the claim needs was not captured.
  case notMeasured = "not_measured"

  /// As people read it.
  public var title: String {
    switch self {
    case .holds: "holds"
    case .doesNotHold: "does not hold"
    case .explainedByChance: "explained by chance"
    case .undecided: "not decided"
    case .notMeasured: "not measured"
    }
  }
}

/// One claim and three numbers: the paper's, this model's, and what chance alone would give.
public struct Verdict: Codable, Sendable, Hashable {
  /// The claim as a sentence.
  public var claim: String
  /// Where the claim stands ("Section 3.1, Fig. 3 left"); may be empty.
  public var source: String
  /// What is being compared ("share of energy in the top half of the dimensions"); may be empty.
  public var measure: String
  public var paper: Quantity
  public var model: Quantity
  public var null: Quantity
  public var status: VerdictStatus
  /// What the three numbers say together, in plain words.
  public var sentence: String
  /// Identifier of the section or figure with the details.
  public var details: String?

  public init(
    claim: String, source: String = "", measure: String = "", paper: Quantity, model: Quantity,
    null: Quantity, status: VerdictStatus, sentence: String, details: String? = nil
  ) {
    self.claim = claim
    self.source = source
    self.measure = measure
    self.paper = paper
    self.model = model
    self.null = null
    self.status = status
    self.sentence = sentence
    self.details = details
  }
}
