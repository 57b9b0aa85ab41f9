import Kernels

/// Fraction of entries whose square is below a threshold.
///
///     s(ε) = (1/TD) Σ_t Σ_d [ x_td² < ε ]
///
/// Source: MoHD (arXiv 2412.05644), Eq. 2 and Fig. 3 middle. The square is exact: x is widened to
/// Double, where it has no rounding.
struct SparsityState: Sendable, Equatable {
  /// Entries with x² < ε along `Grids.epsilons`.
  private(set) var below = [Int64](repeating: 0, count: Grids.epsilons.count)

  mutating func fold(_ order: TokenOrder) {
    for index in below.indices { below[index] += order.below[index] }
  }

  mutating func merge(_ other: SparsityState) {
    for index in below.indices { below[index] += other.below[index] }
  }

  init() {}

  init?(stored: [Int64]) {
    guard stored.count == Grids.epsilons.count, stored.allSatisfy({ (0...1 << 56).contains($0) })
    else { return nil }
    below = stored
  }
}

enum Sparsity {
  /// `sparsity` of one hook point and layer.
  ///
  /// - Parameters:
  ///   - entryCount: T·D.
  ///   - relativeBelow: entries with x² < ε · mean of x² along `Grids.relativeEpsilons`, if known.
  static func result(
    _ state: SparsityState, entryCount: Int64, relativeBelow: [UInt64]?
  ) -> SparsityResult {
    SparsityResult(
      epsilons: Grids.epsilons,
      fraction: entryCount > 0 ? state.below.map { Double($0) / Double(entryCount) } : nil,
      relativeEpsilons: Grids.relativeEpsilons,
      relativeFraction: entryCount > 0
        ? relativeBelow.map { $0.map { Double($0) / Double(entryCount) } } : nil)
  }
}
