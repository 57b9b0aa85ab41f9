import Evaluation
import Testing

@Suite("What a router's choices have to do with")
struct RouterMeaningTests {
  /// Token 7 always has sub-dimension 3; all else is by chance.
  private func meaning() -> RouterMeaning {
    let count = 4000
    var (choices, tokens) = ([Int16](), [SeenToken]())
    for index in 0..<count {
      let id = Int32((index &* 7919) % 11)
      let hash = (index &* 104_729 &+ 17) % 10_007
      choices.append(id == 7 ? 3 : Int16(3 + hash % 3))
      tokens.append(SeenToken(id: id, position: 1 + index % 64, domain: (index / 7) % 2))
    }
    return RouterMeaning(choices: choices, tokens: tokens, seed: 0)
  }

  @Test("A choice that hangs on the token tells so, beyond what a permutation seems to tell")
  func information() {
    let found = meaning()
    #expect(found.token.bits > 10 * found.token.permuted, "\(found.token)")
    #expect(found.domain.bits < 0.01 && found.position.bits < 0.05)
    #expect(found.tokenCount == 4000)
  }

  @Test("The tokens that a cluster stands for come first, with their lift")
  func clusters() throws {
    let found = meaning()
    #expect(found.clusters.map(\.subDimension) == [3, 4, 5])
    #expect(abs(found.clusters.reduce(0) { $0 + $1.share } - 1) < 1e-12)
    let first = try #require(found.clusters[0].tokens.first)
    #expect(first.id == 7 && first.lift > 2)
    #expect(!found.clusters[1].tokens.contains { $0.id == 7 })
    #expect(meaning() == found)
  }
}
