import Capture
import Foundation
import Testing

@Suite struct ShardCutTests {
  private func batches(_ counts: [Int]) -> [BatchCut] {
    counts.map { BatchCut(sequenceCount: 1, tokenCount: $0) }
  }

  @Test("shards hold whole batches, all of them, in order, and end before they exceed their bytes")
  func wholeBatches() {
    let cut = ShardCut.cut(batches([5, 5, 5, 9, 1, 30, 2]), bytesPerToken: 10, byteCount: 100)
    #expect(cut.map { $0.batches.map(\.tokenCount) } == [[5, 5], [5], [9, 1], [30], [2]])
    #expect(cut.map(\.tokenCount) == [10, 5, 10, 30, 2])
    #expect(cut.map(\.sequenceCount) == [2, 1, 2, 1, 1])
  }

  @Test("without a size there are at most 256 shards, however long the capture and small its rows")
  func fewFiles() {
    for (batchCount, bytesPerToken) in [
      (1, 4096), (256, 1 << 20), (257, 1 << 20), (1112, 32), (5000, 1 << 20), (100_000, 138_240),
    ] {
      let cut = ShardCut.cut(
        batches(Array(repeating: 16_384, count: batchCount)), bytesPerToken: bytesPerToken,
        byteCount: nil)
      #expect(cut.count <= 256, "\(batchCount) batches of \(bytesPerToken) bytes a token")
      #expect(cut.reduce(0) { $0 + $1.batches.count } == batchCount)
      // As small as 2 GiB where that is enough.
      if batchCount * 16_384 * bytesPerToken <= 256 << 30 {
        let largest = cut.map(\.tokenCount).max() ?? 0
        #expect(largest * bytesPerToken <= max(2 << 30, 16_384 * bytesPerToken))
      }
    }
  }

  @Test("the size that is asked for is kept, many files or few")
  func asked() {
    let all = batches(Array(repeating: 4096, count: 2000))
    #expect(ShardCut.cut(all, bytesPerToken: 1, byteCount: 1).count == 2000)
    #expect(ShardCut.cut(all, bytesPerToken: 1, byteCount: 1 << 40).count == 1)
  }

  @Test("a shard of the first version of plan.json is one batch")
  func firstVersion() throws {
    let old = Data(#"{"sequence_count": 9, "token_count": 4608}"#.utf8)
    let cut = try JSONDecoder().decode(ShardCut.self, from: old)
    #expect(cut == ShardCut([BatchCut(sequenceCount: 9, tokenCount: 4608)]))
  }
}
