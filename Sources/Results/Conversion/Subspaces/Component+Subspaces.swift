extension ConversionRecipe.Component {
  /// N, S and K of local subspaces of which a fraction of the hidden size is active and which are
  /// `times` as wide together: K = N · fraction / times.
  ///
  /// What is not given: one specialised sub-dimension for each token, S = K − 1, and without N as
  /// many as `times` allows beside one shared.
  package static func subspaces(
    count: Int?, sharedCount: Int?, activeCount: Int?, fraction: Double, times: Double
  ) -> Self {
    let perActive = times / max(fraction, .leastNormalMagnitude)
    let k: Int
    if let activeCount {
      k = activeCount
    } else if let count {
      k = fraction >= 1 ? count : max(1, Int((Double(count) / perActive).rounded()))
    } else {
      k = max(2, (sharedCount ?? 0) + 1)
    }
    let n = count ?? max(k, Int(clamping: Int((Double(k) * perActive).rounded())))
    return .init(
      subDimensionCount: n, sharedCount: sharedCount ?? max(0, min(k, n) - 1), activeCount: k)
  }
}
