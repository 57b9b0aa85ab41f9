extension EvaluationWarning {
  /// Reasons to distrust a series of conversions.
  static func all(_ result: SweepResult, overlap: CalibrationOverlap?) -> [EvaluationWarning] {
    [
      overlap.flatMap(overlapping), lost(result.settings), busy(result.settings),
      little(result.dense.reduce(0) { $0 + $1.scoredCount }),
    ].compactMap { $0 }
  }

  private static func lost(_ settings: [SettingScores]) -> EvaluationWarning? {
    let names = settings.filter { $0.ratio == nil }.map(\.setting.fullName)
    guard !names.isEmpty else { return nil }
    return EvaluationWarning(
      .informationLoss,
      "\(names.count) of \(settings.count) settings gave logits that are not finite: "
        + names.joined(separator: ", ") + ".")
  }

  private static func busy(_ settings: [SettingScores]) -> EvaluationWarning? {
    let count = settings.count { $0.speed != nil }
    let found = settings.filter { $0.speed?.isBusy == true }
    guard let most = found.compactMap(\.speed?.otherProcessors).max() else { return nil }
    return EvaluationWarning(
      .busyMachine,
      "Other programs used up to \((most * 10).rounded() / 10) processors while the speed of "
        + "\(found.count) of \(count) settings was measured: "
        + found.map(\.setting.fullName).joined(separator: ", ")
        + ". Both models run in turns, so the ratio suffers less than either speed; repeat it on an "
        + "idle machine all the same.")
  }
}
