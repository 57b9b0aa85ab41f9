import Kernels
import Tensors

/// Sub-dimensions with directions of their own: the shared ones hold what all tokens need, each
/// specialised one what the tokens of one cluster need beyond that.
///
/// Everything is in coordinates x in which a squared error is what it costs the outputs: the
/// output-aware basis, each entry times the length of the weights that read it. Sub-dimension i reads
/// z_i = R_i x, and gives A_i z_i back to x. Sub-dimensions overlap, and D = N·d_e need not be d.
package struct LocalSubspaces: Sendable {
  /// N, S and K.
  package let counts: ConversionRecipe.Component
  /// d_e.
  package let size: Int
  /// R, [D, d]: each specialised sub-dimension's rows are orthonormal, and orthogonal to the shared.
  package let analysis: SharedMatrix
  /// Columns of R outside of which specialised sub-dimensions are 0.
  let reach: Range<Int>
  /// Aᵀ, [D, d]; R itself until it is fitted again.
  var synthesis: SharedMatrix {
    didSet { isProjection = false }
  }
  /// Whether A is Rᵀ still.
  private var isProjection = true

  init(
    counts: ConversionRecipe.Component, size: Int, analysis: SharedMatrix, reach: Range<Int>
  ) {
    self.counts = counts
    self.size = size
    self.analysis = analysis
    self.reach = reach
    synthesis = analysis
  }

  /// S·d_e.
  var sharedWidth: Int { counts.sharedCount * size }
  /// N − S.
  package var clusterCount: Int { counts.subDimensionCount - counts.sharedCount }
  /// K − S.
  var choiceCount: Int { counts.activeCount - counts.sharedCount }

  /// R_i of a specialised sub-dimension, [d_e, d].
  func directions(cluster: Int) -> MatrixView {
    let start = sharedWidth + cluster * size
    return analysis.view.rows(start..<start + size)
  }

  /// ‖x − x̂‖² of every token, summed: twice the cost of what is left out, where x is weighed by the
  /// Fisher information.
  ///
  /// - Parameters:
  ///   - x: [tokens, d].
  ///   - choices: each token's specialised sub-dimensions, K − S for each, counted from 0.
  ///   - gains: those of `x`, where they are known.
  package func error(
    _ x: MatrixView, choices: ClusterChoices, gains: MatrixView? = nil
  ) -> Double {
    if let gains, isProjection, choiceCount == 1 {
      // One projection onto orthonormal rows: what it does not capture is left.
      let energies = columnEnergies(x).dropFirst(sharedWidth)
      return energies.reduce(0, +) - SubspaceRouterFit.captured(choices, gains)
    }
    let estimate = estimate(x, choices: choices)
    var sum = 0.0
    for row in 0..<x.rowCount {
      x.rows(row..<row + 1).withSpan { truth in
        estimate.view.rows(row..<row + 1).withSpan { estimate in
          for column in truth.indices {
            let difference = Double(truth[column] - estimate[column])
            sum += difference * difference
          }
        }
      }
    }
    return sum
  }

  /// x̂ = Σ_i active A_i R_i x, [tokens, d].
  func estimate(_ x: MatrixView, choices: ClusterChoices) -> SharedMatrix {
    let result = SharedMatrix(rowCount: x.rowCount, columnCount: x.columnCount)
    if sharedWidth > 0 {
      let z = SharedMatrix(rowCount: x.rowCount, columnCount: sharedWidth)
      multiply(x, transposed: analysis.view.rows(0..<sharedWidth), into: z.view)
      multiply(z.view, synthesis.view.rows(0..<sharedWidth), into: result.view)
    }
    for (cluster, tokens) in choices.members(clusterCount: clusterCount).enumerated()
    where !tokens.isEmpty {
      let start = sharedWidth + cluster * size
      let rows = SharedMatrix(x, rows: tokens)
      let z = SharedMatrix(rowCount: tokens.count, columnCount: size)
      multiply(rows.view, transposed: directions(cluster: cluster), into: z.view)
      let part = rows  // no longer needed
      multiply(z.view, synthesis.view.rows(start..<start + size), into: part.view)
      for (index, token) in tokens.enumerated() {
        result.view.rows(token..<token + 1).withMutableSpan { sum in
          part.view.rows(index..<index + 1).withSpan { part in
            for column in part.indices { sum[column] += part[column] }
          }
        }
      }
    }
    return result
  }

  /// Calls `body` with z of some tokens at a time, 0 where a sub-dimension is inactive, [rows, D].
  func forEachBlock(
    _ x: MatrixView, _ choices: ClusterChoices, _ body: (Range<Int>, MatrixView) -> Void
  ) {
    let width = analysis.view.rowCount
    let room = SharedMatrix(
      rowCount: min(Self.blockRowCount, x.rowCount), columnCount: width)
    for start in stride(from: 0, to: x.rowCount, by: Self.blockRowCount) {
      let rows = start..<min(start + Self.blockRowCount, x.rowCount)
      let z = room.view.rows(0..<rows.count)
      multiply(x.rows(rows), transposed: analysis.view, into: z)
      for (index, row) in rows.enumerated() {
        var isActive = [Bool](repeating: false, count: clusterCount)
        for cluster in choices[row] { isActive[cluster] = true }
        z.rows(index..<index + 1).withMutableSpan { z in
          for cluster in 0..<clusterCount where !isActive[cluster] {
            let first = sharedWidth + cluster * size
            for column in first..<first + size { z[column] = 0 }
          }
        }
      }
      body(rows, z)
    }
  }

  /// Tokens whose z are in memory at a time.
  private static let blockRowCount = 1024
}

/// Which specialised sub-dimensions each token has: as many for every token.
package struct ClusterChoices: Sendable {
  /// K − S.
  package let perToken: Int
  /// Token after token.
  package private(set) var clusters: [Int32]

  package init(perToken: Int, clusters: [Int32]) {
    (self.perToken, self.clusters) = (perToken, clusters)
  }

  package subscript(token: Int) -> LazyMapSequence<ArraySlice<Int32>, Int> {
    clusters[token * perToken..<(token + 1) * perToken].lazy.map { Int($0) }
  }

  /// Tokens that have each cluster.
  func members(clusterCount: Int) -> [[Int]] {
    var result = [[Int]](repeating: [], count: clusterCount)
    for (index, cluster) in clusters.enumerated() {
      result[Int(cluster)].append(index / max(perToken, 1))
    }
    return result
  }

  /// The `perToken` largest scores of each row; ties to the lower index.
  package init(scores: MatrixView, perToken: Int) {
    self.perToken = perToken
    clusters = []
    clusters.reserveCapacity(scores.rowCount * perToken)
    let sets = activeSets(scores: scores, shared: 0, active: perToken)
    for token in 0..<scores.rowCount {
      for cluster in 0..<scores.columnCount where sets.view[token, cluster] != 0 {
        clusters.append(Int32(cluster))
      }
    }
  }

  /// Share of this one's choices that the other has too.
  package func agreement(with other: ClusterChoices) -> Double {
    guard !clusters.isEmpty else { return 1 }
    var hits = 0
    for token in 0..<clusters.count / perToken {
      let theirs = Set(other[token])
      hits += self[token].reduce(0) { $0 + (theirs.contains($1) ? 1 : 0) }
    }
    return Double(hits) / Double(clusters.count)
  }
}
