import Activations
import Testing

@Suite("Token places")
struct TokenPlaceTests {
  @Test("A token's place does not depend on the batch that it is in")
  func batches() {
    let whole = TokenBatch(
      tokenIDs: [1, 2, 3, 4, 5, 6],
      sequences: [
        .init(rows: 0..<2, document: 3, index: 0), .init(rows: 2..<3, document: 3, index: 1),
        .init(rows: 3..<6, document: 4, index: 0),
      ])
    let part = TokenBatch(
      tokenIDs: [3, 4, 5, 6],
      sequences: [
        .init(rows: 0..<1, document: 3, index: 1), .init(rows: 1..<4, document: 4, index: 0),
      ])
    #expect(whole.places(of: 2..<6) == part.places(of: 0..<4))
    #expect(whole.places(of: 1..<2) == [TokenPlace(document: 3, sequence: 0, position: 1)])
    #expect(whole.places(of: 5..<6) == [TokenPlace(document: 4, sequence: 0, position: 2)])
    #expect(whole.places(of: 2..<2).isEmpty)
  }
}
