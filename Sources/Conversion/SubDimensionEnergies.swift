import Kernels
import Tensors

/// e_ti = Σ_{j in i} z_tj² ‖w_j‖²: what each sub-dimension gives to a token's outputs, [tokens, N].
///
/// This is also the energy router's score, and the oracle that every router is measured by.
package struct SubDimensionEnergies: Sendable {
  package let tokenCount: Int
  package let count: Int
  /// Row by row.
  package private(set) var values: [Float]

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
    var values = [Float](repeating: 0, count: tokenCount * count)
    z.withSpan { numbers in
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
    self.values = values
  }

  /// One token's energies.
  func row(_ token: Int) -> ArraySlice<Float> { values[token * count..<(token + 1) * count] }

  /// Mean over tokens of each sub-dimension's energy.
  var means: [Double] {
    var sums = [Double](repeating: 0, count: count)
    for token in 0..<tokenCount {
      for index in 0..<count { sums[index] += Double(values[token * count + index]) }
    }
    return sums.map { $0 / Double(max(tokenCount, 1)) }
  }

  /// Mean share of a token's energy that its K best sub-dimensions leave out, for K = S…N: the
  /// oracle's loss.
  package func lossOfBest(shared: Int) -> [Double] {
    var losses = [Double](repeating: 0, count: count - shared + 1)
    for token in 0..<tokenCount {
      let row = row(token)
      let total = row.reduce(0.0) { $0 + Double($1) }
      guard total > 0 else { continue }
      var left = row.dropFirst(shared).reduce(0.0) { $0 + Double($1) }
      losses[0] += left / total
      for (index, energy) in row.dropFirst(shared).sorted(by: >).enumerated() {
        left -= Double(energy)
        losses[index + 1] += max(left, 0) / total
      }
    }
    return losses.map { $0 / Double(max(tokenCount, 1)) }
  }

  /// Mean share of a token's energy that the K sub-dimensions with the largest means leave out.
  func lossOfStatic(active: Int, shared: Int) -> Double {
    let means = means
    let routed = (shared..<count).sorted { (means[$0], $1) > (means[$1], $0) }
    let kept = Array(0..<shared) + routed.prefix(active - shared)
    return lossKeeping { _ in kept }
  }

  /// Mean share of a token's energy outside the sub-dimensions that `active` names for it.
  func lossKeeping(_ active: (_ token: Int) -> [Int]) -> Double {
    var loss = 0.0
    for token in 0..<tokenCount {
      let total = row(token).reduce(0.0) { $0 + Double($1) }
      guard total > 0 else { continue }
      let start = token * count
      let kept = active(token).reduce(0.0) { $0 + Double(values[start + $1]) }
      loss += max(0, 1 - kept / total)
    }
    return loss / Double(max(tokenCount, 1))
  }
}

/// The S shared sub-dimensions and the K − S with the largest scores; of equal ones the lower index.
///
/// Source: MoHD, Eqs. 7 and 12.
package func activeSet(scores: ArraySlice<Float>, shared: Int, active: Int) -> [Int] {
  let base = scores.startIndex
  let routed = (shared..<scores.count).sorted {
    let (a, b) = (scores[base + $0], scores[base + $1])
    return a != b ? a > b : $0 < $1
  }
  return Array(0..<shared) + routed.prefix(active - shared)
}
