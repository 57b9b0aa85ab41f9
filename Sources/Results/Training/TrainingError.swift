import Files

/// One case for each way in which a run cannot begin or go on.
public enum TrainingError: ReportableError, Equatable {
  case badOption(name: String, found: String, expected: String)
  case outputExists(path: String)
  case otherPlan(path: String, field: String)
  case noPlan(path: String)
  case damaged(path: String, reason: String)
  case badStart(path: String, tensor: String)

  public var exitStatus: ExitStatus {
    switch self {
    case .outputExists: .cannotCreate
    case .noPlan: .missingInput
    case .badOption, .otherPlan, .damaged, .badStart: .badInput
    }
  }

  public var description: String {
    switch self {
    case .badOption(let name, let found, let expected):
      "\(name): expected \(expected), found \(found)"
    case .outputExists(let path):
      "\(path): expected nothing or an empty folder, found a run; --resume goes on with it, or "
        + "choose another --output"
    case .otherPlan(let path, let field):
      "\(path): the run was planned with another \(field); give what plan.json says, or choose "
        + "another --output"
    case .noPlan(let path):
      "\(path): expected a run with its plan.json, found none; start one with mohd-train run"
    case .damaged(let path, let reason):
      "\(path): \(reason); remove that checkpoint and run again with --resume"
    case .badStart(let path, let tensor):
      "\(path): \(tensor) holds numbers that are not finite; nothing can be trained from it"
    }
  }
}
