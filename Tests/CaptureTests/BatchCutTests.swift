import Capture
import Testing

@Suite struct BatchCutTests {
  private func tokens(_ sequences: [Int], bytesPerToken: Int, bytes: Int) -> [Int] {
    BatchCut.cut(sequences: sequences, bytesPerToken: bytesPerToken, byteCount: bytes)
      .map(\.tokenCount)
  }

  @Test("batches hold whole sequences, all of them, in order")
  func wholeSequences() {
    let sequences = (0..<200).map { 1 + $0 * 37 % 512 }
    let cuts = BatchCut.cut(sequences: sequences, bytesPerToken: 1000, byteCount: 5_000_000)
    #expect(cuts.reduce(0) { $0 + $1.sequenceCount } == sequences.count)
    var next = 0
    for cut in cuts {
      #expect(sequences[next..<next + cut.sequenceCount].reduce(0, +) == cut.tokenCount)
      next += cut.sequenceCount
    }
  }

  @Test("a batch has 4096 tokens where the corpus has them, however large they are")
  func least() {
    let sequences = Array(repeating: 512, count: 40)
    let counts = tokens(sequences, bytesPerToken: 1 << 20, bytes: 1)
    #expect(counts == [4096, 4096, 4096, 4096, 4096])
  }

  @Test("a last batch of less than 4096 tokens joins the one before")
  func noSmallTail() {
    let counts = tokens([4096, 4096, 4095], bytesPerToken: 1, bytes: 1)
    #expect(counts == [4096, 8191])
  }

  @Test("a batch ends before it exceeds its bytes")
  func bytes() {
    let sequences = Array(repeating: 1000, count: 20)
    let counts = tokens(sequences, bytesPerToken: 100, bytes: 650_000)
    #expect(counts == [6000, 6000, 8000])
  }

  @Test("a batch has at most 16,384 tokens where sequences allow, however small they are")
  func greatest() {
    let sequences = Array(repeating: 512, count: 100)
    let counts = tokens(sequences, bytesPerToken: 1, bytes: 1 << 40)
    #expect(counts == [16_384, 16_384, 18_432])
  }

  @Test("no tokens make no batch; a short corpus makes one")
  func small() {
    #expect(tokens([], bytesPerToken: 1, bytes: 1).isEmpty)
    #expect(tokens([3, 2], bytesPerToken: 1, bytes: 1) == [5])
    #expect(tokens([100_000], bytesPerToken: 1, bytes: 1) == [100_000])
  }

  @Test("a batch has at most 2 GiB, however large shards are")
  func killCosts() {
    let sequences = Array(repeating: 512, count: 64)
    let counts = tokens(sequences, bytesPerToken: 256 << 10, bytes: 1 << 40)
    #expect(counts == [8192, 8192, 8192, 8192])
  }
}
