import Foundation
import Serving
import Testing

@Suite("Log-probabilities of prompts")
struct PromptScorerTests {
  private func task(
    _ ids: [Int32], top: Int = 1, prompt: Bool = true, next: Bool = true
  ) -> ScoringTask {
    ScoringTask(ids: ids, topCount: top, scoresPrompt: prompt, scoresNext: next)
  }

  @Test(
    "They are transformers', for dense and MoHD models, whole and cut at shared beginnings",
    arguments: Pico.names, [0, Int.max])
  func fixtures(model: String, layerMemory: Int) throws {
    let pico = try Pico(model)
    let scorer = try pico.scorer(layerMemory: layerMemory)
    #expect(scorer.keepsLayers == (layerMemory > 0))
    // Beginnings of each sequence share rows with it.
    let prompts = pico.sequences.flatMap { sequence in
      [sequence.ids.count, sequence.ids.count / 2, sequence.ids.count * 3 / 4, 1]
        .map { count in (ids: Array(sequence.ids.prefix(max(1, count))), logits: sequence.logits) }
    }
    let results = scorer.score(prompts.map { task($0.ids, top: 3) })
    for (prompt, result) in zip(prompts, results) {
      let found = try result.get()
      let all = found.prompt + [try #require(found.next)]
      #expect(all.count == prompt.ids.count)
      for (position, score) in all.enumerated() {
        let expected = logProbabilities(prompt.logits[position])
        let order = expected.indices.sorted { expected[$0] > expected[$1] }
        let id =
          position + 1 < prompt.ids.count ? Int(prompt.ids[position + 1]) : order[0]
        #expect(score.token.id == Int32(id))
        #expect(abs(score.token.logProbability - expected[id]) < 1e-4)
        #expect(score.top.map(\.id) == order.prefix(3).map { Int32($0) })
        // To the bit: a greedy test is a comparison of two printed numbers.
        for top in score.top where top.id == score.token.id {
          #expect(top.logProbability == score.token.logProbability)
        }
      }
    }
  }

  @Test("One more id than the model's window is scored like a full window's next token")
  func beyondWindow() throws {
    let pico = try Pico()
    let scorer = try pico.scorer()
    let count = pico.checkpoint.configuration.contextLength + 1
    let ids = (0..<count).map { Int32($0 * 7 % 96) }
    let found = try scorer.score([task(ids)])[0].get()
    #expect(found.prompt.count == count - 1)
    let window = try scorer.score([task(Array(ids.dropLast()), top: 20)])[0].get()
    for (one, other) in zip(found.prompt, window.prompt) {
      #expect(abs(one.token.logProbability - other.token.logProbability) < 1e-4)
    }
    let last = try #require(found.prompt.last)
    #expect(last.top[0].id == window.next?.token.id)
  }

  @Test("Only what is asked for is answered")
  func parts() throws {
    let scorer = try Pico().scorer()
    let ids: [Int32] = [5, 6, 7, 8]
    let results = try scorer.score([
      task(ids), task(ids, top: 0, next: false), task(ids, prompt: false),
      task([9], next: false), task([9]),
    ]).map { try $0.get() }
    #expect(results[0].prompt.count == 3 && results[0].next != nil)
    #expect(results[1].prompt.map(\.token.id) == [6, 7, 8] && results[1].next == nil)
    #expect(results[1].prompt.allSatisfy { $0.top.isEmpty })
    #expect(results[2].prompt.isEmpty && results[2].next == results[0].next)
    #expect(results[3] == ScoredPrompt(prompt: [], next: nil))
    #expect(results[4].prompt.isEmpty && results[4].next != nil)
    #expect(try scorer.score([task([9], next: false)])[0].get().prompt.isEmpty)
  }

  @Test("Prompts of many batches and both thread counts agree")
  func threads() throws {
    let pico = try Pico()
    let tasks = (1..<40).map { count in task((0..<count).map { Int32(($0 * count) % 96) }) }
    let one = try pico.scorer(threads: 1).score(tasks).map { try $0.get() }
    let two = try pico.scorer(threads: 3).score(tasks.reversed()).map { try $0.get() }
    for (a, b) in zip(one, two.reversed()) {
      for (x, y) in zip(a.prompt, b.prompt) {
        #expect(abs(x.token.logProbability - y.token.logProbability) < 1e-4)
      }
    }
  }
}
