import Files

/// One case for each way in which a report can be wrong before it is written.
public enum ReportingError: ReportableError, Equatable {
  case badIdentifier(String)
  case duplicateIdentifier(String)
  case unequalCounts(subject: String, expected: Int, found: Int)
  case badChoice(figure: String, choice: Int, count: Int)
  case unknownNode(figure: String, node: String)
  case unknownReference(verdict: String, reference: String)
  case unreadableReport(path: String, reason: String)
  case browserFailed(step: String, reason: String)

  public var exitStatus: ExitStatus {
    switch self {
    case .unreadableReport: .badInput
    case .browserFailed: .inputOutput
    default: .bug
    }
  }

  public var description: String {
    switch self {
    case .badIdentifier(let id):
      "report: identifier \"\(id)\": expected letters, digits, '-' and '_', beginning with a letter"
    case .duplicateIdentifier(let id):
      "report: identifier \"\(id)\" stands twice; give each section, table and figure its own"
    case .unequalCounts(let subject, let expected, let found):
      "report: \(subject): expected \(expected) values, found \(found)"
    case .badChoice(let figure, let choice, let count):
      "report: figure \(figure): choice \(choice) of \(count) does not exist"
    case .unknownNode(let figure, let node):
      "report: figure \(figure): an edge names the node \"\(node)\", which does not exist"
    case .unknownReference(let verdict, let reference):
      "report: verdict \"\(verdict)\" points to \"\(reference)\", which does not exist"
    case .unreadableReport(let path, let reason):
      "\(path): expected a report, found something else: \(reason)"
    case .browserFailed(let step, let reason):
      "browser: \(step) failed: \(reason); figures stay available as Plotly JSON"
    }
  }
}
