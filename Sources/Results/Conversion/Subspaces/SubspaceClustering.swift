import Kernels
import Tensors

/// Clusters tokens by the directions that they need beyond the shared ones, and gives each cluster
/// the directions that serve it best.
///
/// From k-means on directions of tokens, by turns: each cluster's directions move towards the leading
/// eigenvectors of what its tokens have left, shrunk towards what all tokens have left, by a step of
/// orthogonal iteration, which never loses; each token goes to the cluster whose directions capture
/// most of what it has left. With several specialised sub-dimensions at
/// once (K − S > 1) the next one is chosen, and fitted, in what the first leaves.
/// Source: ours (K-subspaces, with shared directions).
package struct SubspaceClustering: Sendable {
  let counts: ConversionRecipe.Component
  /// d_e.
  let size: Int
  let seed: UInt64

  package init(counts: ConversionRecipe.Component, size: Int, seed: UInt64) {
    (self.counts, self.size, self.seed) = (counts, size, seed)
  }

  /// Starts, of which the one that captures most after a turn goes on.
  static let startCount = 2
  static let startTokenCount = 4096
  static let startIterationLimit = 12
  static let roundLimit = 5
  /// It ends when a turn gains less than this share of what is captured.
  static let leastGain = 1e-3
  /// Turns see at most so many tokens; the fits to a router's choices see all.
  static let turnTokenCount = 8192
  /// Entries that together hold less than this share of what the shared ones leave take no part.
  static let leastShare = 2e-3
  /// Steps of orthogonal iteration: the first ones from random directions, then from those known.
  static let firstStepCount = 3
  static let stepCount = 1
  static let lastStepCount = 2
  /// A cluster's second moments count as much as this many tokens of the average.
  static let shrinkage = 200.0
  /// A cluster with fewer tokens than this is dead, and starts again from the worst served ones.
  static let fewest = 16

  private var sharedWidth: Int { counts.sharedCount * size }
  private var clusterCount: Int { counts.subDimensionCount - counts.sharedCount }
  private var choiceCount: Int { counts.activeCount - counts.sharedCount }

  /// What one turn ends with.
  private struct Turn {
    /// [d_e, n] each; n = d − S·d_e.
    var directions: [SharedMatrix]
    var choices: ClusterChoices
    /// What each token's clusters capture of it.
    var served: [Float]
    /// Σ over tokens of what their clusters capture.
    var captured: Double
  }

  /// - Parameter x: fitting tokens, entries in the order of their energy, [tokens, d]; at least as
  ///   many tokens as clusters.
  /// - Returns: nil when a decomposition does not converge.
  package func fit(_ x: MatrixView) -> LocalSubspaces? {
    precondition(clusterCount > choiceCount && choiceCount > 0, "there must be a choice")
    let seen = evenly(x.rowCount, atMost: Self.turnTokenCount)
    let left = SharedMatrix(part(x), rows: seen).view
    let average = mean(crossMoments(left, left), tokenCount: left.rowCount)
    // k-means only starts: some of the tokens show where clusters are.
    let tokens = evenly(seen.count, atMost: Self.startTokenCount)
    let some = SharedMatrix(left, rows: tokens).view
    guard let random = randomDirections(width: left.columnCount) else { return nil }
    var best: Turn?
    for start in 0..<Self.startCount {
      // By turns on whole tokens, and on what the shared entries leave of them.
      let starters =
        start.isMultiple(of: 2)
        ? SharedMatrix(x, rows: tokens.map { seen[$0] }) : SharedMatrix(left, rows: tokens)
      scaleToUnitLength(starters.view)
      var means = KMeans(clusterCount: clusterCount, seed: seed &+ UInt64(start))
      means.iterationLimit = Self.startIterationLimit
      let clusters = means.fit(starters.view, pool: WorkerPool(workerCount: 1))
      let members = (0..<clusterCount).map { cluster in
        tokens.indices.filter { clusters.assignment[$0] == cluster }
      }
      guard let directions = firstDirections(some, members, from: random, average: average)
      else { return nil }
      let turn = chosen(some, by: directions)
      if turn.captured > best?.captured ?? -1 { best = turn }
    }
    guard let start = best else { return nil }
    var turn = chosen(left, by: start.directions)
    for _ in 0..<Self.roundLimit {
      guard
        let directions = fitted(
          left, choices: revived(turn, left), known: turn.directions, average: average,
          steps: Self.stepCount)
      else { return nil }
      let next = chosen(left, by: directions)
      guard next.captured > turn.captured * (1 + Self.leastGain) else { break }
      turn = next
    }
    return subspaces(turn.directions, width: x.columnCount)
  }

  /// Directions for choices that are given, such as a router's.
  ///
  /// - Returns: nil when a decomposition does not converge.
  func refit(_ x: MatrixView, choices: ClusterChoices, from old: LocalSubspaces) -> LocalSubspaces?
  {
    let left = part(x)
    let average = mean(crossMoments(left, left), tokenCount: x.rowCount)
    let columns = sharedWidth..<sharedWidth + left.columnCount
    let known = (0..<clusterCount).map { cluster in
      SharedMatrix(old.directions(cluster: cluster).columns(columns), rows: Array(0..<size))
    }
    guard
      let directions = fitted(
        left, choices: choices, known: known, average: average, steps: Self.lastStepCount)
    else { return nil }
    return subspaces(directions, width: x.columnCount)
  }

  // MARK: - Turns

  /// What the shared entries leave of each token, without entries that hold next to nothing.
  private func part(_ x: MatrixView) -> MatrixView {
    let energies = columnEnergies(x).dropFirst(sharedWidth)
    var rest = energies.reduce(0, +) * Self.leastShare
    var count = energies.count
    for energy in energies.reversed() where count > size * choiceCount {
      rest -= energy
      guard rest >= 0 else { break }
      count -= 1
    }
    return x.columns(sharedWidth..<sharedWidth + count)
  }

  private func chosen(_ left: MatrixView, by directions: [SharedMatrix]) -> Turn {
    let (choices, served) = choose(left, directions)
    return Turn(
      directions: directions, choices: choices, served: served,
      captured: served.reduce(0) { $0 + Double($1) })
  }

  /// Each token's clusters, the best first, each chosen in what those before it leave; and what they
  /// capture together.
  private func choose(
    _ left: MatrixView, _ directions: [SharedMatrix]
  ) -> (choices: ClusterChoices, captured: [Float]) {
    let tokenCount = left.rowCount
    var chosen = [Int32](repeating: 0, count: tokenCount * choiceCount)
    var captured = [Float](repeating: 0, count: tokenCount)
    let rest = choiceCount > 1 ? SharedMatrix(left, rows: Array(0..<tokenCount)) : nil
    for place in 0..<choiceCount {
      let scores = energies(rest?.view ?? left, directions)
      for token in 0..<tokenCount {
        var best = -1
        for cluster in 0..<clusterCount
        where best < 0 || scores.view[token, cluster] > scores.view[token, best] {
          let before = chosen[token * choiceCount..<token * choiceCount + place]
          if !before.contains(Int32(cluster)) { best = cluster }
        }
        chosen[token * choiceCount + place] = Int32(best)
        captured[token] += scores.view[token, best]
      }
      if let rest, place + 1 < choiceCount {
        subtract(rest.view, directions, chosen: chosen, place: place)
      }
    }
    return (ClusterChoices(perToken: choiceCount, clusters: chosen), captured)
  }

  /// Directions for choices, nearer than those known to the leading eigenvectors of what tokens have
  /// left when their turn comes.
  private func fitted(
    _ left: MatrixView, choices: ClusterChoices, known: [SharedMatrix], average: DoubleMatrix,
    steps: Int
  ) -> [SharedMatrix]? {
    let width = left.columnCount
    var sums = [DoubleMatrix](
      repeating: DoubleMatrix(rowCount: width, columnCount: width), count: clusterCount)
    var sizes = [Double](repeating: 0, count: clusterCount)
    let rest = choiceCount > 1 ? SharedMatrix(left, rows: Array(0..<left.rowCount)) : nil
    for place in 0..<choiceCount {
      var members = [[Int]](repeating: [], count: clusterCount)
      for token in 0..<left.rowCount {
        members[Int(choices.clusters[token * choiceCount + place])].append(token)
      }
      for cluster in 0..<clusterCount where !members[cluster].isEmpty {
        let rows = SharedMatrix(rest?.view ?? left, rows: members[cluster])
        sums[cluster].add(crossMoments(rows.view, rows.view))
        sizes[cluster] += Double(members[cluster].count)
      }
      if let rest, place + 1 < choiceCount {
        subtract(rest.view, known, chosen: choices.clusters, place: place)
      }
    }
    var result: [SharedMatrix] = []
    for cluster in 0..<clusterCount {
      var moments = sums[cluster]
      moments.add(average, times: Self.shrinkage)
      moments.scale(by: 1 / (sizes[cluster] + Self.shrinkage))
      guard
        let vectors = moments.leadingSubspace(
          from: DoubleMatrix(known[cluster].view), steps: steps)
      else { return nil }
      result.append(SharedMatrix(vectors))
    }
    return result
  }

  /// The clusters of k-means, each with the directions that its tokens need most.
  private func firstDirections(
    _ left: MatrixView, _ members: [[Int]], from start: DoubleMatrix, average: DoubleMatrix
  ) -> [SharedMatrix]? {
    var result: [SharedMatrix] = []
    for members in members {
      let rows = SharedMatrix(left, rows: members)
      var moments = crossMoments(rows.view, rows.view)
      moments.add(average, times: Self.shrinkage)
      moments.scale(by: 1 / (Double(members.count) + Self.shrinkage))
      guard let vectors = moments.leadingSubspace(from: start, steps: Self.firstStepCount)
      else { return nil }
      result.append(SharedMatrix(vectors))
    }
    return result
  }

  /// Seeded orthonormal rows, [d_e, width].
  private func randomDirections(width: Int) -> DoubleMatrix? {
    var generator = SeededGenerator(seed: [seed, UInt64(width)])
    var result = DoubleMatrix(rowCount: size, columnCount: width)
    for index in result.elements.indices {
      result.elements[index] = Double.random(in: -1..<1, using: &generator)
    }
    return result.makeRowsOrthonormal() ? result : nil
  }

  /// Choices in which every dead cluster has the tokens that are served worst.
  private func revived(_ turn: Turn, _ left: MatrixView) -> ClusterChoices {
    let (choices, served) = (turn.choices, turn.served)
    var sizes = [Int](repeating: 0, count: clusterCount)
    for cluster in choices.clusters { sizes[Int(cluster)] += 1 }
    let dead = sizes.indices.filter { sizes[$0] < Self.fewest }
    let share = left.rowCount / (2 * clusterCount)
    guard !dead.isEmpty, share > 0 else { return choices }
    let energy = (0..<left.rowCount).map { token in
      (0..<left.columnCount).reduce(Float(0)) { $0 + left[token, $1] * left[token, $1] }
    }
    let worst = energy.indices.sorted {
      let (a, b) = (energy[$0] - served[$0], energy[$1] - served[$1])
      return a != b ? a > b : $0 < $1
    }
    var clusters = choices.clusters
    for (index, cluster) in dead.enumerated() {
      for token in worst.dropFirst(index * share).prefix(share)
      where !choices[token].contains(cluster) {
        // The token's last choice, which serves it least.
        clusters[token * choiceCount + choiceCount - 1] = Int32(cluster)
      }
    }
    return ClusterChoices(perToken: choiceCount, clusters: clusters)
  }

  // MARK: - Arithmetic

  /// What each cluster's directions capture of each token, [tokens, clusters].
  private func energies(_ left: MatrixView, _ directions: [SharedMatrix]) -> SharedMatrix {
    let scores = SharedMatrix(rowCount: left.rowCount, columnCount: clusterCount)
    let z = SharedMatrix(rowCount: left.rowCount, columnCount: size)
    for (cluster, vectors) in directions.enumerated() {
      multiply(left, transposed: vectors.view, into: z.view)
      z.view.withSpan { z in
        var index = 0
        for token in 0..<left.rowCount {
          var sum: Float = 0
          for _ in 0..<size {
            sum += z[index] * z[index]
            index += 1
          }
          scores.view[token, cluster] = sum
        }
      }
    }
    return scores
  }

  /// Takes from each token what its cluster at `place` captures.
  private func subtract(
    _ rest: MatrixView, _ directions: [SharedMatrix], chosen: [Int32], place: Int
  ) {
    for cluster in 0..<clusterCount {
      let members = (0..<rest.rowCount).filter {
        chosen[$0 * choiceCount + place] == Int32(cluster)
      }
      guard !members.isEmpty else { continue }
      let rows = SharedMatrix(rest, rows: members)
      let z = SharedMatrix(rowCount: members.count, columnCount: size)
      multiply(rows.view, transposed: directions[cluster].view, into: z.view)
      let part = SharedMatrix(rowCount: members.count, columnCount: rest.columnCount)
      multiply(z.view, directions[cluster].view, into: part.view)
      for (index, token) in members.enumerated() {
        rest.rows(token..<token + 1).withMutableSpan { rest in
          part.view.rows(index..<index + 1).withSpan { part in
            for column in part.indices { rest[column] -= part[column] }
          }
        }
      }
    }
  }

  private func subspaces(_ directions: [SharedMatrix], width: Int) -> LocalSubspaces {
    let analysis = SharedMatrix(
      rowCount: counts.subDimensionCount * size, columnCount: width)
    for index in 0..<sharedWidth { analysis.view[index, index] = 1 }
    for (cluster, vectors) in directions.enumerated() {
      let start = sharedWidth + cluster * size
      copy(
        vectors.view,
        into: analysis.view.rows(start..<start + size)
          .columns(sharedWidth..<sharedWidth + vectors.view.columnCount))
    }
    let reach = sharedWidth..<sharedWidth + (directions.first?.view.columnCount ?? 0)
    return LocalSubspaces(counts: counts, size: size, analysis: analysis, reach: reach)
  }

  private func scaleToUnitLength(_ x: MatrixView) {
    for row in 0..<x.rowCount {
      x.rows(row..<row + 1).withMutableSpan { numbers in
        var sum: Float = 0
        for index in numbers.indices { sum += numbers[index] * numbers[index] }
        let factor = 1 / max(sum.squareRoot(), .leastNormalMagnitude)
        for index in numbers.indices { numbers[index] *= factor }
      }
    }
  }

  private func mean(_ sums: DoubleMatrix, tokenCount: Int) -> DoubleMatrix {
    var result = sums
    result.scale(by: 1 / Double(max(tokenCount, 1)))
    return result
  }
}

/// Indices below `count`, at equal distances, at most so many.
func evenly(_ count: Int, atMost most: Int) -> [Int] {
  guard count > most else { return Array(0..<count) }
  return (0..<most).map { $0 * count / most }
}
