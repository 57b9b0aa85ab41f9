import Corpora

/// How well a variant predicts the scored text, beside the model that it is a variant of.
public struct VariantScore: Codable, Sendable, Equatable {
  /// One domain's part of it.
  public struct Domain: Codable, Sendable, Equatable {
    public var name: String
    public var perplexity: Estimate
    public var ratio: Estimate

    enum CodingKeys: String, CodingKey {
      case name = "domain"
      case perplexity = "token_perplexity"
      case ratio = "perplexity_ratio"
    }
  }

  public var perplexity: Estimate
  /// The variant's over the model's perplexity; its error is paired, over the same text of both.
  public var ratio: Estimate
  /// The logarithm of the ratio: more nats lost for each token.
  public var lossIncrease: Estimate
  /// In order of first appearance.
  public var domains: [Domain]

  enum CodingKeys: String, CodingKey {
    case domains
    case perplexity = "token_perplexity"
    case ratio = "perplexity_ratio"
    case lossIncrease = "loss_increase"
  }

  /// - Parameters:
  ///   - losses: negative log-likelihoods of the windows, in nats.
  ///   - reference: the same of the model as it is.
  init(_ losses: [Double], beside reference: [Double], on text: AblationText) {
    func estimates(domain: Int?) -> (mean: Estimate, increase: Estimate) {
      let windows = text.windows.indices.filter {
        domain == nil || text.domain(of: text.windows[$0]) == domain
      }
      let documents = Dictionary(grouping: windows) { text.windows[$0].document }
      let units =
        documents.count > 1
        ? documents.sorted { $0.key < $1.key }.map(\.value) : windows.map { [$0] }
      var (mean, increase) = (RatioEstimate(), RatioEstimate())
      for unit in units {
        let count = Double(unit.reduce(0) { $0 + text.windows[$1].targets.count })
        mean.append(unit.reduce(0) { $0 + losses[$1] }, over: count)
        increase.append(unit.reduce(0) { $0 + losses[$1] - reference[$1] }, over: count)
      }
      return (mean.estimate ?? Estimate(0), increase.estimate ?? Estimate(0))
    }
    let all = estimates(domain: nil)
    perplexity = all.mean.exponential
    ratio = all.increase.exponential
    lossIncrease = all.increase
    domains = text.corpus.domains.enumerated().compactMap { index, domain in
      guard text.windows.contains(where: { text.domain(of: $0) == index }) else { return nil }
      let own = estimates(domain: index)
      return Domain(
        name: domain.name, perplexity: own.mean.exponential, ratio: own.increase.exponential)
    }
  }
}
