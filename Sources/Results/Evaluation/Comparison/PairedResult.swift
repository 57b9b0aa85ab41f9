import Corpora

/// How well one hook point of one layer of the converted model follows the dense one.
public struct LayerReconstruction: Codable, Sendable, Equatable {
  public var layer: Int
  public var hookPoint: String
  /// R² over tokens and dimensions: 1 is perfect, 0 no better than the mean, below that is worse.
  /// nil where it is not finite, as of values that are all the same.
  public var determination: Double?
  /// Mean cosine of the tokens, in −1…1.
  public var cosine: Double?
  /// Root mean square of the converted model's values over that of the dense one's.
  public var magnitudeRatio: Double?

  enum CodingKeys: String, CodingKey {
    case layer
    case hookPoint = "hook_point"
    case determination = "r2"
    case cosine
    case magnitudeRatio = "rms_ratio"
  }
}

/// What a dense and a converted model say about the same text.
public struct PairedResult: Sendable, Equatable {
  public var all: DivergenceScores
  /// In order of first appearance.
  public var domains: [(name: String, scores: DivergenceScores)]
  /// exp of the mean over domains of the logarithm of their perplexity ratios.
  public var geometricMeanRatio: Estimate?
  /// By layer, then hook point. Position 0 of every sequence is left out.
  public var reconstruction: [LayerReconstruction]
  /// Of a MoHD model: by layer, attention before FFN.
  public var routers: [RouterResult]

  init(
    corpus: TokenizedCorpus, sequences: [PairedSequence], reconstruction: [[ReconstructionSums]],
    routers: [RouterResult]
  ) {
    self.routers = routers
    all = DivergenceScores(sequences)
    domains = corpus.domains.enumerated().compactMap { index, domain in
      let own = sequences.filter { $0.domain == index }
      return own.isEmpty ? nil : (domain.name, DivergenceScores(own))
    }
    geometricMeanRatio = domains.map(\.scores).geometricMeanRatio
    self.reconstruction = reconstruction.enumerated().flatMap { layer, sums in
      zip(reconstructedHookPoints, sums).map { hookPoint, sums in
        LayerReconstruction(
          layer: layer, hookPoint: hookPoint.rawValue,
          determination: sums.determination.finite, cosine: sums.cosine.finite,
          magnitudeRatio: sums.magnitudeRatio.finite)
      }
    }
  }

  public static func == (one: PairedResult, other: PairedResult) -> Bool {
    one.all == other.all && one.routers == other.routers
      && one.reconstruction == other.reconstruction
      && one.geometricMeanRatio == other.geometricMeanRatio
      && one.domains.elementsEqual(other.domains) { $0 == $1 }
  }
}

extension Double {
  /// This number, or nil if it is infinite or none.
  var finite: Double? { isFinite ? self : nil }
}
