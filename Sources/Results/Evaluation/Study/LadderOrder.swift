/// Whether the rungs of a ladder lose less and less, as they should.
public struct LadderOrder: Sendable, Equatable {
  /// Two rungs that follow each other.
  public struct Step: Sendable, Equatable {
    public let from: String
    public let to: String
    /// Perplexity of the second over that of the first; below 1 is better.
    public let ratio: Estimate
    /// Both predict worse than an even guess over the vocabulary: neither says anything.
    public let isLost: Bool

    /// The second rung loses more than the first.
    public var isInverted: Bool { ratio.value > 1 && !isLost }
    /// It does so by more than chance may: the 95 % interval does not hold 1.
    public var isCertain: Bool { ratio.multiplicativeInterval.map { $0.low > 1 } ?? true }
  }

  public let steps: [Step]

  /// - Parameters:
  ///   - rungs: in the order from the one expected worst to the one expected best.
  ///   - vocabularySize: the perplexity of an even guess.
  public init(_ rungs: [SettingScores], vocabularySize: Int) {
    func isLost(_ rung: SettingScores) -> Bool {
      rung.domains.allSatisfy { $0.perplexity?.value ?? .infinity > Double(vocabularySize) }
    }
    steps = zip(rungs, rungs.dropFirst()).compactMap { one, other in
      other.step.map {
        Step(
          from: one.setting.name, to: other.setting.name, ratio: $0,
          isLost: isLost(one) && isLost(other))
      }
    }
  }

  /// Steps between rungs that say nothing.
  public var lost: [Step] { steps.filter(\.isLost) }

  /// Steps in the wrong direction.
  public var inversions: [Step] { steps.filter(\.isInverted) }

  /// Steps down that are within their error.
  public var undecided: [Step] {
    steps.filter { !$0.isLost && !$0.isInverted && $0.ratio.isOneWithinError }
  }

  /// Every step goes down, or up by no more than chance may.
  public var holds: Bool { !inversions.contains(where: \.isCertain) }
}
