import Activations

/// Prompts that go through the model together, each distinct beginning once.
///
/// In the order of their ids, a prompt shares its longest beginning with its neighbour; what it adds
/// becomes a sequence that goes on from the neighbour's rows. The answers of one question share the
/// question that way, and all questions their examples.
package struct PrefixTree: Sendable {
  package let batch: TokenBatch
  /// For each prompt, in the order given: the row of each of its ids.
  package let rows: [[Int]]

  /// Shorter common beginnings are computed again: going on from them costs more than it saves.
  static let leastSharedCount = 4

  package init(_ prompts: [ArraySlice<Int32>]) {
    let order = prompts.indices.sorted { prompts[$0].lexicographicallyPrecedes(prompts[$1]) }
    var rows = [[Int]](repeating: [], count: prompts.count)
    var ids: [Int32] = []
    var sequences: [TokenBatch.Sequence] = []
    var previous: Int?
    for index in order {
      let prompt = prompts[index]
      var shared = previous.map { Self.sharedCount(prompts[$0], prompt) } ?? 0
      if shared < Self.leastSharedCount && shared < prompt.count { shared = 0 }
      let own = ids.count..<ids.count + prompt.count - shared
      let context = previous.map { Array(rows[$0].prefix(shared)) } ?? []
      ids += prompt.dropFirst(shared)
      rows[index] = context + own
      if !own.isEmpty {
        sequences.append(
          TokenBatch.Sequence(
            rows: own, document: index, index: 0, context: Self.runs(context)))
      }
      previous = index
    }
    batch = TokenBatch(tokenIDs: ids, sequences: sequences)
    self.rows = rows
  }

  private static func sharedCount(_ one: ArraySlice<Int32>, _ other: ArraySlice<Int32>) -> Int {
    zip(one, other).prefix { $0 == $1 }.count
  }

  /// Ascending rows as runs of neighbours.
  private static func runs(_ rows: [Int]) -> [Range<Int>] {
    var runs: [Range<Int>] = []
    for row in rows {
      if let last = runs.last, last.upperBound == row {
        runs[runs.count - 1] = last.lowerBound..<row + 1
      } else {
        runs.append(row..<row + 1)
      }
    }
    return runs
  }
}
