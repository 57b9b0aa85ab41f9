import Kernels
import Tensors

/// What chance, or another basis, makes of the same tokens: the nulls of the long tail.
enum Nulls {
  /// The long-tail curves of some rows, [tokens, width], all finite: means over tokens that are not
  /// all zero; nil when there is none.
  static func curves(_ order: TokenOrder, tokenCount: Int) -> TailCurves? {
    let scored = tokenCount - Int(order.zeroTokenCount)
    guard scored > 0 else { return nil }
    return TailCurves(
      squared: order.squared.map { $0 / Double(scored) },
      absolute: order.absolute.map { $0 / Double(scored) })
  }

  /// Each dimension's own values shuffled over tokens.
  static func columnShuffle(_ rows: MatrixView, seed: UInt64) -> TailCurves? {
    let width = rows.columnCount
    let turned = Matrix(rowCount: width, columnCount: rows.rowCount)
    let shuffled = Matrix(rowCount: rows.rowCount, columnCount: width)
    transpose(rows, into: turned.view)
    var generator = SeededGenerator(seed: [seed, 0x636f_6c75, UInt64(width)])
    generator.shuffleRows(turned.view)
    transpose(turned.view, into: shuffled.view)
    var order = TokenOrder(plan: Grids.curvePlan(width: width), width: width)
    order.accumulate(shuffled.view)
    return curves(order, tokenCount: rows.rowCount)
  }

  /// The same tokens in another orthonormal basis, [width, width], one vector in each column.
  static func inBasis(_ rows: MatrixView, _ basis: MatrixView) -> TailCurves? {
    let width = rows.columnCount
    let panel = Matrix(rowCount: min(rows.rowCount, 512), columnCount: width)
    var order = TokenOrder(plan: Grids.curvePlan(width: width), width: width)
    for start in stride(from: 0, to: rows.rowCount, by: 512) {
      let part = start..<min(start + 512, rows.rowCount)
      let turned = panel.rows(0..<part.count)
      multiply(rows.rows(part), basis, into: turned)
      order.accumulate(turned)
    }
    return curves(order, tokenCount: rows.rowCount)
  }

  /// Tokens whose dimensions are independent Gaussians with the measured means and variances.
  ///
  /// - Parameter gaussian: standard Gaussian numbers, [tokens, width].
  static func perDimensionGaussian(
    _ magnitude: MagnitudeState, tokenCount: Int64, gaussian: MatrixView
  ) -> TailCurves? {
    guard tokenCount > 0, gaussian.rowCount > 0 else { return nil }
    let means = magnitude.sums.values.map { $0 / Double(tokenCount) }
    let deviations = zip(magnitude.squares.values, means).map { square, mean in
      max(0, square / Double(tokenCount) - mean * mean).squareRoot()
    }
    let width = gaussian.columnCount
    let panel = Matrix(rowCount: min(gaussian.rowCount, 512), columnCount: width)
    var order = TokenOrder(plan: Grids.curvePlan(width: width), width: width)
    for start in stride(from: 0, to: gaussian.rowCount, by: 512) {
      let part = start..<min(start + 512, gaussian.rowCount)
      let drawn = panel.rows(0..<part.count)
      scaleColumns(
        gaussian.rows(part), means: means.map(Float.init), deviations: deviations.map(Float.init),
        into: drawn)
      order.accumulate(drawn)
    }
    return curves(order, tokenCount: gaussian.rowCount)
  }

  /// How many Gaussian tokens are drawn for a corpus of `tokenCount` tokens.
  static func gaussianTokenCount(
    _ tokenCount: Int, width: Int, options: StatisticsOptions
  ) -> Int {
    let wanted =
      tokenCount <= options.nullTokenLimit ? max(512, tokenCount) : options.nullSampleTokenCount
    return max(1, min(wanted, (1 << 26) / max(width, 1)))
  }

  /// The standard Gaussian numbers that every hook point of this width scales, [tokens, width].
  static func gaussian(tokenCount: Int, width: Int, options: StatisticsOptions) -> Matrix {
    var generator = SeededGenerator(seed: [options.seed, 0x6761_7573, UInt64(width)])
    let result = Matrix(rowCount: tokenCount, columnCount: width)
    generator.fillGaussian(result.view)
    return result
  }

  /// The random basis that every hook point of this width is turned into, [width, width].
  static func randomBasis(width: Int, options: StatisticsOptions) -> Matrix {
    Kernels.randomBasis(width: width, seed: [options.seed, 0x6261_7369, UInt64(width)])
  }
}
