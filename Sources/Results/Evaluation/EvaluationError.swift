import Files

/// One case for each way in which an evaluation can be impossible.
public enum EvaluationError: ReportableError, Equatable {
  case noOutputProjection
  case notFinite(model: String, document: Int)
  case differentModels(field: String, dense: Int, converted: Int)
  case otherOrigin(dense: String, converted: String, name: String, expected: String, found: String)
  case nothingToScore
  case notConverted
  case foreignSchema(path: String, found: String, expected: String)

  /// Where an error saw numbers that are not finite; nil for other errors.
  public static func nonFinitePlace(_ error: any Error) -> (layer: Int?, description: String)? {
    guard case EvaluationError.notFinite(_, let document) = error else { return nil }
    return (nil, "the logits of document \(document)")
  }

  public var exitStatus: ExitStatus { .badInput }

  public var description: String {
    switch self {
    case .noOutputProjection:
      "expected a causal language model, found a base model without a head (lm_head.weight), so that "
        + "nothing can be scored; name a checkpoint with its head"
    case .notFinite(let model, let document):
      "\(model): expected finite logits, found NaN or infinity in document \(document) of the "
        + "corpus; look for damaged weights with `mohd-probe capture`, which names layer and token"
    case .differentModels(let field, let dense, let converted):
      "the two models cannot be compared: \(field) is \(dense) in the first and \(converted) in "
        + "the second; expected a model and what was made of it"
    case .otherOrigin(let dense, let converted, let name, let expected, let found):
      "\(dense): expected the model that \(converted) was made from (\(name), SHA-256 \(expected)), found "
        + "another one (\(found)); name that model with --dense, or leave it out"
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
