import Tensors

/// Sums over tokens from which one hook point's reconstruction follows.
///
/// a are the dense model's values, b the converted model's, both in the stream that their own layers
/// made: errors of earlier layers are in them.
package struct ReconstructionSums: Sendable, Equatable {
  var tokenCount = 0
  /// Σ a for each dimension.
  var sums: [Double]
  var squares = 0.0
  var otherSquares = 0.0
  var differences = 0.0
  /// Sum of the tokens' cosines; a token of zeros has none and counts as 0.
  var cosines = 0.0

  package init(width: Int) { sums = [Double](repeating: 0, count: width) }

  /// Adds one token.
  ///
  /// - Parameters:
  ///   - a: all rows of the dense model, [rows · width].
  ///   - b: all rows of the converted model, of which `row` is added.
  package mutating func add(_ a: Span<Float>, _ b: Span<Float>, row: Int, width: Int) {
    var (square, otherSquare, product, difference) = (0.0, 0.0, 0.0, 0.0)
    let start = row * width
    for column in 0..<width {
      let (x, y) = (Double(a[start + column]), Double(b[start + column]))
      sums[column] += x
      square += x * x
      otherSquare += y * y
      product += x * y
      difference += (y - x) * (y - x)
    }
    tokenCount += 1
    squares += square
    otherSquares += otherSquare
    differences += difference
    let norm = (square * otherSquare).squareRoot()
    if norm > 0 { cosines += product / norm }
  }

  package mutating func add(_ other: ReconstructionSums) {
    tokenCount += other.tokenCount
    squares += other.squares
    otherSquares += other.otherSquares
    differences += other.differences
    cosines += other.cosines
    for index in sums.indices { sums[index] += other.sums[index] }
  }

  /// 1 − Σ‖b − a‖² / Σ‖a − ā‖², ā the mean over tokens: 1 is perfect, 0 no better than the mean.
  package var determination: Double {
    let count = Double(tokenCount)
    let centred = squares - sums.reduce(0) { $0 + $1 * $1 } / count
    return 1 - differences / centred
  }

  /// Mean over tokens of the cosine between a and b, in −1…1.
  package var cosine: Double { cosines / Double(tokenCount) }

  /// Root mean square of b over that of a.
  package var magnitudeRatio: Double { (otherSquares / squares).squareRoot() }
}
