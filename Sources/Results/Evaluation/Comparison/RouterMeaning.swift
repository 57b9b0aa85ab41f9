import Checkpoints
import Foundation
import Kernels
import Models

/// What a router's choices have to do with the token, its place and its domain.
public struct RouterMeaning: Codable, Sendable, Equatable {
  /// What a property of a token tells about the choice.
  public struct Information: Codable, Sendable, Equatable {
    /// Mutual information, in bits.
    public var bits: Double
    /// The same when choices are dealt to tokens at random: what so many values seem to tell of
    /// themselves.
    public var permuted: Double
  }

  /// A token that has a sub-dimension more often than others.
  public struct Token: Codable, Sendable, Equatable {
    public var id: Int32
    /// Its text; nil without a tokenizer.
    public var text: String?
    /// Of the sub-dimension's tokens.
    public var share: Double
    /// That share over the token's share of all tokens.
    public var lift: Double
  }

  public struct Cluster: Codable, Sendable, Equatable {
    public var subDimension: Int
    /// Of all tokens.
    public var share: Double
    /// Those that are there most beyond what their number would give.
    public var tokens: [Token]

    enum CodingKeys: String, CodingKey {
      case share, tokens
      case subDimension = "sub_dimension"
    }
  }

  public var tokenCount: Int
  public var token: Information
  /// By octaves: 1, 2 to 3, 4 to 7, …
  public var position: Information
  public var domain: Information
  public var clusters: [Cluster]

  enum CodingKeys: String, CodingKey {
    case token, position, domain, clusters
    case tokenCount = "token_count"
  }

  static let tokensShown = 6

  /// - Parameters:
  ///   - choices: each token's specialised sub-dimension of highest score.
  ///   - tokens: what is known of the same tokens.
  ///   - seed: deals the permutation.
  package init(choices: [Int16], tokens: [SeenToken], seed: UInt64) {
    let count = choices.count
    var generator = SeededGenerator(seed: [seed, UInt64(count)])
    let shuffled = choices.shuffled(using: &generator)
    func information(_ values: [Int]) -> Information {
      Information(
        bits: Self.information(choices, values), permuted: Self.information(shuffled, values))
    }
    tokenCount = count
    token = information(tokens.map { Int($0.id) })
    position = information(tokens.map { Int(log2(Double(max($0.position, 1)))) })
    domain = information(tokens.map(\.domain))
    var (own, all) = ([Int16: [Int32: Int]](), [Int32: Int]())
    for (choice, token) in zip(choices, tokens) {
      own[choice, default: [:]][token.id, default: 0] += 1
      all[token.id, default: 0] += 1
    }
    clusters = own.keys.sorted().map { choice in
      let members = own[choice] ?? [:]
      let size = Double(members.values.reduce(0, +))
      let excess = members.map { id, n in
        (id: id, n: Double(n), beyond: Double(n) - size * Double(all[id] ?? 0) / Double(count))
      }
      let first = excess.sorted { $0.beyond != $1.beyond ? $0.beyond > $1.beyond : $0.id < $1.id }
      return Cluster(
        subDimension: Int(choice), share: size / Double(count),
        tokens: first.prefix(Self.tokensShown).map { entry in
          let everywhere = Double(all[entry.id] ?? 1) / Double(count)
          return Token(id: entry.id, share: entry.n / size, lift: entry.n / size / everywhere)
        })
    }
  }

  /// Σ p(c, v) log₂ (p(c, v) / p(c) p(v)).
  private static func information(_ choices: [Int16], _ values: [Int]) -> Double {
    struct Pair: Hashable {
      let choice: Int16
      let value: Int
    }
    var (pairs, ones, others) = ([Pair: Int](), [Int16: Int](), [Int: Int]())
    for (choice, value) in zip(choices, values) {
      pairs[Pair(choice: choice, value: value), default: 0] += 1
      ones[choice, default: 0] += 1
      others[value, default: 0] += 1
    }
    let count = Double(max(choices.count, 1))
    // In an order of its own, so that sums are equal to the bit.
    let terms = pairs.map { pair, n in
      Double(n) / count
        * log2(
          Double(n) * count / (Double(ones[pair.choice] ?? 1) * Double(others[pair.value] ?? 1)))
    }
    return max(0, terms.sorted().reduce(0, +))
  }
}

/// One token that a router decided about.
package struct SeenToken: Sendable {
  package let id: Int32
  package let position: Int
  package let domain: Int

  package init(id: Int32, position: Int, domain: Int) {
    (self.id, self.position, self.domain) = (id, position, domain)
  }
}

extension Routing {
  /// The specialised sub-dimension of highest score among a token's active ones; nil: there is none.
  func firstChoice(token: Int) -> Int16? {
    var best: Int?
    for index in settings.sharedCount..<settings.count where active[token, index] != 0 {
      if scores[token, index] > best.map({ scores[token, $0] }) ?? -.infinity { best = index }
    }
    return best.map { Int16(clamping: $0) }
  }
}
