import Checkpoints
import Foundation
import Models

/// Sums over tokens of what one router of one layer decides.
package struct RouterSums: Sendable, Equatable {
  package var tokenCount = 0
  /// Tokens for which each sub-dimension is active.
  package var activeCounts: [Int]
  /// Σ of scores, each token's divided by their sum.
  package var shares: [Double]
  /// Σ of the entropies of those shares, in nats.
  package var entropies = 0.0
  /// α of Section 4.2.
  package var smallestScale = Double.infinity
  package var largestScale = -Double.infinity
  package var scales = 0.0

  package init(count: Int) {
    activeCounts = [Int](repeating: 0, count: count)
    shares = [Double](repeating: 0, count: count)
  }

  /// Adds the decisions about one token.
  package mutating func add(_ routing: Routing, token: Int) {
    let count = activeCounts.count
    tokenCount += 1
    var total = 0.0
    for index in 0..<count {
      if routing.active[token, index] != 0 { activeCounts[index] += 1 }
      total += Double(routing.scores[token, index])
    }
    // The energy of an input of zeros: all scores are 0.
    if total > 0 {
      for index in 0..<count {
        let share = Double(routing.scores[token, index]) / total
        shares[index] += share
        if share > 0 { entropies -= share * log(share) }
      }
    }
    let scale = Double(routing.alpha[token, 0])
    smallestScale = min(smallestScale, scale)
    largestScale = max(largestScale, scale)
    scales += scale
  }

  package mutating func add(_ other: RouterSums) {
    tokenCount += other.tokenCount
    for index in activeCounts.indices {
      activeCounts[index] += other.activeCounts[index]
      shares[index] += other.shares[index]
    }
    entropies += other.entropies
    smallestScale = min(smallestScale, other.smallestScale)
    largestScale = max(largestScale, other.largestScale)
    scales += other.scales
  }

  /// Share of tokens for which each sub-dimension is active; sums to K.
  package var load: [Double] { activeCounts.map { Double($0) / Double(max(tokenCount, 1)) } }
}

/// What one router of one layer does with a corpus.
public struct RouterResult: Codable, Sendable, Equatable {
  public var layer: Int
  /// "attention" or "ffn".
  public var component: String
  public var subDimensionCount: Int
  public var sharedCount: Int
  public var activeCount: Int
  /// Share of tokens for which each sub-dimension is active, shared ones (1) first.
  public var load: [Double]
  /// The same for each domain.
  public var domains: [String: [Double]]
  /// Mean over tokens of each sub-dimension's share of all scores: Fig. 11's probability.
  public var meanScore: [Double]
  /// Mean over tokens of the entropy of the scores over its largest possible value, in 0…1.
  public var scoreEntropy: Double?
  /// Entropy of the specialised sub-dimensions' load over its largest possible value: 1 is even use.
  public var loadEntropy: Double?
  /// Information that the domain gives on which specialised sub-dimension is used, in bits; 0:
  /// none.
  public var specialisation: Double?
  /// Specialised sub-dimensions with less than a tenth of an even load.
  public var idleCount: Int
  public var smallestScale: Double?
  public var meanScale: Double?
  public var largestScale: Double?
  /// What the choices have to do with; nil where nothing is chosen, or nobody looked.
  public var meaning: RouterMeaning?
  /// How well it chose when it was fitted; nil where that is not known.
  public var fitted: FittedRouters.Quality?

  enum CodingKeys: String, CodingKey {
    case layer, component, load, domains, specialisation, meaning, fitted
    case subDimensionCount = "sub_dimensions"
    case sharedCount = "shared"
    case activeCount = "top_k"
    case meanScore = "mean_score"
    case scoreEntropy = "score_entropy"
    case loadEntropy = "load_entropy"
    case idleCount = "idle_sub_dimensions"
    case smallestScale = "scale_minimum"
    case meanScale = "scale_mean"
    case largestScale = "scale_maximum"
  }

  /// - Parameter parts: sums of each domain, in the order of the corpus.
  package init(
    layer: Int, component: String, settings: SubDimensions,
    parts: [(name: String, sums: RouterSums)]
  ) {
    var all = RouterSums(count: settings.count)
    for part in parts { all.add(part.sums) }
    self.layer = layer
    self.component = component
    subDimensionCount = settings.count
    sharedCount = settings.sharedCount
    activeCount = settings.activeCount
    load = all.load
    let present = parts.filter { $0.sums.tokenCount > 0 }
    domains = Dictionary(
      present.map { ($0.name, $0.sums.load) }, uniquingKeysWith: { first, _ in first })
    let count = Double(max(all.tokenCount, 1))
    meanScore = all.shares.map { $0 / count }
    scoreEntropy =
      settings.count > 1 ? (all.entropies / count / log(Double(settings.count))).finite : nil
    func specialised(_ sums: RouterSums) -> [Double] {
      let own = sums.activeCounts[settings.sharedCount...].map(Double.init)
      let total = own.reduce(0, +)
      return own.map { total > 0 ? $0 / total : 0 }
    }
    let overall = specialised(all)
    let hasChoice = !settings.isStatic && overall.count > 1
    loadEntropy = hasChoice ? Self.entropy(overall) / log(Double(overall.count)) : nil
    specialisation =
      hasChoice
      ? present.reduce(0) { sum, part in
        let weight = Double(part.sums.tokenCount) / count
        return sum + weight * Self.divergence(specialised(part.sums), overall) / log(2)
      } : nil
    idleCount =
      hasChoice ? overall.count { $0 * Double(overall.count) < Self.idleFraction } : 0
    smallestScale = all.smallestScale.finite
    largestScale = all.largestScale.finite
    meanScale = all.tokenCount > 0 ? (all.scales / count).finite : nil
  }

  /// Whether there is anything to choose; a static component has the same load for every token.
  var hasChoice: Bool { loadEntropy != nil }

  /// Less than this fraction of an even load is idle.
  private static let idleFraction = 0.1

  private static func entropy(_ shares: [Double]) -> Double {
    shares.reduce(0) { $1 > 0 ? $0 - $1 * log($1) : $0 }
  }

  private static func divergence(_ p: [Double], _ q: [Double]) -> Double {
    zip(p, q).reduce(0) { $1.0 > 0 && $1.1 > 0 ? $0 + $1.0 * log($1.0 / $1.1) : $0 }
  }
}
