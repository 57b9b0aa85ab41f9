import Kernels

/// How large a hook point's values are, and how unevenly: sums of powers for each dimension.
///
/// Source: ours; participation ratio and Hoyer's sparsity as usual in the literature.
struct MagnitudeState: Sendable, Equatable {
  /// Σ_t x, Σ_t |x| and Σ_t x² for each dimension.
  private(set) var sums: ExactSums
  private(set) var magnitudes: ExactSums
  private(set) var squares: ExactSums
  /// Σ x³ and Σ x⁴ over all entries, and Σ_t of Hoyer's sparsity.
  private(set) var powers = ExactSums(count: 3)
  /// Bit pattern of the largest |x|.
  private(set) var maximum: Int32 = 0

  init(width: Int) {
    sums = ExactSums(count: width)
    magnitudes = ExactSums(count: width)
    squares = ExactSums(count: width)
  }

  init(
    sums: ExactSums, magnitudes: ExactSums, squares: ExactSums, powers: ExactSums, maximum: Int32
  ) {
    self.sums = sums
    self.magnitudes = magnitudes
    self.squares = squares
    self.powers = powers
    self.maximum = maximum
  }

  mutating func fold(_ moments: RowMoments, _ order: TokenOrder) {
    sums.add(moments.sums)
    magnitudes.add(moments.magnitudes)
    squares.add(moments.squares)
    powers.add(moments.powers + [order.hoyer])
    maximum = max(maximum, order.maximum)
  }

  mutating func merge(_ other: MagnitudeState) {
    sums.merge(other.sums)
    magnitudes.merge(other.magnitudes)
    squares.merge(other.squares)
    powers.merge(other.powers)
    maximum = max(maximum, other.maximum)
  }
}

/// What the second sweep over a hook point tells about magnitudes.
struct MagnitudeSweep: Sendable {
  var median: Double?
  /// Entries with |x| > 100 and > 1000 × the median, for each dimension.
  var massive: [Int64]?
  var spectralParticipationRatio: Double?
  var spectrumTokenCount: Int?
}

enum Magnitude {
  /// Massive activations are above this …
  static let massiveMagnitude = 100.0
  /// … and above this many times the median |x|.
  static let massiveMedians = 1000.0

  /// `magnitude` of one hook point and layer.
  ///
  /// - Parameters:
  ///   - tokenCount: T, tokens without NaN or infinity.
  ///   - hoyerCount: those of them that are not all zero.
  static func result(
    _ state: MagnitudeState, tokenCount: Int64, hoyerCount: Int64, nonFiniteCount: Int64,
    sweep: MagnitudeSweep
  ) -> MagnitudeResult {
    let width = state.sums.count
    let entries = Double(tokenCount) * Double(width)
    let squares = state.squares.values
    let energy = squares.reduce(0, +)
    let magnitude = state.magnitudes.values.reduce(0, +)
    let powers = state.powers.values
    guard tokenCount > 0, width > 0 else {
      return MagnitudeResult(nonFiniteCount: Int(nonFiniteCount))
    }
    // Central moments of all entries about their common mean.
    let mean = state.sums.values.reduce(0, +) / entries
    let second = energy / entries
    let third = powers[0] / entries
    let fourth = powers[1] / entries
    let variance = second - mean * mean
    let central =
      fourth - 4 * mean * third + 6 * mean * mean * second - 3 * mean * mean * mean * mean
    let squaredEnergy = squares.reduce(0) { $0 + $1 * $1 }
    return MagnitudeResult(
      meanAbsolute: magnitude / entries, medianAbsolute: sweep.median,
      rootMeanSquare: second.squareRoot(),
      maximumAbsolute: Double(Float(bitPattern: UInt32(state.maximum))),
      participationRatio: squaredEnergy > 0 ? energy * energy / squaredEnergy : nil,
      spectralParticipationRatio: sweep.spectralParticipationRatio,
      spectrumTokenCount: sweep.spectrumTokenCount,
      hoyer: hoyerCount > 0 && width > 1 ? powers[2] / Double(hoyerCount) : nil,
      excessKurtosis: variance > 0 ? central / (variance * variance) - 3 : nil,
      massiveDimensions: sweep.massive.map { counts in counts.indices.filter { counts[$0] > 0 } },
      massiveCount: sweep.massive.map { $0.reduce(0) { $0 + Int($1) } },
      nonFiniteCount: Int(nonFiniteCount))
  }
}
