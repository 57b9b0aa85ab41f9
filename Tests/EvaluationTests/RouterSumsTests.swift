import Checkpoints
import Evaluation
import Foundation
import Models
import Testing

/// Scores in single precision.
private let tolerance = 1e-6

@Suite("What routers do")
struct RouterSumsTests {
  private let settings = SubDimensions(count: 4, sharedCount: 1, activeCount: 2)

  private func sums(_ tokens: [[Float]], _ settings: SubDimensions) -> RouterSums {
    var sums = RouterSums(count: settings.count)
    let routing = Routing(settings: settings, scores: tokens.flatMap { $0 })
    for token in tokens.indices { sums.add(routing, token: token) }
    return sums
  }

  @Test("Shared sub-dimensions are always active, the largest of the rest too, ties to the lower")
  func active() {
    let found = sums([[0, 0.1, 0.5, 0.4], [0.4, 0.2, 0.2, 0.2], [0.1, 0, 0.1, 0.8]], settings)
    #expect(found.activeCounts == [3, 1, 1, 1])
    let third = 1.0 / 3
    #expect(found.load == [1, third, third, third])
  }

  @Test("α is what the settings say")
  func scale() {
    let scores: [Float] = [0.4, 0.3, 0.2, 0.1]
    for (scaling, expected) in [
      (SubDimensions.Scaling.paper, 4 * 0.7), (.unitSum, 4 / 0.7), (.unitMean, 2 / 0.7), (.none, 1),
    ] {
      var own = settings
      own.scaling = scaling
      #expect(abs(sums([scores], own).largestScale - expected) < tolerance)
      own.gate = .unit
      #expect(sums([scores], own).largestScale == 1)
    }
  }

  private func result(_ parts: [(String, [[Float]])], _ own: SubDimensions? = nil) -> RouterResult {
    let own = own ?? settings
    return RouterResult(
      layer: 2, component: "ffn", settings: own,
      parts: parts.map { (name: $0.0, sums: sums($0.1, own)) })
  }

  @Test("Even use has entropy 1, two domains with a sub-dimension each give one bit")
  func specialised() {
    let own = SubDimensions(count: 3, sharedCount: 1, activeCount: 2)
    let found = result(
      [("code", [[0, 0.9, 0.1], [0, 0.7, 0.3]]), ("prose", [[0, 0.2, 0.8], [0, 0, 1]])], own)
    #expect(abs((found.loadEntropy ?? 0) - 1) < tolerance)
    #expect(abs((found.specialisation ?? 0) - 1) < tolerance)
    #expect(found.domains == ["code": [1, 1, 0], "prose": [1, 0, 1]])
    #expect(found.idleCount == 0)
    #expect(abs(found.meanScore[1] - 0.45) < tolerance)
  }

  @Test("A router that always takes the same one has collapsed; a static one has no choice")
  func collapsed() {
    let one = result([("a", [[0, 1, 0, 0], [0.2, 0.5, 0.3, 0]])])
    #expect(one.loadEntropy == 0 && one.idleCount == 2 && one.specialisation == 0)
    let fixed = result(
      [("a", [[1, 0, 0, 0]])], SubDimensions(count: 4, sharedCount: 2, activeCount: 2))
    #expect(fixed.loadEntropy == nil && fixed.specialisation == nil && fixed.idleCount == 0)
    #expect(fixed.scoreEntropy == 0)
  }

  @Test("A domain without tokens is left out, and results survive JSON")
  func coding() throws {
    let found = result([("a", [[0.1, 0.2, 0.3, 0.4]]), ("empty", [])])
    #expect(found.domains.keys.sorted() == ["a"])
    let bytes = try JSONEncoder().encode(found)
    #expect(try JSONDecoder().decode(RouterResult.self, from: bytes) == found)
  }
}
