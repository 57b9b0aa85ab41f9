import Capture
import Testing

@Suite struct ChunkLayoutTests {
  @Test("chunks cover all rows, are at most 1 MiB and have less padding than there are chunks")
  func laws() {
    for tokenCount in [1, 2, 511, 512, 4096, 8191, 16_384] {
      for rowByteCount in [2, 64, 1152, 8192, 22_016, 1 << 20, 3 << 20] {
        let layout = ChunkLayout(tokenCount: tokenCount, rowByteCount: rowByteCount)
        #expect(layout.rowCount >= 1 && layout.rowCount <= tokenCount)
        #expect(layout.rowCount == 1 || layout.rowCount * rowByteCount <= 1 << 20)
        #expect(layout.paddedRowCount >= tokenCount)
        #expect(layout.paddedRowCount - tokenCount < layout.chunkCount)
        #expect((layout.chunkCount - 1) * layout.rowCount < tokenCount)
      }
    }
  }

  @Test("4096 rows of 576 float16 numbers make five chunks of 820")
  func example() {
    let layout = ChunkLayout(tokenCount: 4096, rowByteCount: 1152)
    #expect(layout.rowCount == 820)
    #expect(layout.chunkCount == 5)
  }
}
