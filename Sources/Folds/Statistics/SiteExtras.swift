import Kernels
import Tensors

/// What every hook point of one width shares: draws that do not depend on the data.
struct WidthNulls: Sendable {
  /// Standard Gaussian numbers, [tokens, width].
  let gaussian: MatrixView
  /// A random orthonormal basis, [width, width]; nil above the width limit.
  let basis: MatrixView?

  init(width: Int, tokenCount: Int, options: StatisticsOptions) {
    gaussian =
      Nulls.gaussian(
        tokenCount: Nulls.gaussianTokenCount(tokenCount, width: width, options: options),
        width: width,
        options: options
      ).view
    basis =
      width <= options.basisWidthLimit && width > 0
      ? Nulls.randomBasis(width: width, options: options).view : nil
  }
}

/// The nulls and the spectrum of one hook point and layer, from the nulls' sample.
struct SiteNulls: Sendable {
  var tail = TailNulls()
  var spectralParticipationRatio: Double?
  var spectrumTokenCount: Int?
  var isTooWide = false

  /// Says why what is missing is missing.
  mutating func explain(sampleTokenCount: Int, options: StatisticsOptions) {
    let reason: String
    if sampleTokenCount == 0 {
      reason = "no whole sequence is short enough for the sample"
    } else if isTooWide {
      reason = "more than \(options.basisWidthLimit) dimensions"
    } else {
      reason = "no finite token that is not zero"
    }
    if tail.pcaBasis == nil { tail.reasons["pca_basis"] = reason }
    if tail.randomBasis == nil { tail.reasons["random_basis"] = reason }
    if tail.columnShuffle == nil { tail.reasons["column_shuffle"] = reason }
    if tail.perDimensionGaussian == nil {
      tail.reasons["per_dimension_gaussian"] = "no finite token that is not zero"
    }
    if spectralParticipationRatio == nil {
      spectrumTokenCount = nil
      tail.reasons["spectral_participation_ratio"] =
        isTooWide || sampleTokenCount == 0 ? reason : "no variance"
    }
  }
}

/// What a site's state does not know: what needed a second sweep, or the nulls' sample.
struct SiteExtras: Sendable {
  private var nulls = TailNulls()
  private var relativeBelow: [UInt64]?
  private var sweep = MagnitudeSweep()
  private var quantiles: [SharedState]?

  /// Everything, for the whole corpus in one pass.
  init(thresholds: QuantileThresholds?, quantiles: QuantileSets, nulls site: SiteNulls) {
    nulls = site.tail
    relativeBelow = thresholds?.relativeBelow
    sweep.median = thresholds?.median
    sweep.massive = thresholds.map { _ in quantiles.massive }
    sweep.spectralParticipationRatio = site.spectralParticipationRatio
    sweep.spectrumTokenCount = site.spectrumTokenCount
    self.quantiles = thresholds.map { _ in quantiles.shared }
    for key in ["relative_fraction", "median_absolute", "massive_dimensions", "above_quantile"]
    where thresholds == nil {
      nulls.reasons[key] = "no finite token"
    }
  }

  /// One domain of several: the sets above the quantiles of the whole hook point.
  init(domainOf thresholds: QuantileThresholds?, _ quantiles: QuantileSets) {
    self.quantiles = thresholds.map { _ in quantiles.shared }
    sweep.massive = thresholds.map { _ in quantiles.massive }
    let reason = "computed for all domains together only"
    for key in [
      "per_dimension_gaussian", "column_shuffle", "random_basis", "pca_basis",
      "relative_fraction", "median_absolute", "spectral_participation_ratio",
    ] { nulls.reasons[key] = reason }
  }

  /// Merged from states: without what needs all the data at once.
  init(merged state: SiteState, gaussian: MatrixView?) {
    nulls.perDimensionGaussian = gaussian.flatMap {
      Nulls.perDimensionGaussian(
        state.magnitude, tokenCount: state.tokenCount, gaussian: $0)
    }
    let reason = "needs all activations at once; merged from states without them"
    for key in [
      "column_shuffle", "random_basis", "pca_basis", "relative_fraction", "median_absolute",
      "massive_dimensions", "spectral_participation_ratio", "above_quantile", "shuffled",
    ] { nulls.reasons[key] = reason }
    if nulls.perDimensionGaussian == nil {
      nulls.reasons["per_dimension_gaussian"] =
        gaussian == nil
        ? "computed for all domains together only" : "no finite token that is not zero"
    }
  }

  /// The numbers of one hook point and layer.
  func result(_ state: SiteState, options: StatisticsOptions) -> HookPointResult {
    let longTail = LongTail.result(
      state.longTail, magnitude: state.magnitude, nulls: nulls, options: options)
    let shared =
      SharedDimensions.quantiles.enumerated().map { index, definition in
        SharedDimensions.result(
          definition, quantiles?[index], width: state.width, windowCounts: state.windowCounts,
          sampleWindowCounts: state.sampleWindowCounts)
      }
      + SharedDimensions.oneSweep.enumerated().map { index, definition in
        SharedDimensions.result(
          definition, state.shared[index], width: state.width, windowCounts: state.windowCounts,
          sampleWindowCounts: state.sampleWindowCounts)
      }
    var reasons = nulls.reasons
    if longTail.squared.intervalLow == nil {
      reasons["interval_low"] = "a bootstrap over documents needs at least two"
      reasons["interval_high"] = reasons["interval_low"]
    }
    if state.tokenCount == 0 {
      reasons["token_count"] =
        state.nonFiniteCount > 0 ? "every token holds NaN or infinity" : "no tokens"
    } else if state.windowCounts[Grids.windows[0]] == 0 {
      reasons["observed"] = "no two consecutive tokens"
    }
    return HookPointResult(
      width: state.width, tokenCount: Int(state.tokenCount), longTail: longTail,
      sparsity: Sparsity.result(
        state.sparsity, entryCount: state.tokenCount * Int64(state.width),
        relativeBelow: relativeBelow),
      magnitude: Magnitude.result(
        state.magnitude, tokenCount: state.tokenCount,
        hoyerCount: state.longTail.tokenCount, nonFiniteCount: state.nonFiniteCount,
        sweep: sweep),
      shared: shared,
      fiveTokens: Grids.tenths.enumerated().map { index, parameter in
        FiveTokens.result(
          state.fiveTokens[index], parameter: parameter, width: state.width,
          windowCount: state.windowCounts[Grids.fiveTokenCount])
      },
      reasons: reasons)
  }
}
