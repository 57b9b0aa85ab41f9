import Activations
import Testing

@Suite struct TokenBudgetTests {
  @Test("parts are even, to the token")
  func even() {
    #expect(TokenBudget.shares(of: 10, limits: [100, 100, 100]) == [4, 3, 3])
    #expect(TokenBudget.shares(of: 2, limits: [9, 9, 9]) == [1, 1, 0])
    #expect(TokenBudget.shares(of: 5, limits: []) == [])
  }

  @Test("what one cannot give the others do, as long as they have it")
  func short() {
    #expect(TokenBudget.shares(of: 100, limits: [10, 100, 100]) == [10, 45, 45])
    #expect(TokenBudget.shares(of: 100, limits: [10, 40, 100]) == [10, 40, 50])
    #expect(TokenBudget.shares(of: 100, limits: [10, 40, 20]) == [10, 40, 20])
    #expect(TokenBudget.shares(of: 100, limits: [0, 0, 100]) == [0, 0, 100])
  }

  @Test("shares add up to the budget or to all there is, and none exceeds another's without need")
  func laws() {
    for seed in 0..<200 {
      let limits = (0..<1 + seed % 7).map { (seed * 7919 + $0 * 104_729) % 1000 }
      let total = seed * 31
      let shares = TokenBudget.shares(of: total, limits: limits)
      #expect(shares.reduce(0, +) == min(total, limits.reduce(0, +)))
      let most = shares.max() ?? 0
      for (share, limit) in zip(shares, limits) {
        #expect(share <= limit && (share >= most - 1 || share == limit))
      }
    }
  }
}
