/// What a user can decide about statistics.
public struct StatisticsOptions: Sendable, Equatable, Codable {
  /// Decides every draw: shuffles, bases, Gaussian nulls, bootstraps and the choice of the sample.
  public var seed: UInt64
  /// Keeps position 0 of every sequence, which is an attention sink, in the statistics.
  public var includeFirst: Bool
  /// Corpora up to this many tokens are their own sample for nulls.
  public var nullTokenLimit: Int
  /// Most tokens in the sample of whole sequences that nulls run on, of a larger corpus.
  public var nullSampleTokenCount: Int
  /// Corpora up to this many tokens have their covariance spectrum from all tokens, larger ones
  /// from the nulls' sample.
  public var spectrumTokenLimit: Int
  /// Widest hook point whose eigenbasis is computed.
  public var basisWidthLimit: Int
  /// Resamples of a bootstrap over documents.
  public var resampleCount: Int

  public init(
    seed: UInt64 = 0, includeFirst: Bool = false, nullTokenLimit: Int = 4096,
    nullSampleTokenCount: Int = 2048, spectrumTokenLimit: Int = 16_384, basisWidthLimit: Int = 4096,
    resampleCount: Int = 1000
  ) {
    self.seed = seed
    self.includeFirst = includeFirst
    self.nullTokenLimit = nullTokenLimit
    self.nullSampleTokenCount = nullSampleTokenCount
    self.spectrumTokenLimit = spectrumTokenLimit
    self.basisWidthLimit = basisWidthLimit
    self.resampleCount = resampleCount
  }

  enum CodingKeys: String, CodingKey {
    case seed
    case includeFirst = "include_first"
    case nullTokenLimit = "null_token_limit"
    case nullSampleTokenCount = "null_sample_token_count"
    case spectrumTokenLimit = "spectrum_token_limit"
    case basisWidthLimit = "basis_width_limit"
    case resampleCount = "resample_count"
  }

  /// Positions that are left out of every statistic.
  public var skippedPositions: [Int] { includeFirst ? [] : [0] }
}
