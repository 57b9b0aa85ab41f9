import Activations
import Files
import HDF5
import Kernels
import Tensors

/// One published shard, open for reading, checked against the plan.
struct ShardReader: Sendable {
  let path: String
  let plan: CapturePlan
  let tokenCount: Int
  /// Index in the corpus of the shard's first token.
  let firstToken: Int
  private let file: HDF5File
  private let datasets: [HookPoint: HDF5Dataset]

  /// Opens a shard and checks names, types, shapes and that everything is stored in this file.
  ///
  /// - Throws: `CaptureError.damaged`; `HDF5Error.missing` when it is not there.
  init(path: String, shard: Int, plan: CapturePlan) throws {
    self.path = path
    self.plan = plan
    tokenCount = plan.shards[shard].tokenCount
    firstToken = plan.firstToken(ofShard: shard)
    do throws(HDF5Error) {
      file = try HDF5File.open(path)
      var datasets: [HookPoint: HDF5Dataset] = [:]
      for hookPoint in plan.options.hookPoints {
        let dataset = try file.root.openDataset(hookPoint.rawValue)
        let width = plan.width(hookPoint)
        try dataset.require(
          shape: [plan.options.layers.count, tokenCount, width],
          type: plan.options.dataType.elementType)
        let rowByteCount = width * plan.options.dataType.byteCount
        let chunks = ChunkLayout(tokenCount: tokenCount, rowByteCount: rowByteCount)
        let stored = plan.options.layers.count * chunks.paddedRowCount * rowByteCount
        if plan.options.compressionLevel == nil, dataset.storedByteCount != stored {
          throw .readFailed(
            path: path, object: dataset.name,
            reason: "expected \(stored) bytes, found \(dataset.storedByteCount)")
        }
        datasets[hookPoint] = dataset
      }
      self.datasets = datasets
    } catch {
      if case .missing = error { throw error }
      throw CaptureError.damaged(path: path, reason: error.description)
    }
  }

  /// - Throws: `CaptureError.damaged` when the shard belongs to another plan.
  func requirePlan(_ text: String) throws {
    guard try file.root.stringAttribute("mohd_plan") == text else {
      throw CaptureError.damaged(path: path, reason: "it belongs to a run with another plan")
    }
  }

  func close() throws { try file.close() }

  /// One batch as it went through the model.
  func batch(_ place: BatchPlace) throws -> TokenBatch {
    let rowCount = place.tokenCount
    let (documents, indices, positions) = (
      try column("document", place), try column("sequence", place), try column("position", place)
    )
    var sequences: [TokenBatch.Sequence] = []
    var start = 0
    for row in 0..<rowCount {
      let isLast = row + 1 == rowCount || positions[row + 1] == 0
      guard Int(positions[row]) == row - start, documents[row] == documents[start],
        indices[row] == indices[start], documents[row] >= 0, indices[row] >= 0
      else {
        throw CaptureError.damaged(
          path: path,
          reason: "row \(place.rows.lowerBound + row) of position, document and sequence do not "
            + "fit together")
      }
      if isLast {
        sequences.append(
          TokenBatch.Sequence(
            rows: start..<row + 1, document: Int(documents[start]), index: Int(indices[start])))
        start = row + 1
      }
    }
    return TokenBatch(tokenIDs: try column("token_id", place), sequences: sequences)
  }

  /// For each row of a batch, the index of its document's domain.
  func domains(_ place: BatchPlace) throws -> [Int32] { try column("domain", place) }

  private func column(_ name: String, _ place: BatchPlace) throws -> [Int32] {
    let dataset = try file.root.openDataset(name)
    try dataset.require(shape: [tokenCount], type: .int32)
    return try dataset.read(offset: [place.rows.lowerBound], count: [place.tokenCount])
  }

  /// The dataset of a hook point that the plan contains.
  func dataset(_ hookPoint: HookPoint) throws -> HDF5Dataset {
    guard let dataset = datasets[hookPoint] else {
      throw CaptureError.damaged(path: path, reason: "\(hookPoint.rawValue) is missing")
    }
    return dataset
  }

  /// Calls `body` with the panels of one hook point and layer of a batch, as the model gave them:
  /// from several threads, in no fixed order.
  ///
  /// One thread reads, because HDF5 has one; the workers widen.
  func forEachPanel(
    _ hookPoint: HookPoint, layerIndex: Int, of place: BatchPlace, pool: WorkerPool,
    _ body: @Sendable (_ values: Span<Float>, _ rows: Range<Int>) -> Void
  ) throws {
    let dataset = try dataset(hookPoint)
    let width = plan.width(hookPoint)
    let tokenCount = place.tokenCount
    let panels = ActivationPanel.ranges(tokenCount: tokenCount)
    let (offset, count) = ([layerIndex, place.rows.lowerBound, 0], [1, tokenCount, width])
    switch plan.options.dataType {
    case .float32:
      let matrix = Matrix(rowCount: tokenCount, columnCount: width)
      let view = matrix.view
      try dataset.read(offset: offset, count: count, into: view)
      pool.forEach(panels.count) { panel, _ in
        view.rows(panels[panel]).withSpan { body($0, panels[panel]) }
      }
    case .float16:
      let buffer = StagingBuffer(byteCount: 2 * tokenCount * width)
      try dataset.read(offset: offset, count: count, into: buffer, at: 0)
      let workspaces = (0..<pool.workerCount).map { _ in
        Matrix(rowCount: min(ActivationPanel.rowCount, tokenCount), columnCount: width).view
      }
      pool.forEach(panels.count) { panel, worker in
        let rows = panels[panel]
        let numbers = workspaces[worker].rows(0..<rows.count)
        buffer.withBytes(2 * rows.lowerBound * width..<2 * rows.upperBound * width) {
          Elementwise.fastest.convertFromFloat16($0, into: numbers)
        }
        numbers.withSpan { body($0, rows) }
      }
    }
  }
}
