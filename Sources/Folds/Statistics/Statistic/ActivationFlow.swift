import Activations

/// How magnitudes change through a block: the mean |x| of every hook point as a percentage of that
/// layer's attention input.
///
/// Source: MoHD (arXiv 2412.05644), Section 3.2 and Fig. 4.
enum ActivationFlow {
  /// `flow_percent` of one layer; empty when the attention input is missing or all zero.
  static func percentages(_ hookPoints: [String: HookPointResult]) -> [String: Double] {
    guard let whole = hookPoints[HookPoint.attentionInput.rawValue]?.magnitude.meanAbsolute,
      whole > 0
    else { return [:] }
    return hookPoints.compactMapValues { result in
      result.magnitude.meanAbsolute.map { $0 / whole * 100 }
    }
  }
}
