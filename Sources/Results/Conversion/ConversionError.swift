import Checkpoints
import Files

/// One case for each way in which a conversion cannot be done.
public enum ConversionError: ReportableError, Equatable {
  case wrongSetting(component: MoHDComponent, setting: String, expected: String, found: String)
  case alreadyConverted(path: String)
  case tooFewTokens(found: Int, needed: Int)
  case nonFinite(layer: Int, component: MoHDComponent)
  case nonFiniteStream(layer: Int)
  case singular(layer: Int, component: MoHDComponent)
  case otherModel(run: String, expected: String, found: String)
  case otherTokenizer(run: String, expected: String, found: String)
  case missingHookPoint(run: String, layer: Int, hookPoint: String)
  case outputExists(path: String)
  case notTrainable(setting: String)
  case notRecoverable(setting: String)
  case noHead(path: String)
  case tooFewSequences(found: Int)
  case unreachable(fraction: Double, lowest: Double)

  /// Where an error saw numbers that are not finite, and the last layer that they can come from; nil
  /// for other errors.
  public static func nonFinitePlace(_ error: any Error) -> (layer: Int?, description: String)? {
    switch error {
    // On its way back a NaN reaches every layer.
    case ConversionError.nonFinite(let layer, let component):
      (nil, "\(component.rawValue) of layer \(layer)")
    case ConversionError.nonFiniteStream(let layer): (layer, "the output of layer \(layer)")
    default: nil
    }
  }

  public var exitStatus: ExitStatus {
    switch self {
    case .outputExists: .cannotCreate
    default: .badInput
    }
  }

  public var description: String {
    switch self {
    case .wrongSetting(let component, let setting, let expected, let found):
      "--\(component.rawValue)-\(setting): expected \(expected), found \(found)"
    case .alreadyConverted(let path):
      "\(path): expected a dense model, found one that is MoHD already; convert the dense model"
    case .tooFewTokens(let found, let needed):
      "calibration: expected at least \(needed) tokens beside the first of each sequence, "
        + "found \(found); give more text"
    case .nonFinite(let layer, let component):
      "layer \(layer), \(component.rawValue): expected finite activations, found NaN or infinity; "
        + "mohd-probe capture --layers \(layer) names the token"
    case .nonFiniteStream(let layer):
      "layer \(layer), residual_post: expected finite numbers for the calibration text, found NaN or "
        + "infinity; mohd-probe capture --layers \(layer) names hook point and token"
    case .singular(let layer, let component):
      "layer \(layer), \(component.rawValue): the covariance has no decomposition; give more text, "
        + "or a larger --damping"
    case .otherModel(let run, let expected, let found):
      "\(run): expected a capture of this model (\(expected)), found one of \(found); "
        + "capture this model, or give --corpus"
    case .otherTokenizer(let run, let expected, let found):
      "\(run): expected a capture with this model's tokenizer (\(expected)), found one with \(found), "
        + "whose tokens are another text to the model; capture with this tokenizer, name the "
        + "capture's with --tokenizer, or give --corpus"
    case .missingHookPoint(let run, let layer, let hookPoint):
      "\(run): layer \(layer) has no \(hookPoint); capture all layers with the default hook points"
    case .outputExists(let path):
      "\(path): expected a folder that does not exist or is empty, found files; name another one"
    case .tooFewSequences(let found):
      "--distill: expected at least two sequences, one to train on and one to judge by, found "
        + "\(found); give more text, or a shorter --sequence-length"
    case .notTrainable(let setting):
      "--distill: expected sparse inputs with unit gates and nothing beside them, found \(setting); "
        + "leave it out, or --distill"
    case .notRecoverable(let setting):
      "--recover: expected unit gates and nothing beside the weights that it fits again, found "
        + "\(setting); leave it out, or --recover"
    case .noHead(let path):
      "\(path): expected an output projection, which --output-weights fisher asks what errors cost, "
        + "found none; give --output-weights value-up"
    case .unreachable(let fraction, let lowest):
      "--active: expected at least \(lowest), the shared sub-dimensions alone, found \(fraction); "
        + "lower --shared"
    }
  }
}
