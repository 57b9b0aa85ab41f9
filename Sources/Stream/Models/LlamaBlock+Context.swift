import Activations
import Kernels
import Tensors

extension LlamaBlock {
  /// Attention of a sequence that goes on from rows elsewhere in the batch: keys and values of both
  /// are put together first, so that what several sequences begin with is computed once.
  ///
  /// - Parameters:
  ///   - joined: [query | key | value] of the whole batch, [tokens, projection]; the heads' outputs
  ///     take the place of their queries.
  ///   - tokens: the queries, counted from the sequence's first row.
  ///   - gathered: the worker's scratch, [positions, projection].
  func attend(
    _ sequence: TokenBatch.Sequence, of joined: MatrixView, tokens: Range<Int>, keyValueHead: Int,
    window: Int, gathered: MatrixView, workspace: Workspace
  ) {
    let first = sequence.firstPosition
    let positions = first + tokens.lowerBound..<first + tokens.upperBound
    let own = sequence.rows.lowerBound..<sequence.rows.lowerBound + tokens.upperBound
    let group = shape.groupSize
    let queries = shape.headColumns(keyValueHead * group).lowerBound
    let queryColumns = queries..<queries + group * shape.headSize
    for columns in [shape.keyColumns(keyValueHead), shape.valueColumns(keyValueHead)] {
      var position = 0
      for rows in sequence.context + [own] {
        copy(
          joined.rows(rows).columns(columns),
          into: gathered.rows(position..<position + rows.count).columns(columns))
        position += rows.count
      }
    }
    let rows = own.lowerBound + tokens.lowerBound..<own.upperBound
    let target = gathered.rows(positions).columns(queryColumns)
    copy(joined.rows(rows).columns(queryColumns), into: target)
    attend(
      gathered.rows(0..<positions.upperBound), tokens: positions, keyValueHead: keyValueHead,
      window: window, workspace: workspace)
    copy(target, into: joined.rows(rows).columns(queryColumns))
  }
}
