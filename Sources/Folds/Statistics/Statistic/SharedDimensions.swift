import Kernels

/// Dimensions that stay highly activated over consecutive tokens.
///
///     mean over windows of |A_t ∩ … ∩ A_{t+w−1}| / D,   w = 2…20
///
/// for a named definition of the set A_t, beside what independence, the dimensions' static scales
/// and a shuffle over time would give. Windows never cross a sequence start nor a token that holds
/// NaN or infinity.
///
/// Source: MoHD (arXiv 2412.05644), Section 3.3 and Fig. 3 right; the nulls are ours.
struct SharedState: Sendable, Equatable {
  /// [w]: Σ over windows of w tokens of the intersection's size; [1] is Σ_t |A_t|; [0] is unused.
  private(set) var windows = SharedDimensions.noCounts
  /// The same on the nulls' sample, as it lies and shuffled.
  private(set) var sample = SharedDimensions.noCounts
  private(set) var shuffled = SharedDimensions.noCounts
  /// Tokens whose set holds each dimension; padded to whole words.
  private(set) var dimensions: [Int64]

  init(width: Int) { dimensions = [Int64](repeating: 0, count: (width + 63) / 64 * 64) }

  /// Adds a run's set number `set`; `permutation` where the run is in the nulls' sample.
  mutating func fold(_ bits: inout MemberBits, set: Int, permutation: [Int]?) {
    if let permutation {
      var own = SharedDimensions.noCounts
      bits.addWindows(set: set, into: &own)
      for index in own.indices {
        windows[index] += own[index]
        sample[index] += own[index]
      }
      bits.addWindows(set: set, permutation: permutation, into: &shuffled)
    } else {
      bits.addWindows(set: set, into: &windows)
    }
    bits.addDimensionCounts(set: set, into: &dimensions)
  }

  mutating func merge(_ other: SharedState) {
    for index in windows.indices {
      windows[index] += other.windows[index]
      sample[index] += other.sample[index]
      shuffled[index] += other.shuffled[index]
    }
    for index in dimensions.indices { dimensions[index] += other.dimensions[index] }
  }

  /// Forgets the nulls' sample: that of a merged report would not be the one of a single pass.
  mutating func dropSample() {
    sample = SharedDimensions.noCounts
    shuffled = SharedDimensions.noCounts
  }

  init?(windows: [Int64], dimensions: [Int64], width: Int) {
    self.init(width: width)
    guard windows.count == self.windows.count, dimensions.count == self.dimensions.count,
      (windows + dimensions).allSatisfy({ (0...1 << 56).contains($0) })
    else { return nil }
    self.windows = windows
    self.dimensions = dimensions
  }
}

/// A definition of A_t with its parameter.
struct SharedDefinition: Sendable, Equatable {
  enum Name: String, Sendable {
    /// Entries whose |x| exceeds the q-quantile of all of X: the paper's reading.
    case aboveQuantile = "above_quantile"
    /// The ⌈pD⌉ largest |x| of each token, ties to the lower index.
    case tokenTopFraction = "token_top_fraction"
    /// |x| ≥ f · the token's largest |x|.
    case fractionOfMaximum = "fraction_of_maximum"
    /// The smallest set that holds a share e of the token's Σx².
    case energyShare = "energy_share"
  }

  let name: Name
  let parameter: Double
}

enum SharedDimensions {
  /// Counts for windows of 0…20 tokens.
  static let noCounts = [Int64](repeating: 0, count: (Grids.windows.last ?? 0) + 1)

  /// The sets that one sweep finds, in the order of `OrderPlan`'s sets.
  static let oneSweep: [SharedDefinition] =
    Grids.tenths.map { SharedDefinition(name: .tokenTopFraction, parameter: $0) }
    + Grids.energyShares.map { SharedDefinition(name: .energyShare, parameter: $0) }
    + Grids.tenths.map { SharedDefinition(name: .fractionOfMaximum, parameter: $0) }

  /// The sets that need the quantiles of X first.
  static let quantiles: [SharedDefinition] = Grids.tenths.map {
    SharedDefinition(name: .aboveQuantile, parameter: $0)
  }

  /// How many windows of each length a run of `tokenCount` tokens has.
  static func addWindowCounts(_ tokenCount: Int, to counts: inout [Int64]) {
    for length in counts.indices.dropFirst() where tokenCount >= length {
      counts[length] += Int64(tokenCount - length + 1)
    }
  }

  /// One entry of `shared`.
  ///
  /// - Parameters:
  ///   - state: nil when the sets could not be found.
  ///   - windowCounts: number of windows of each length, over all tokens and in the sample.
  static func result(
    _ definition: SharedDefinition, _ state: SharedState?, width: Int, windowCounts: [Int64],
    sampleWindowCounts: [Int64]
  ) -> SharedResult {
    let tokenCount = windowCounts[1]
    guard let state, tokenCount > 0, width > 0 else {
      return SharedResult(definition: definition.name.rawValue, parameter: definition.parameter)
    }
    func ratios(_ sums: [Int64], _ counts: [Int64]) -> [Double?] {
      Grids.windows.map {
        counts[$0] > 0 ? Double(sums[$0]) / (Double(counts[$0]) * Double(width)) : nil
      }
    }
    let density = Double(state.windows[1]) / (Double(tokenCount) * Double(width))
    var powers = [Double](repeating: 1, count: (Grids.windows.last ?? 0) + 1)
    var means = powers
    for window in powers.indices.dropFirst() {
      powers[window] = powers[window - 1] * density
      means[window] = 0
    }
    for count in state.dimensions[0..<width] where count > 0 {
      let rate = Double(count) / Double(tokenCount)
      var power = 1.0
      for window in means.indices.dropFirst() {
        power *= rate
        means[window] += power
      }
    }
    return SharedResult(
      definition: definition.name.rawValue, parameter: definition.parameter, density: density,
      windows: Grids.windows, observed: ratios(state.windows, windowCounts),
      independent: Grids.windows.map { powers[$0] },
      staticScale: Grids.windows.map { means[$0] / Double(width) },
      shuffled: ratios(state.shuffled, sampleWindowCounts),
      observedInSample: ratios(state.sample, sampleWindowCounts))
  }
}
