import Activations
import Checkpoints
import Kernels
import Models
import Synchronization
import Tensors

/// Scores prompts with one model, many at a time: layer by layer, each shared beginning once.
///
///     log p(t) = z_t − log Σ_v exp z_v        z the logits of the row before the token, in Double
///
/// A token's number and the largest of a position come from the same two terms, so that they are
/// equal, bit for bit, exactly where the token is the likeliest.
public final class PromptScorer {
  public let configuration: ModelConfiguration
  /// Whether all layers stay widened in memory between batches.
  public var keepsLayers: Bool { !layers.isEmpty }
  private let sweep: LayerSweep
  private let readout: Readout
  private var layers: [LoadedLayer] = []

  /// - Parameter layerMemory: bytes that widened layers may take; beyond that each batch widens them
  ///   one by one again.
  /// - Returns: nil when the checkpoint has no output projection.
  public init?(checkpoint: Checkpoint, pool: WorkerPool, layerMemory: Int) {
    guard let readout = Readout(checkpoint: checkpoint, pool: pool) else { return nil }
    self.readout = readout
    configuration = checkpoint.configuration
    sweep = LayerSweep(checkpoint: checkpoint, pool: pool, sharesSmallBatches: true)
    let layer = LayerSweep.memoryByteCount(
      configuration, tokenCount: 0, longestSequence: 0, pool: WorkerPool(workerCount: 1))
    if configuration.layerCount * layer <= layerMemory {
      layers = (0..<configuration.layerCount).map { sweep.loadApart(layer: $0) }
    }
  }

  /// - Returns: one result for each task, in order; a failure where the model's numbers are not
  ///   finite.
  public func score(_ tasks: [ScoringTask]) -> [Result<ScoredPrompt, ServingFailure>] {
    let tree = PrefixTree(tasks.map(\.inputs))
    guard tree.batch.tokenCount > 0 else {
      return tasks.map { _ in .success(ScoredPrompt(prompt: [], next: nil)) }
    }
    let residual = sweep.embed(tree.batch)
    for layer in 0..<configuration.layerCount {
      if layers.isEmpty { sweep.load(layer: layer) } else { sweep.use(layers[layer]) }
      sweep.pass(tree.batch, through: layer, residual: residual.view, sink: NoSink())
    }
    let reading = RowReading(tasks, rows: tree.rows, rowCount: tree.batch.tokenCount)
    // Rows that nobody reads are squeezed out: the vocabulary is the dearest layer of a small model.
    for (index, row) in reading.rows.enumerated() where index != row {
      copy(residual.rows(row..<row + 1), into: residual.rows(index..<index + 1))
    }
    let scores = Mutex([RowScore](repeating: RowScore(), count: reading.rows.count))
    let wanted = reading.wanted
    readout.forEachPanel(residual.rows(0..<reading.rows.count), sharesFewRows: true) {
      panel, logits in
      let values = panel.map { row in
        RowScore(logits.rows(row - panel.lowerBound..<row - panel.lowerBound + 1), wanted[row])
      }
      scores.withLock { $0.replaceSubrange(panel, with: values) }
    }
    let all = scores.withLock { $0 }
    return tasks.indices.map { index in
      reading.result(of: tasks[index], rows: tree.rows[index], scores: all)
    }
  }
}

/// What has to be read from which row.
private struct RowReading {
  /// What is wanted of one row.
  struct Wanted: Sendable {
    var topCount = 0
    var targets: [Int32] = []
  }

  /// Rows that are read, ascending.
  let rows: [Int]
  /// For each of `rows`.
  let wanted: [Wanted]
  /// From a row of the batch to its index among `rows`.
  private let indexOfRow: [Int: Int]

  init(_ tasks: [ScoringTask], rows rowsOfTasks: [[Int]], rowCount: Int) {
    var all = [Wanted?](repeating: nil, count: rowCount)
    for (task, rows) in zip(tasks, rowsOfTasks) {
      for position in task.readPositions {
        var wanted = all[rows[position]] ?? Wanted()
        // The likeliest is the next token.
        wanted.topCount = max(
          wanted.topCount, task.topCount, position + 1 == task.ids.count ? 1 : 0)
        if position + 1 < task.ids.count {
          let target = task.ids[position + 1]
          if !wanted.targets.contains(target) { wanted.targets.append(target) }
        }
        all[rows[position]] = wanted
      }
    }
    rows = all.indices.filter { all[$0] != nil }
    wanted = all.compactMap(\.self)
    indexOfRow = Dictionary(
      rows.enumerated().map { ($0.element, $0.offset) }, uniquingKeysWith: { one, _ in one })
  }

  func result(
    of task: ScoringTask, rows: [Int], scores: [RowScore]
  ) -> Result<ScoredPrompt, ServingFailure> {
    var result = ScoredPrompt(prompt: [], next: nil)
    result.prompt.reserveCapacity(task.scoresPrompt ? task.ids.count : 0)
    for position in task.readPositions {
      guard let index = indexOfRow[rows[position]] else { continue }
      let row = scores[index]
      let top = Array(row.top.prefix(task.topCount))
      let isLast = position + 1 == task.ids.count
      let token =
        isLast
        ? row.top.first : row.targets.first { $0.id == task.ids[position + 1] }
      guard let token, row.isFinite else {
        return .failure(
          ServingFailure(
            500, "the model gives numbers that are not finite after \(position + 1) tokens"))
      }
      let score = PositionScore(token: token, top: top)
      if isLast { result.next = score } else { result.prompt.append(score) }
    }
    return .success(result)
  }
}

/// What was read from one row of logits.
private struct RowScore: Sendable {
  var top: [TokenScore] = []
  var targets: [TokenScore] = []
  var isFinite = false

  init() {}

  /// - Parameter logits: [1, vocabulary].
  init(_ logits: MatrixView, _ wanted: RowReading.Wanted) {
    let total = Elementwise.fastest.logSumExp(logits)
    func score(_ id: Int) -> TokenScore {
      TokenScore(id: Int32(id), logProbability: Double(logits[0, id]) - total)
    }
    top = Self.likeliest(wanted.topCount, of: logits).map(score)
    targets = wanted.targets.map { score(Int($0)) }
    isFinite = total.isFinite && (top + targets).allSatisfy { $0.logProbability.isFinite }
  }

  /// The columns with the largest values, largest first.
  private static func likeliest(_ count: Int, of logits: MatrixView) -> [Int] {
    if count == 0 { return [] }
    if count == 1 { return [Elementwise.fastest.indexOfLargest(logits)] }
    return logits.withSpan { values in
      var best: [(value: Float, id: Int)] = []
      var least = -Float.infinity
      for id in values.indices where best.count < count || values[id] > least {
        let value = values[id]
        let place = best.firstIndex { $0.value < value } ?? best.count
        best.insert((value, id), at: place)
        if best.count > count { best.removeLast() }
        least = best[best.count - 1].value
      }
      return best.map(\.id)
    }
  }
}
