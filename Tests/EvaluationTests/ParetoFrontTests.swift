import Evaluation
import Testing

@Suite("Pareto fronts")
struct ParetoFrontTests {
  private func front(_ points: (Double, Double)...) -> ParetoFront {
    ParetoFront(points.map { TradeOff(speed: $0.0, ratio: $0.1) })
  }

  @Test("The front is what nothing beats in speed and ratio, from slow to fast")
  func known() {
    let front = front((1, 1), (0.8, 1.1), (1.5, 3), (1.2, 1.4), (1.2, 1.6), (1.1, 1.4), (2, 9))
    #expect(front.indices == [0, 3, 2, 6])
  }

  @Test("Of equal points the first is on the front")
  func equal() {
    #expect(front((1, 1), (1, 1), (1.2, 2), (1.2, 2)).indices == [0, 2])
  }

  @Test("The knee is where the front bends most, on a logarithmic scale of ratios")
  func knee() {
    // log ratio: 0, 0.1, 0.7, 2.3: the second point gets half of the speed for almost nothing.
    #expect(front((1, 1), (1.5, 1.1), (1.75, 2), (2, 10)).knee == 1)
    #expect(front((1, 1), (2, 10)).knee == nil)
    #expect(front((1, 1), (0.5, 2)).knee == nil)
    #expect(front().knee == nil)
  }

  @Test("A knee that hangs on one point is found out by leaving it out")
  func leavingOut() {
    func others(_ points: [(Double, Double)]) -> [Int] {
      let points = points.map { TradeOff(speed: $0.0, ratio: $0.1) }
      let front = ParetoFront(points)
      return front.knees(leavingOut: Array(points.indices), of: points).map(\.knee)
    }
    // The fastest point has lost everything: without it the front bends elsewhere.
    #expect(others([(1, 1), (1.1, 1.05), (1.2, 1.6), (1.3, 2.4), (1.6, 50)]) == [3, 3, 3, 1])
    #expect(others([(1, 1), (1.1, 1.2), (1.4, 1.21), (1.45, 3), (1.5, 9)]) == [2, 2, 2, 2])
    #expect(others([(1, 1), (1.1, 1.05), (1.2, 1.6), (1.6, 50)]) == [])
  }

  @Test("The lowest ratio at a speed is that of the front, or nobody's")
  func lowest() {
    let front = front((1, 1), (1.3, 2), (1.2, 1.5), (1.14, 1.2))
    #expect(front.lowestRatio(atLeast: 1.15) == 2)
    #expect(front.lowestRatio(atLeast: 1) == 0)
    #expect(front.lowestRatio(atLeast: 1.4) == nil)
  }
}
