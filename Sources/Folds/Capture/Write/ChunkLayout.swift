/// How the rows of one layer of a shard are cut into chunks of a dataset.
///
/// Chunks of at most 1 MiB fit the cache that HDF5 gives each dataset, and are as even as whole rows
/// allow, so that the last one has little padding.
package struct ChunkLayout: Equatable {
  /// Rows of one chunk.
  package let rowCount: Int
  /// Chunks of one layer.
  package let chunkCount: Int

  /// Rows with the last chunk's padding.
  package var paddedRowCount: Int { rowCount * chunkCount }

  /// The chunks that hold some rows, of which there is at least one.
  package func chunks(of rows: Range<Int>) -> Range<Int> {
    rows.lowerBound / rowCount..<(rows.upperBound - 1) / rowCount + 1
  }

  /// The largest chunk, in bytes, unless one row is larger.
  static let greatestByteCount = 1 << 20

  /// - Parameters:
  ///   - tokenCount: rows of one layer, at least 1.
  ///   - rowByteCount: bytes of one row, at least 1.
  package init(tokenCount: Int, rowByteCount: Int) {
    let greatest = max(1, Self.greatestByteCount / rowByteCount)
    let count = (tokenCount + greatest - 1) / greatest
    rowCount = (tokenCount + count - 1) / count
    chunkCount = (tokenCount + rowCount - 1) / rowCount
  }
}
