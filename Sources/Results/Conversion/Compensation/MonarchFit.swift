import Kernels
import Tensors

/// A Monarch matrix M = P L Pᵀ R (Eq. 9) fitted so that M u comes closest to y over tokens, or a
/// block-diagonal one, R alone.
///
///     v_{g,p} = Σ_q R_{g,p,q} u_{g,q}        (M u)_{h,p} = Σ_g L_{p,h,g} v_{g,p}
///
/// Alternating least squares from the identity: with R given, each block L_p is a least-squares
/// problem of its own; with L and the other blocks given, so is each R_g. Only G = E[u uᵀ] and
/// H = E[y uᵀ] are needed, so tokens need not be kept.
package struct MonarchFit: Sendable {
  /// r.
  package let blockCount: Int
  /// b = d / r.
  package let blockSize: Int
  /// R: r blocks, [b, b].
  package private(set) var right: [DoubleMatrix]
  /// L: b blocks, [r, r]; nil: the matrix is block-diagonal.
  package private(set) var left: [DoubleMatrix]?

  /// A row of R counts as reaching no output below this sum of squares of L's weights.
  private static let leastShare = 1e-12

  /// The identity.
  ///
  /// - Parameter blockCount: r, a divisor of `size`.
  package init(identity size: Int, blockCount: Int, hasLeft: Bool) {
    self.blockCount = blockCount
    blockSize = size / blockCount
    right = [DoubleMatrix](repeating: .identity(blockSize), count: blockCount)
    left = hasLeft ? [DoubleMatrix](repeating: .identity(blockCount), count: blockSize) : nil
  }

  /// E[u uᵀ] and E[y uᵀ] by blocks of b entries, and E‖y‖².
  package struct Moments: Sendable {
    let gram: [[DoubleMatrix]]
    let cross: [[DoubleMatrix]]
    let energy: Double
    /// Mean of E[u uᵀ]'s diagonal.
    let meanSquare: Double

    /// - Parameters:
    ///   - u: what M reads, [tokens, d].
    ///   - y: what it should give, [tokens, d].
    package init(_ u: MatrixView, _ y: MatrixView, blockCount: Int) {
      let gram = crossMoments(u, u)
      meanSquare = gram.meanDiagonal
      energy = crossMoments(y, y).meanDiagonal * Double(y.columnCount)
      self.gram = blocks(of: gram, count: blockCount)
      cross = blocks(of: crossMoments(y, u), count: blockCount)
    }
  }

  /// Takes the factors in turn, each to its own optimum.
  ///
  /// - Parameters:
  ///   - penalty: pulls towards the identity; a share of the mean square of u.
  ///   - rounds: over both factors.
  package mutating func fit(to moments: Moments, penalty: Double, rounds: Int) {
    let ridge = penalty * max(moments.meanSquare, .leastNormalMagnitude)
    for _ in 0..<(left == nil ? 1 : rounds) {
      for block in 0..<blockCount { fitRight(block, to: moments, ridge: ridge) }
      fitLeft(to: moments, ridge: ridge)
    }
  }

  /// E‖y − M u‖².
  package func error(on moments: Moments) -> Double {
    var error = moments.energy
    let products = (0..<blockCount).map { g in
      (0..<blockCount).map { DoubleMatrix.product(right[g], moments.gram[g][$0]) }
    }
    for p in 0..<blockSize {
      for g in 0..<blockCount {
        for h in 0..<blockCount {
          let weight = left?[p][h, g] ?? (h == g ? 1 : 0)
          guard weight != 0 else { continue }
          error -= 2 * weight * dot(moments.cross[h][g], right[g], row: p)
        }
        for other in 0..<blockCount {
          let weight = gramOfLeft(p, g, other)
          guard weight != 0 else { continue }
          error += weight * dot(products[g][other], right[other], row: p)
        }
      }
    }
    return error
  }

  /// R as stored, [r · b, b], and L, [b · r, r].
  var tensors: (right: SharedMatrix, left: SharedMatrix?) {
    (Self.stacked(right), left.map(Self.stacked))
  }

  /// (LᵀL)_{g,other} of block p.
  private func gramOfLeft(_ p: Int, _ g: Int, _ other: Int) -> Double {
    guard let left = left?[p] else { return g == other ? 1 : 0 }
    var sum = 0.0
    for h in 0..<blockCount { sum += left[h, g] * left[h, other] }
    return sum
  }

  /// R_g, all its rows with one factorisation: the penalty scales with row p's share in the output,
  /// Σ_h L²_{p,h,g}.
  private mutating func fitRight(_ g: Int, to moments: Moments, ridge: Double) {
    var wanted = DoubleMatrix(rowCount: blockSize, columnCount: blockSize)
    let others = (0..<blockCount).map { other in
      other == g ? nil : DoubleMatrix.product(right[other], moments.gram[other][g])
    }
    var unused: [Int] = []
    for p in 0..<blockSize {
      let share = gramOfLeft(p, g, g)
      guard share > Self.leastShare else {
        unused.append(p)
        continue
      }
      for h in 0..<blockCount {
        let weight = (left?[p][h, g] ?? (h == g ? 1 : 0)) / share
        guard weight != 0 else { continue }
        for q in 0..<blockSize { wanted[p, q] += weight * moments.cross[h][g][p, q] }
      }
      for other in 0..<blockCount {
        guard let product = others[other] else { continue }
        let weight = gramOfLeft(p, g, other) / share
        guard weight != 0 else { continue }
        for q in 0..<blockSize { wanted[p, q] -= weight * product[p, q] }
      }
      wanted[p, p] += ridge
    }
    var damped = moments.gram[g][g]
    damped.addToDiagonal(ridge)
    // A singular block stays as it is, and so do rows that reach no output.
    guard var solution = damped.solvePositive(wanted.transposed)?.transposed else { return }
    for p in unused {
      for q in 0..<blockSize { solution[p, q] = right[g][p, q] }
    }
    right[g] = solution
  }

  private mutating func fitLeft(to moments: Moments, ridge: Double) {
    guard left != nil else { return }
    let products = (0..<blockCount).map { g in
      (0..<blockCount).map { DoubleMatrix.product(right[g], moments.gram[g][$0]) }
    }
    for p in 0..<blockSize {
      var gram = DoubleMatrix(rowCount: blockCount, columnCount: blockCount)
      var cross = gram
      for g in 0..<blockCount {
        for h in 0..<blockCount {
          gram[g, h] = dot(products[g][h], right[h], row: p)
          // [v, y]: what solvePositive wants on its right side.
          cross[g, h] = dot(moments.cross[h][g], right[g], row: p)
        }
      }
      gram.addToDiagonal(ridge)
      cross.addToDiagonal(ridge)
      if let solution = gram.solvePositive(cross) { left?[p] = solution.transposed }
    }
  }

  private static func stacked(_ blocks: [DoubleMatrix]) -> SharedMatrix {
    let size = blocks.first?.rowCount ?? 0
    let result = SharedMatrix(rowCount: blocks.count * size, columnCount: size)
    for (index, block) in blocks.enumerated() {
      block.copy(into: result.view.rows(index * size..<(index + 1) * size))
    }
    return result
  }
}

/// Σ_q a_{row,q} b_{row,q}.
private func dot(_ a: DoubleMatrix, _ b: DoubleMatrix, row: Int) -> Double {
  var sum = 0.0
  for column in 0..<a.columnCount { sum += a[row, column] * b[row, column] }
  return sum
}

/// The matrix cut into `count` × `count` blocks.
private func blocks(of matrix: DoubleMatrix, count: Int) -> [[DoubleMatrix]] {
  let size = matrix.rowCount / count
  return (0..<count).map { g in
    (0..<count).map { h in
      var block = DoubleMatrix(rowCount: size, columnCount: size)
      for row in 0..<size {
        for column in 0..<size {
          block[row, column] = matrix[g * size + row, h * size + column]
        }
      }
      return block
    }
  }
}
