import Files
import Foundation

/// A failure signature that was found, or a reason to distrust the numbers.
public struct EvaluationWarning: Codable, Sendable, Equatable {
  public enum Kind: String, Codable, Sendable, CaseIterable {
    case calibrationOverlap = "calibration_overlap"
    case routerCollapse = "router_collapse"
    case informationLoss = "information_loss"
    case unstableScaling = "unstable_scaling"
    case busyMachine = "busy_machine"
    case littleText = "little_text"
  }

  public var kind: Kind
  /// What was found, where, and what it means, as one sentence or two.
  public var text: String

  init(_ kind: Kind, _ text: String) {
    self.kind = kind
    self.text = text
  }

  // What counts as a failure signature; the report prints these numbers.

  /// Even use of sub-dimensions has a load entropy of 1; below this a router has collapsed.
  static let leastLoadEntropy = 0.7
  /// A component whose output has a lower R² has lost most of its information.
  static let leastDetermination = 0.5
  /// α varies more than this between tokens of one layer.
  static let largestScaleRatio = 4.0
  /// Fewer tokens than this make small evaluations that flatter.
  static let leastTokenCount = 4096

  static func all(_ result: ModelComparison, overlap: CalibrationOverlap?) -> [EvaluationWarning] {
    [
      overlap.flatMap(overlapping), collapse(result.routers), loss(result.reconstruction),
      scaling(result.routers), result.throughput.flatMap(busy), little(result.all.tokenCount),
    ].compactMap { $0 }
  }

  package static func overlapping(_ overlap: CalibrationOverlap) -> EvaluationWarning? {
    guard let documentCount = overlap.documentCount else {
      return EvaluationWarning(
        .calibrationOverlap,
        "Whether evaluation text was calibration text is not known, because the conversion was "
          + "calibrated from a capture: make sure that it was other text.")
    }
    let share = overlap.share ?? 0
    guard documentCount > 0 || share >= CalibrationOverlap.leastShare else { return nil }
    let part = overlap.share.map { share in
      ", and \((share * 1000).rounded() / 10) % of its passages of \(TextFingerprint.wordCount) words"
    }
    return EvaluationWarning(
      .calibrationOverlap,
      "Calibration text of this conversion is \(documentCount) of "
        + counted(overlap.evaluatedCount, "document")
        + " of the evaluation\(part ?? ""): its numbers "
        + "flatter it. Evaluate on other text.")
  }

  static func collapse(_ routers: [RouterResult]) -> EvaluationWarning? {
    let found = routers.filter(\.hasCollapsed)
    guard !found.isEmpty else { return nil }
    return EvaluationWarning(
      .routerCollapse,
      "\(found.count) of \(routers.count(where: \.hasChoice)) routers use few of their "
        + "sub-dimensions (load entropy below \(leastLoadEntropy), or half of them idle): "
        + places(found) + ".")
  }

  private static func loss(_ layers: [LayerReconstruction]) -> EvaluationWarning? {
    let found = layers.filter { ($0.determination ?? 0) < leastDetermination }
    guard !found.isEmpty else { return nil }
    let worst = found.min { ($0.determination ?? -.infinity) < ($1.determination ?? -.infinity) }
    return EvaluationWarning(
      .informationLoss,
      "\(found.count) of \(layers.count) outputs \(found.count == 1 ? "has" : "have") an R² below \(leastDetermination); the worst "
        + "is \(worst.map { "\($0.hookPoint) of layer \($0.layer)" } ?? "none").")
  }

  static func scaling(_ routers: [RouterResult]) -> EvaluationWarning? {
    let found = routers.filter { router in
      guard let least = router.smallestScale, let most = router.largestScale else { return true }
      return least <= 0 || most / least > largestScaleRatio
    }
    guard !found.isEmpty else { return nil }
    return EvaluationWarning(
      .unstableScaling,
      "α varies more than \(Int(largestScaleRatio)) times between tokens in \(found.count) of "
        + "\(routers.count) components: " + places(found) + ".")
  }

  private static func busy(_ throughput: Throughput) -> EvaluationWarning? {
    guard throughput.isBusy, let others = throughput.otherProcessors else { return nil }
    let used = (others * 10).rounded() / 10
    return EvaluationWarning(
      .busyMachine,
      "Other programs used \(used) processors while speed was measured: trust the ratio of the "
        + "two speeds more than either, and repeat it on an idle machine.")
  }

  static func little(_ tokenCount: Int) -> EvaluationWarning? {
    guard tokenCount < leastTokenCount else { return nil }
    return EvaluationWarning(
      .littleText,
      "Only " + counted(tokenCount, "token") + (tokenCount == 1 ? " was" : " were")
        + " evaluated; small evaluations flatter. Read the standard "
        + "errors.")
  }

  private static func places(_ routers: [RouterResult]) -> String {
    let names = routers.map { "\($0.component) of layer \($0.layer)" }
    return names.prefix(4).joined(separator: ", ")
      + (names.count > 4 ? " and \(names.count - 4) more" : "")
  }
}
