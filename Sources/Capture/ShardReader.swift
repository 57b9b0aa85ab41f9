import Activations
import Files
import HDF5
import Kernels
import Synchronization
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
      for place in StagedLayer.places(plan, tokenCount: tokenCount).places {
        let dataset = try file.root.openDataset(place.hookPoint.rawValue)
        try dataset.require(
          shape: [plan.options.layers.count, tokenCount, place.width],
          type: plan.options.dataType.elementType)
        let stored =
          plan.options.layers.count * place.chunks.paddedRowCount * place.width
          * plan.options.dataType.byteCount
        if plan.options.compressionLevel == nil, dataset.storedByteCount != stored {
          throw .readFailed(
            path: path, object: dataset.name,
            reason: "expected \(stored) bytes, found \(dataset.storedByteCount)")
        }
        datasets[place.hookPoint] = dataset
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

  /// The batch as it went through the model.
  func batch() throws -> TokenBatch {
    func column(_ name: String) throws -> [Int32] {
      let dataset = try file.root.openDataset(name)
      try dataset.require(shape: [tokenCount], type: .int32)
      return try dataset.read()
    }
    let (documents, indices, positions) = (
      try column("document"), try column("sequence"), try column("position")
    )
    var sequences: [TokenBatch.Sequence] = []
    var start = 0
    for row in 0..<tokenCount {
      let isLast = row + 1 == tokenCount || positions[row + 1] == 0
      guard Int(positions[row]) == row - start, documents[row] == documents[start],
        indices[row] == indices[start], documents[row] >= 0, indices[row] >= 0
      else {
        throw CaptureError.damaged(
          path: path, reason: "row \(row) of position, document and sequence do not fit together")
      }
      if isLast {
        sequences.append(
          TokenBatch.Sequence(
            rows: start..<row + 1, document: Int(documents[start]), index: Int(indices[start])))
        start = row + 1
      }
    }
    return TokenBatch(tokenIDs: try column("token_id"), sequences: sequences)
  }

  /// For each row, the index of its document's domain.
  func domains() throws -> [Int32] {
    let dataset = try file.root.openDataset("domain")
    try dataset.require(shape: [tokenCount], type: .int32)
    return try dataset.read()
  }

  /// The dataset of a hook point that the plan contains.
  func dataset(_ hookPoint: HookPoint) throws -> HDF5Dataset {
    guard let dataset = datasets[hookPoint] else {
      throw CaptureError.damaged(path: path, reason: "\(hookPoint.rawValue) is missing")
    }
    return dataset
  }

  /// How many numbers of one hook point and layer are infinite or not a number.
  func countNonFinite(_ hookPoint: HookPoint, layerIndex: Int, pool: WorkerPool) throws -> Int {
    let dataset = try dataset(hookPoint)
    let width = plan.width(hookPoint)
    let panels = ActivationPanel.ranges(tokenCount: tokenCount)
    let matrix = Matrix(rowCount: tokenCount, columnCount: width)
    let view = matrix.view
    try dataset.read(offset: [layerIndex, 0, 0], count: [1, tokenCount, width], into: view)
    let total = Atomic<Int>(0)
    pool.forEach(panels.count) { panel, _ in
      let count = view.rows(panels[panel]).withSpan { Elementwise.fastest.countNonFinite($0) }
      total.add(count, ordering: .relaxed)
    }
    return total.load(ordering: .relaxed)
  }
}
