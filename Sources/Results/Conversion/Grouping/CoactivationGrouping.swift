import Kernels
import Tensors

/// Balanced co-activation clustering: dimensions that the same tokens need share a sub-dimension.
///
/// Maximises the energy that each token's best K sub-dimensions capture, by turns: each token
/// chooses its best groups; dimensions are dealt out again, each group to its size, by what the
/// tokens of each group would gain. A deal that captures less is not taken, so that the captured
/// energy never falls. The shared dimensions, those with the largest means, take no part.
///
/// It starts from neighbours in importance, which is often where turns stay; from dimensions that are
/// dealt out like cards; and from a seeded random deal. The one that captures most is taken.
package struct CoactivationGrouping: GroupingStrategy {
  /// More tokens than this change the groups little and cost time.
  static let tokenLimit = 4096
  static let roundLimit = 12

  package func order(energies: MatrixView, settings: ConversionRecipe.Component) -> [Int] {
    let width = energies.columnCount
    let size = width / settings.subDimensionCount
    let byImportance = ImportanceGrouping().order(energies: energies, settings: settings)
    let groupCount = settings.subDimensionCount - settings.sharedCount
    let choice = settings.activeCount - settings.sharedCount
    guard size > 1, groupCount > 1, choice > 0, choice < groupCount else { return byImportance }

    let shared = Array(byImportance.prefix(settings.sharedCount * size))
    let routed = Array(byImportance.dropFirst(settings.sharedCount * size))
    let step = max(1, energies.rowCount / Self.tokenLimit)
    let tokens = stride(from: 0, to: energies.rowCount, by: step).map { $0 }
    let e = SharedMatrix(rowCount: tokens.count, columnCount: routed.count)
    for (row, token) in tokens.enumerated() {
      for (column, dimension) in routed.enumerated() {
        e.view[row, column] = energies[token, dimension]
      }
    }
    var generator = SeededGenerator(seed: [UInt64(width), UInt64(groupCount)])
    let starts = [
      routed.indices.map { $0 / size }, routed.indices.map { $0 % groupCount },
      routed.indices.map { $0 / size }.shuffled(using: &generator),
    ]
    var (groups, most) = (starts[0], -1.0)
    for start in starts {
      let (found, captured) = turns(e.view, from: start, groupCount: groupCount, choice: choice)
      if captured > most { (groups, most) = (found, captured) }
    }
    let members = (0..<groupCount).flatMap { group in
      routed.indices.filter { groups[$0] == group }.map { routed[$0] }
    }
    return shared + members
  }

  /// Choices and deals by turns, until neither captures more.
  private func turns(
    _ e: MatrixView, from start: [Int], groupCount: Int, choice: Int
  ) -> (groups: [Int], captured: Double) {
    var groups = start
    var (captured, chosen) = choose(e, groups, groupCount: groupCount, choice: choice)
    for _ in 0..<Self.roundLimit {
      let gains = crossMoments(e, chosen.view)
      let proposal = deal(gains, groupSize: start.count / groupCount, keeping: groups)
      let (energy, choices) = choose(e, proposal, groupCount: groupCount, choice: choice)
      guard energy > captured * (1 + 1e-6) else { break }
      (groups, captured, chosen) = (proposal, energy, choices)
    }
    return (groups, captured)
  }

  /// Each token's best groups as ones, [tokens, groups], and the energy that they capture.
  private func choose(
    _ e: MatrixView, _ groups: [Int], groupCount: Int, choice: Int
  ) -> (Double, SharedMatrix) {
    let sums = SharedMatrix(rowCount: e.rowCount, columnCount: groupCount)
    for token in 0..<e.rowCount {
      for (column, group) in groups.enumerated() { sums.view[token, group] += e[token, column] }
    }
    let chosen = activeSets(scores: sums.view, shared: 0, active: choice)
    var captured = 0.0
    for token in 0..<e.rowCount {
      for group in 0..<groupCount {
        captured += Double(sums.view[token, group] * chosen.view[token, group])
      }
    }
    return (captured, chosen)
  }

  /// Deals dimensions to groups, largest gain first, until each group is full.
  ///
  /// - Parameter gains: [dimensions, groups].
  private func deal(_ gains: DoubleMatrix, groupSize: Int, keeping current: [Int]) -> [Int] {
    var room = [Int](repeating: groupSize, count: gains.columnCount)
    var result = current
    // Who stands to lose most chooses first: the gap between its best and its mean group.
    let urgency = (0..<gains.rowCount).map { row in
      let values = (0..<gains.columnCount).map { gains[row, $0] }
      return (values.max() ?? 0) - values.reduce(0, +) / Double(values.count)
    }
    let order = urgency.indices.sorted {
      urgency[$0] != urgency[$1] ? urgency[$0] > urgency[$1] : $0 < $1
    }
    for dimension in order {
      var best = -1
      for group in 0..<gains.columnCount where room[group] > 0 {
        if best < 0 || gains[dimension, group] > gains[dimension, best] { best = group }
      }
      result[dimension] = best
      room[best] -= 1
    }
    return result
  }
}
