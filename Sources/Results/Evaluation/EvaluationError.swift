import Files

/// One case for each way in which an evaluation can be impossible.
public enum EvaluationError: ReportableError, Equatable {
  case noOutputProjection
  case notFinite(model: String, document: Int)
  case differentModels(field: String, dense: Int, converted: Int)
  case nothingToScore
  case notConverted
  case foreignSchema(path: String, found: String, expected: String)

  public var exitStatus: ExitStatus { .badInput }

  public var description: String {
    switch self {
    case .noOutputProjection:
      "the model has no output projection, so that nothing can be scored; expected a causal "
        + "language model"
    case .notFinite(let model, let document):
      "\(model): expected finite logits, found NaN or infinity in document \(document) of the "
        + "corpus; look for damaged weights with `mohd-probe capture`, which names layer and token"
    case .differentModels(let field, let dense, let converted):
      "the two models cannot be compared: \(field) is \(dense) in the first and \(converted) in "
        + "the second; expected a model and what was made of it"
    case .nothingToScore:
      "no sequence has a second token, so that nothing can be scored; expected longer text or a "
        + "larger --sequence-length"
    case .notConverted:
      "the model has no sub-dimensions to take apart; expected a MoHD model, found a dense one; "
        + "make one with mohd-convert"
    case .foreignSchema(let path, let found, let expected):
      "\(path): expected the schema \(expected), found \(found); make it again"
    }
  }
}
