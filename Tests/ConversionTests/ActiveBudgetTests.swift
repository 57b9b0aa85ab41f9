import Checkpoints
import Conversion
import Testing

@Suite("Budget of active sub-dimensions")
struct ActiveBudgetTests {
  private func bidder(_ sensitivity: Double, shared: Int = 2) -> ActiveBudget.Bidder {
    // Each sub-dimension saves half of what the one before it saved.
    let losses = (shared...8).map { 1 / Double(1 << ($0 - shared)) }
    return ActiveBudget.Bidder(
      layer: 0, component: .ffn, losses: losses, sharedCount: shared, count: 8, weightCount: 800,
      sensitivity: sensitivity)
  }

  @Test("The fraction is spent whole and never exceeded", arguments: [0.25, 0.5, 0.75, 1])
  func spent(fraction: Double) throws {
    let active = try ActiveBudget.allocate([bidder(1), bidder(3), bidder(0.2)], fraction: fraction)
    #expect(active.reduce(0, +) == Int(24 * fraction))
  }

  @Test("Whoever's errors weigh more keeps more, equals keep the same")
  func sensitivity() throws {
    let active = try ActiveBudget.allocate([bidder(1), bidder(8), bidder(1)], fraction: 0.5)
    #expect(active[1] > active[0])
    #expect(active[0] == active[2] || active[0] == active[2] + 1)
  }

  @Test("Whoever is left dense keeps everything, and the others share the rest")
  func dense() throws {
    let active = try ActiveBudget.allocate(
      [bidder(0.1), bidder(1), bidder(1)], fraction: 16.0 / 24, dense: [0])
    #expect(active == [8, 4, 4])
  }

  @Test("A fraction below the shared ones is refused with the lowest that can be had")
  func unreachable() {
    #expect(throws: ConversionError.unreachable(fraction: 0.1, lowest: 0.25)) {
      try ActiveBudget.allocate([bidder(1)], fraction: 0.1)
    }
  }

  @Test("No model multiplies more than the dense one for the sake of its bases")
  func bases() throws {
    let bidders = [bidder(1), bidder(3), bidder(0.2), bidder(1), bidder(1), bidder(1)]
    func multiplied(_ active: [Int]) -> Int {
      active.reduce(0) { $0 + ($1 == 8 ? 800 : $1 * 100 + 300) }
    }
    let blind = try ActiveBudget.allocate(bidders, fraction: 0.75)
    #expect(multiplied(blind) > 6 * 800)
    let aware = try ActiveBudget.allocate(bidders, fraction: 0.75, overhead: .init(whole: 300))
    #expect(multiplied(aware) <= 6 * 800)
    #expect(aware.reduce(0, +) == blind.reduce(0, +))
  }

  @Test("A basis of which only the active rows are multiplied costs less")
  func staticBases() throws {
    let bidders = [bidder(1), bidder(3), bidder(0.2), bidder(1), bidder(1), bidder(1)]
    let blind = try ActiveBudget.allocate(bidders, fraction: 0.75)
    // What is whole needs no basis; 28 others of 100 + 400 / 8 make the model dearer than dense.
    let dear = try ActiveBudget.allocate(bidders, fraction: 0.75, overhead: .init(kept: 400))
    let cheap = try ActiveBudget.allocate(bidders, fraction: 0.75, overhead: .init(kept: 240))
    func multiplied(_ active: [Int], _ extra: Int) -> Int {
      active.reduce(0) { $0 + ($1 == 8 ? 800 : $1 * (800 + extra) / 8) }
    }
    #expect(multiplied(blind, 400) > 6 * 800 && multiplied(dear, 400) <= 6 * 800)
    #expect(cheap == blind)
  }
}
