import Kernels

/// Which sequences a step trains on: a pure function of (seed, step), so that nothing is saved of it,
/// and every program that reads the plan finds the same.
///
/// All sequences of all steps are numbered, n = 0, 1, 2, …. The n-th is of the domain that is furthest
/// behind its part of the mix; domains so keep to the mix to one sequence at every step. Within a
/// domain the k-th is the (k mod count)-th of a seeded permutation of epoch k / count: a keyed
/// bijection, nothing is shuffled in memory.
public struct BatchOrder: Sendable {
  /// One domain as training sees it.
  public struct Domain: Sendable, Equatable {
    public let name: String
    /// Its part of the mix, not below 0.
    public let weight: Double
    /// Sequences to train on.
    public let sequenceCount: Int

    public init(name: String, weight: Double, sequenceCount: Int) {
      (self.name, self.weight, self.sequenceCount) = (name, weight, sequenceCount)
    }
  }

  /// One sequence of a step.
  public struct Choice: Sendable, Equatable {
    /// Index into `domains`.
    public let domain: Int
    /// Index into the domain's sequences.
    public let sequence: Int
    /// How often the domain had been read before.
    public let epoch: Int
  }

  public let domains: [Domain]
  public let seed: UInt64
  public let sequencesPerStep: Int
  /// Parts of `unit`; they sum to it.
  private let parts: [Int]
  private static let unit = 1 << 24
  /// Where the next step's sequences begin: how many each domain has given.
  private var taken: [Int]
  private var nextStep = 1

  /// - Precondition: a domain with a weight above 0 has sequences, and there is one.
  public init(_ domains: [Domain], seed: UInt64, sequencesPerStep: Int) {
    precondition(domains.contains { $0.weight > 0 }, "a mix has a domain")
    precondition(domains.allSatisfy { $0.weight == 0 || $0.sequenceCount > 0 })
    self.domains = domains
    self.seed = seed
    self.sequencesPerStep = sequencesPerStep
    let total = domains.reduce(0) { $0 + $1.weight }
    var parts = domains.map { Int(($0.weight / total * Double(Self.unit)).rounded(.down)) }
    // What rounding left goes to the largest; of equal ones the first.
    let largest = domains.indices.max {
      (domains[$0].weight, -$0) < (domains[$1].weight, -$1)
    }
    if let largest { parts[largest] += Self.unit - parts.reduce(0, +) }
    self.parts = parts
    taken = domains.map { _ in 0 }
  }

  /// The sequences of one step, from 1. Steps in order cost nothing; going back counts from the start.
  public mutating func step(_ step: Int) -> [Choice] {
    if step < nextStep { (taken, nextStep) = (domains.map { _ in 0 }, 1) }
    while nextStep < step { _ = take() }
    return take().map { domain, number in
      let count = domains[domain].sequenceCount
      let (epoch, place) = number.quotientAndRemainder(dividingBy: count)
      return Choice(
        domain: domain,
        sequence: SequencePermutation(
          count: count, seed: seed, name: domains[domain].name, epoch: epoch)(place),
        epoch: epoch)
    }
  }

  /// How often each domain is read in `stepCount` steps: sequences taken over sequences there are.
  public func epochs(stepCount: Int) -> [Double] {
    var order = self
    (order.taken, order.nextStep) = (domains.map { _ in 0 }, 1)
    for _ in 0..<stepCount { _ = order.take() }
    return zip(order.taken, domains).map {
      $1.sequenceCount == 0 ? 0 : Double($0) / Double($1.sequenceCount)
    }
  }

  /// The domains of the next step, and how many each had given before.
  private mutating func take() -> [(domain: Int, number: Int)] {
    let start = (nextStep - 1) * sequencesPerStep
    nextStep += 1
    return (0..<sequencesPerStep).map { offset in
      let n = start + offset
      var (best, most) = (0, Int.min)
      for domain in domains.indices where parts[domain] > 0 {
        let behind = parts[domain] * (n + 1) - Self.unit * taken[domain]
        if behind > most { (best, most) = (domain, behind) }
      }
      defer { taken[best] += 1 }
      return (best, taken[best])
    }
  }
}

/// A keyed bijection on 0..<count: a Feistel network of four rounds on the smallest even number of
/// bits that holds it, walked until it lands inside.
public struct SequencePermutation: Sendable {
  private let count: Int
  private let halfBits: UInt64
  private let keys: [UInt64]

  public init(count: Int, seed: UInt64, name: String, epoch: Int) {
    precondition(count >= 1, "a permutation has an element")
    self.count = count
    var bits = 2
    while 1 << bits < count { bits += 2 }
    halfBits = UInt64(bits / 2)
    var key = SeededGenerator.mix(seed ^ 0x6261_7463_6865_7321)
    for byte in name.utf8 { key = SeededGenerator.mix(key ^ UInt64(byte)) }
    key = SeededGenerator.mix(key ^ UInt64(epoch))
    keys = (1...4).map { SeededGenerator.mix(key &+ $0) }
  }

  /// - Parameter index: in 0..<count.
  public func callAsFunction(_ index: Int) -> Int {
    let mask = (UInt64(1) << halfBits) - 1
    var value = UInt64(index)
    repeat {
      var (left, right) = (value >> halfBits, value & mask)
      for key in keys { (left, right) = (right, left ^ SeededGenerator.mix(key ^ right) & mask) }
      value = left << halfBits | right
    } while value >= UInt64(count)
    return Int(value)
  }
}
