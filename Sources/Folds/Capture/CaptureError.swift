import Activations
import Files

/// One case for each way in which capturing, or reading a capture, can go wrong.
public enum CaptureError: ReportableError, Equatable {
  case notEmpty(path: String)
  case foreignFolder(path: String, name: String)
  case planDiffers(path: String, differences: [String])
  case invalidPlan(path: String, reason: String)
  case noTokens
  case batchDiffers(batch: Int, reason: String)
  case incompleteLayer(layer: Int, hookPoint: HookPoint, expected: Int, found: Int)
  case nonFinite(layer: Int, hookPoint: HookPoint, token: Int, count: Int)
  case overflow(layer: Int, hookPoint: HookPoint, token: Int, count: Int)
  case notARun(path: String)
  case incomplete(path: String, missing: [String])
  case damaged(path: String, reason: String)
  case hashDiffers(path: String, expected: String, found: String)
  case invalidManifest(path: String, line: Int, reason: String)
  case notCaptured(path: String, layer: Int, hookPoint: HookPoint)

  public var exitStatus: ExitStatus {
    switch self {
    case .notEmpty, .foreignFolder: .cannotCreate
    case .planDiffers, .invalidPlan, .noTokens, .batchDiffers, .nonFinite, .overflow, .damaged,
      .hashDiffers, .invalidManifest:
      .badInput
    case .notARun, .incomplete, .notCaptured: .missingInput
    case .incompleteLayer: .bug
    }
  }

  public var description: String {
    switch self {
    case .notEmpty(let path):
      "\(path): expected a new or empty folder, found files; "
        + "add --resume to continue a run, or choose another folder"
    case .foreignFolder(let path, let name):
      "\(path): expected the folder of a run, found \(name), which no run makes; "
        + "choose another folder"
    case .planDiffers(let path, let differences):
      "\(path): this run was begun with other inputs or options: "
        + differences.joined(separator: "; ")
        + "; resume with the same ones, or choose another folder"
    case .invalidPlan(let path, let reason):
      "\(path): expected the plan of a capture: \(reason)"
    case .noTokens:
      "the corpus: expected at least one token, found none; there is nothing to capture"
    case .batchDiffers(let batch, let reason):
      "batch \(batch): it is not the one that was planned: \(reason)"
    case .incompleteLayer(let layer, let hookPoint, let expected, let found):
      "layer \(layer), \(hookPoint.rawValue): expected \(expected) rows, received \(found)"
    case .nonFinite(let layer, let hookPoint, let token, let count):
      "layer \(layer), \(hookPoint.rawValue), token \(token): expected finite numbers, "
        + "found \(Self.amount(count)) infinite or not a number; look at the checkpoint, "
        + "or add --allow-non-finite to capture them as they are"
    case .overflow(let layer, let hookPoint, let token, let count):
      "layer \(layer), \(hookPoint.rawValue), token \(token): found \(Self.amount(count)) beyond "
        + "65504, the largest in float16; capture with --dtype float32"
    case .notARun(let path):
      "\(path): expected the folder of a capture, found no plan.json in it"
    case .incomplete(let path, let missing):
      "\(path): this capture is not complete, \(Self.list(missing)) missing; "
        + "finish it by the same command with --resume"
    case .damaged(let path, let reason):
      "\(path): damaged: \(reason); remove this file and repeat the capture with --resume"
    case .hashDiffers(let path, let expected, let found):
      "\(path): expected XXH128 \(expected), found \(found); "
        + "remove this file and repeat the capture with --resume"
    case .invalidManifest(let path, let line, let reason):
      "\(path): line \(line): \(reason)"
    case .notCaptured(let path, let layer, let hookPoint):
      "\(path): layer \(layer), \(hookPoint.rawValue): not in this capture; "
        + "capture again with this hook point and layer"
    }
  }

  private static func amount(_ count: Int) -> String {
    count == 1 ? "1 number" : "\(count) numbers"
  }

  private static func list(_ names: [String]) -> String {
    let shown = names.prefix(3).joined(separator: ", ")
    let rest = names.count > 3 ? " and \(names.count - 3) more" : ""
    return shown + rest + (names.count == 1 ? " is" : " are")
  }
}
