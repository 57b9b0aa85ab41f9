/// Trade-offs beside that of the default, as far as noise lets them be told apart.
struct SpeedNoise {
  /// Speeds that differ by less are equal. Medians of three rounds of the same recipe came out up to
  /// 0.03 times the dense model's speed apart on one idle machine.
  static let indistinct = 0.03

  let points: [TradeOff]
  /// Perplexity of each over that of the default, with errors that are paired; nil: not known.
  let ratios: [Estimate?]
  /// Index of the default.
  let standard: Int

  /// 1: faster than the default; 0: as fast; −1: slower.
  private func speed(_ index: Int) -> Int {
    let difference = points[index].speed - points[standard].speed
    return abs(difference) < Self.indistinct ? 0 : difference > 0 ? 1 : -1
  }

  /// 1: loses less than the default; 0: as much; −1: more.
  private func quality(_ index: Int) -> Int {
    let ratio = ratios[index] ?? Estimate(points[index].ratio / points[standard].ratio)
    if ratio.isOneWithinError { return 0 }
    return ratio.value < 1 ? 1 : ratio.value > 1 ? -1 : 0
  }

  /// Neither speed nor quality tells it from the default.
  func isSame(_ index: Int) -> Bool { speed(index) == 0 && quality(index) == 0 }

  /// At least as good in both, and better in one.
  func beats(_ index: Int) -> Bool {
    let (speed, quality) = (speed(index), quality(index))
    return speed >= 0 && quality >= 0 && speed + quality > 0
  }
}
