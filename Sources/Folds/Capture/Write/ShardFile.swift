import Activations
import Files
import HDF5

/// A file with rows of a shard, open for writing or reading: the shard itself, or a part of it, the
/// chunks that hold one batch. Its methods are called on the writer's queue.
final class ShardFile: Sendable {
  let path: String
  private let plan: CapturePlan
  private let file: HDF5File
  private let tokenArrays: [HDF5Dataset]
  private let datasets: [HDF5Dataset]
  /// For each hook point, the shard's row that its first row is.
  private let firstRows: [Int]
  /// The shard's row that the first token is.
  private let firstTokenRow: Int

  /// Opens a file that was made by `createShard` or `createPart`.
  ///
  /// - Parameter part: the batch that it is a part for; nil for a shard.
  /// - Throws: `HDF5Error`, also for a file of another shape.
  init(
    _ path: String, of plan: CapturePlan, shard: Int, part: BatchPlace?, forWriting: Bool
  ) throws(HDF5Error) {
    self.path = path
    self.plan = plan
    let tokenCount = part?.tokenCount ?? plan.shards[shard].tokenCount
    firstTokenRow = part?.rows.lowerBound ?? 0
    file = try HDF5File.open(path, forWriting: forWriting)
    var tokenArrays: [HDF5Dataset] = []
    for (name, _) in CaptureAxes.tokenArrays {
      let array = try file.root.openDataset(name)
      try array.require(shape: [tokenCount], type: .int32)
      tokenArrays.append(array)
    }
    self.tokenArrays = tokenArrays
    let places = part.map { StagedLayer.places(plan, of: $0).places }
    var datasets: [HDF5Dataset] = []
    for (index, hookPoint) in plan.options.hookPoints.enumerated() {
      let dataset = try file.root.openDataset(hookPoint.rawValue)
      let rowCount = places.map { $0[index].chunks.count * $0[index].chunkRowCount } ?? tokenCount
      try dataset.require(
        shape: [plan.options.layers.count, rowCount, plan.width(hookPoint)],
        type: plan.options.dataType.elementType)
      datasets.append(dataset)
    }
    self.datasets = datasets
    firstRows = places?.map(\.firstRow) ?? datasets.map { _ in 0 }
  }

  /// - Throws: `HDF5Error` when the file belongs to another plan.
  func requirePlan(_ text: String) throws(HDF5Error) {
    guard try file.root.stringAttribute("mohd_plan") == text else {
      throw .readFailed(path: path, object: "mohd_plan", reason: "it is another plan")
    }
  }

  /// Writes what describes the tokens of a batch.
  func write(_ columns: TokenColumns, of batch: BatchPlace) throws(HDF5Error) {
    for (array, column) in zip(tokenArrays, columns.arrays) {
      try array.write(
        offset: [batch.rows.lowerBound - firstTokenRow], count: [batch.tokenCount], column)
    }
  }

  /// Writes one layer of a batch: hook point by hook point, chunk by chunk.
  ///
  /// - Parameters:
  ///   - index: which of the captured layers this is.
  ///   - before: where the rows of the batch before are that share a chunk with this one.
  func write(
    layerIndex index: Int, from staged: StagedLayer, before: ShardFile
  ) throws(HDF5Error) {
    for (number, place) in staged.places.enumerated() {
      let rowByteCount = place.width * plan.options.dataType.byteCount
      if place.leadingRowCount > 0 {
        try before.datasets[number].read(
          offset: [index, place.firstRow - before.firstRows[number], 0],
          count: [1, place.leadingRowCount, place.width], into: staged.buffer, at: place.start)
      }
      let dataset = datasets[number]
      for chunk in place.chunks {
        let row = chunk * place.chunkRowCount - firstRows[number]
        let start =
          place.start + (chunk - place.chunks.lowerBound) * place.chunkRowCount
          * rowByteCount
        if plan.options.compressionLevel == nil {
          try dataset.writeChunk(
            at: [index, row, 0], from: staged.buffer,
            bytes: start..<start + place.chunkRowCount * rowByteCount)
        } else {
          try dataset.write(
            offset: [index, row, 0],
            count: [1, min(place.chunkRowCount, dataset.shape[1] - row), place.width],
            from: staged.buffer, at: start)
        }
      }
    }
    file.startWriteBack()
  }

  /// Copies the tokens of a part, and its chunks but for those that the next part has too, with
  /// more rows in them. They stay compressed as they are.
  ///
  /// - Parameter next: nil for the last part.
  func copy(
    _ batch: BatchPlace, from part: ShardFile, next: BatchPlace?, through buffer: StagingBuffer
  ) throws(HDF5Error) {
    for (target, source) in zip(tokenArrays, part.tokenArrays) {
      try target.write(
        offset: [batch.rows.lowerBound], count: [batch.tokenCount], source.read(as: Int32.self))
    }
    let places = StagedLayer.places(plan, of: batch).places
    let following = next.map { StagedLayer.places(plan, of: $0).places }
    for layer in plan.options.layers.indices {
      for (number, place) in places.enumerated() {
        let end = following.map { $0[number].chunks.lowerBound } ?? place.chunks.upperBound
        for chunk in place.chunks where chunk < end {
          let row = chunk * place.chunkRowCount
          let stored = try part.datasets[number].readChunk(
            at: [layer, row - part.firstRows[number], 0], into: buffer)
          try datasets[number].writeChunk(
            at: [layer, row, 0], from: buffer, bytes: 0..<stored.byteCount,
            skippedFilters: stored.skippedFilters)
        }
      }
    }
    file.startWriteBack()
  }

  /// Closes the file; its bytes are then in the hands of the operating system.
  func close() throws(HDF5Error) { try file.close() }

  /// Gives up the file without flushing anything; see `HDF5File.abandon`.
  func abandon(keepsBytes: Bool) { file.abandon(keepsBytes: keepsBytes) }
}

/// What describes the tokens of a batch: one number for each row, in the order of
/// `CaptureAxes.tokenArrays`.
struct TokenColumns: Sendable {
  let arrays: [[Int32]]

  /// - Parameter domains: for each row, the index of its document's domain.
  init(_ batch: TokenBatch, domains: [Int32]) {
    func column(_ value: (TokenBatch.Sequence, Int) -> Int) -> [Int32] {
      batch.sequences.flatMap { sequence in
        sequence.rows.map { Int32(clamping: value(sequence, $0)) }
      }
    }
    let columns = [
      "token_id": batch.tokenIDs, "domain": domains,
      "document": column { sequence, _ in sequence.document },
      "sequence": column { sequence, _ in sequence.index },
      "position": column { sequence, row in row - sequence.rows.lowerBound },
    ]
    arrays = CaptureAxes.tokenArrays.map { columns[$0.name] ?? [] }
  }
}
