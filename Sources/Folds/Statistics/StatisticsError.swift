import Files

/// One case for each way in which statistics can fail.
public enum StatisticsError: ReportableError, Equatable {
  case unknownSequence(document: Int, index: Int)
  case incompleteLayer(layer: Int, tokenCount: Int, expected: Int)
  case missingLayer(layer: Int)
  case notMergeable(field: String, first: String, second: String)
  case nothingToMerge
  case damagedState(path: String, reason: String)

  public var exitStatus: ExitStatus { .badInput }

  public var description: String {
    switch self {
    case .unknownSequence(let document, let index):
      "sequence \(index) of document \(document): expected a sequence of the corpus layout, found "
        + "none; the layout and the activations come from different runs"
    case .incompleteLayer(let layer, let tokenCount, let expected):
      "layer \(layer): expected \(expected) tokens, found \(tokenCount); the source stopped early"
    case .missingLayer(let layer):
      "layer \(layer): expected its activations, found none; the source stopped early"
    case .notMergeable(let field, let first, let second):
      "\(field): expected \(first) in every part, found \(second); merge only reports made with "
        + "the same model and options"
    case .nothingToMerge:
      "merge: expected at least one report, found none"
    case .damagedState(let path, let reason):
      "\(path): expected the state of a report, found something else: \(reason); make the report "
        + "again"
    }
  }
}
