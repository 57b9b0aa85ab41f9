import Serving
import Synchronization
import Testing

/// An engine whose log-probabilities are the ids.
func fakeScores(_ tasks: [ScoringTask]) -> [Result<ScoredPrompt, ServingFailure>] {
  tasks.map { task in
    func score(_ id: Int32) -> PositionScore {
      let token = TokenScore(id: id, logProbability: -Double(id))
      return PositionScore(token: token, top: task.topCount > 0 ? [token] : [])
    }
    return .success(
      ScoredPrompt(
        prompt: task.scoresPrompt ? task.ids.dropFirst().map(score) : [],
        next: task.scoresNext ? score(1) : nil))
  }
}

/// Values that several threads bring.
final class Kept<Value: Sendable>: Sendable {
  private let values = Mutex<[Value]>([])

  func append(_ value: Value) { values.withLock { $0.append(value) } }
  var all: [Value] { values.withLock { $0 } }
}

@Suite("One line in front of the engine")
struct ScoringQueueTests {
  @Test("Many askers get their own answers, in batches that are full but not fuller")
  func manyAskers() async throws {
    let sizes = Kept<[Int]>()
    let queue = ScoringQueue(engine: { tasks in
      sizes.append(tasks.map(\.ids.count))
      return fakeScores(tasks)
    })
    try await withThrowingTaskGroup(of: Void.self) { group in
      for asker in 0..<64 {
        group.addTask {
          let tasks = (0..<5).map { index in
            ScoringTask(
              ids: [Int32](repeating: Int32(asker), count: 1 + asker * 41 + index), topCount: 0,
              scoresPrompt: true, scoresNext: false)
          }
          let results = await queue.score(tasks)
          for (task, result) in zip(tasks, results) {
            let scores = try result.get().prompt
            #expect(scores.count == task.ids.count - 1)
            #expect(scores.allSatisfy { $0.token.id == Int32(asker) })
          }
        }
      }
      try await group.waitForAll()
    }
    let batches = sizes.all
    #expect(batches.flatMap(\.self).count == 320 && batches.count < 320)
    for batch in batches where batch.count > 1 {
      #expect(batch.reduce(0, +) <= ScoringQueue.batchTokenCount)
    }
    let progress = queue.progress
    #expect(progress.promptCount == 320 && progress.batchCount == batches.count)
  }

  @Test("Nothing asked is nothing answered")
  func nothing() async {
    #expect(await ScoringQueue(engine: fakeScores).score([]).isEmpty)
  }

  @Test("A budget lets those in line go on in order, and one that asks for too much alone")
  func budget() async {
    let budget = Budget(limit: 10)
    await budget.take(8)
    let order = Kept<Int>()
    await withTaskGroup(of: Void.self) { group in
      for (index, amount) in [5, 1, 100].enumerated() {
        group.addTask {
          await budget.take(amount)
          order.append(index)
          await budget.give(amount)
        }
        try? await Task.sleep(for: .milliseconds(20))
      }
      #expect(order.all.isEmpty)
      await budget.give(8)
    }
    #expect(order.all == [0, 1, 2])
  }
}
