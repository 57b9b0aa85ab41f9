import Evaluation
import Testing

/// What arithmetic in Double leaves.
private let tolerance = 1e-12

@Suite("Rank correlation")
struct RankCorrelationTests {
  @Test("of an order is 1, of its reverse −1, whatever the distances")
  func orders() throws {
    let x = [1.0, 2, 3, 10, 100]
    #expect(try #require(RankCorrelation(x, [0.1, 0.2, 5, 6, 7])).value == 1)
    #expect(try #require(RankCorrelation(x, [9, 8, 7, 6, -1])).value == -1)
    #expect(try #require(RankCorrelation(x, [9, 8, 7, 6, -1])).low == nil)
  }

  /// scipy.stats.spearmanr([1, 2, 2, 4, 5, 7], [3, 1, 4, 4, 9, 8]) is 0.8088235294117646.
  @Test("shares the ranks of ties, as scipy does")
  func ties() throws {
    let found = try #require(RankCorrelation([1, 2, 2, 4, 5, 7], [3, 1, 4, 4, 9, 8]))
    #expect(abs(found.value - 0.808_823_529_411_764_6) < tolerance)
    let low = try #require(found.low)
    let high = try #require(found.high)
    #expect(-1 < low && low < found.value && found.value < high && high < 1)
    #expect(found.pairCount == 6)
  }

  @Test("is none for too few pairs, and for what does not vary")
  func nothing() {
    #expect(RankCorrelation([1, 2], [1, 2]) == nil)
    #expect(RankCorrelation([1, 1, 1, 1], [1, 2, 3, 4]) == nil)
  }
}
