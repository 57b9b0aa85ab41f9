import Kernels
import Tensors

/// e_ti = Σ_{j in i} z_tj² ‖w_j‖²: what each sub-dimension gives to a token's outputs, [tokens, N].
///
/// This is also the energy router's score, and the oracle that every router is measured by.
package struct SubDimensionEnergies: Sendable {
  package let tokenCount: Int
  package let count: Int
  private let matrix: SharedMatrix

  /// [tokens, N].
  package var view: MatrixView { matrix.view }

  /// - Parameters:
  ///   - z: the component's input in its basis, [tokens, d].
  ///   - norms: ‖w_j‖² of the weights that read entry j, d of them.
  ///   - order: `dimension_order`.
  ///   - count: N.
  package init(_ z: MatrixView, norms: [Float], order: [Int], count: Int) {
    self.count = count
    tokenCount = z.rowCount
    let width = z.columnCount
    let size = max(1, width / count)
    var subDimension = [Int](repeating: 0, count: width)
    for (position, entry) in order.enumerated() { subDimension[entry] = position / size }
    matrix = SharedMatrix(rowCount: tokenCount, columnCount: count)
    z.withSpan { numbers in
      matrix.view.withMutableSpan { values in
        var (read, write) = (0, 0)
        for _ in 0..<z.rowCount {
          for entry in 0..<width {
            let value = numbers[read + entry]
            values[write + subDimension[entry]] += value * value * norms[entry]
          }
          read += width
          write += count
        }
      }
    }
  }

  /// Mean over tokens of each sub-dimension's energy.
  var means: [Double] {
    columnMeans(view)
  }

  /// Mean over tokens of the energy of all sub-dimensions together.
  var meanTotal: Double { means.reduce(0, +) }

  /// Share of all energy that tokens' K best sub-dimensions leave out, for K = S…N: the oracle's
  /// loss.
  package func lossOfBest(shared: Int) -> [Double] {
    // What tokens' best, second best and further ones give, together.
    var gains = [Double](repeating: 0, count: count - shared)
    for token in 0..<tokenCount {
      let row = view.rows(token..<token + 1).elements()
      for (index, energy) in row.dropFirst(shared).sorted(by: >).enumerated() {
        gains[index] += Double(energy)
      }
    }
    return share(leftBy: gains)
  }

  /// Share of all energy that the first K sub-dimensions leave out, for K = 0…N.
  func lossOfFirst() -> [Double] {
    share(leftBy: means.map { $0 * Double(tokenCount) })
  }

  /// What is left of all energy after none, one, and all of these gains.
  private func share(leftBy gains: [Double]) -> [Double] {
    let total = meanTotal * Double(tokenCount)
    guard total > 0 else { return [Double](repeating: 0, count: gains.count + 1) }
    // From the last: what is left after everything is 0, not a rounding error.
    var left = [0.0]
    for gain in gains.reversed() { left.append((left.last ?? 0) + gain) }
    return left.reversed().map { $0 / total }
  }

  /// Mean share of a token's energy that the K sub-dimensions with the largest means leave out.
  func lossOfStatic(active: Int, shared: Int) -> Double {
    let means = means
    let scores = SharedMatrix(rowCount: tokenCount, columnCount: count)
    for token in 0..<tokenCount {
      for index in 0..<count { scores.view[token, index] = Float(means[index]) }
    }
    return lossKeeping(activeSets(scores: scores.view, shared: shared, active: active).view)
  }

  /// Mean share of a token's energy outside its active sub-dimensions.
  ///
  /// - Parameter active: 1 and 0, [tokens, N].
  func lossKeeping(_ active: MatrixView) -> Double {
    var loss = 0.0
    view.withSpan { energies in
      active.withSpan { active in
        for token in 0..<tokenCount {
          var (kept, total) = (0.0, 0.0)
          for index in token * count..<(token + 1) * count {
            total += Double(energies[index])
            kept += Double(energies[index] * active[index])
          }
          if total > 0 { loss += max(0, 1 - kept / total) }
        }
      }
    }
    return loss / Double(max(tokenCount, 1))
  }
}

/// The S shared sub-dimensions and the K − S with the largest scores, by the rule that the model
/// itself goes by: 1 and 0, [tokens, N].
func activeSets(scores: MatrixView, shared: Int, active: Int) -> SharedMatrix {
  let sets = SharedMatrix(rowCount: scores.rowCount, columnCount: scores.columnCount)
  SubDimensionKernels.fastest.choose(
    scores, sharedCount: shared, activeCount: active, into: sets.view)
  return sets
}
