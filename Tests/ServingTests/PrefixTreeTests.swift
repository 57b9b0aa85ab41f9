import Serving
import Testing

@Suite("Prompts that begin alike")
struct PrefixTreeTests {
  private func tree(_ prompts: [[Int32]]) -> PrefixTree { PrefixTree(prompts.map { $0[...] }) }

  @Test("Each prompt's rows spell it, in any order of prompts")
  func spelling() {
    var state: UInt64 = 5
    func draw(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    for _ in 0..<200 {
      let stems = (0..<3).map { _ in (0..<draw(30)).map { _ in Int32(draw(3)) } }
      let prompts = (0..<draw(12) + 1).map { _ in
        stems[draw(3)] + stems[draw(3)].prefix(draw(9)) + (0..<draw(4)).map { _ in Int32(draw(3)) }
      }
      let tree = tree(prompts)
      for (prompt, rows) in zip(prompts, tree.rows) {
        #expect(rows.map { tree.batch.tokenIDs[$0] } == prompt)
      }
      // A sequence goes on exactly from its prompt's rows before it.
      for sequence in tree.batch.sequences {
        let path = sequence.context.flatMap { Array($0) } + Array(sequence.rows)
        #expect(tree.rows[sequence.document] == path)
      }
    }
  }

  @Test("Answers of one question take the question's rows once")
  func sharing() {
    let question = (0..<40).map { Int32($0) }
    let answers: [[Int32]] = [[90], [91, 92], [90, 93], [94]]
    let tree = tree(answers.map { question + $0 })
    #expect(tree.batch.tokenCount == 40 + 5)
    #expect(tree.rows.allSatisfy { $0.prefix(40).elementsEqual(tree.rows[0].prefix(40)) })
    #expect(self.tree([question, question, question]).batch.tokenCount == 40)
  }

  @Test("A short common beginning is computed again")
  func short() {
    #expect(tree([[1, 2, 9], [1, 2, 8]]).batch.sequences.allSatisfy { $0.context.isEmpty })
    #expect(tree([[1], [1]]).batch.tokenCount == 1)
  }
}
