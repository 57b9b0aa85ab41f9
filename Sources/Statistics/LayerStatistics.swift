import Activations
import Kernels
import Synchronization
import Tensors

/// The statistics of one layer after another over a whole corpus; the memory of one layer only.
///
/// For each layer: `open` and `fold` each batch in corpus order, then `endLayer`. The atom is the
/// sequence: what a sequence adds does not depend on its batch, and what is added are integers and
/// exact sums; so results do not depend on batches, workers, or on live stream or replay.
struct LayerStatistics: Sendable {
  /// What a layer leaves.
  struct Outcome: Sendable {
    let total: LayerResult
    /// One for each domain of the layout.
    let domains: [LayerResult]
    /// By hook point, then domain.
    let states: [HookPoint: [SiteState]]
  }

  let layout: CorpusLayout
  let options: StatisticsOptions
  /// In the order of `HookPoint.allCases`.
  let hookPoints: [HookPoint]
  let widths: [Int]
  let pool: WorkerPool
  private var stores: [RowStore]
  private(set) var batches: [[Piece]] = []
  private(set) var slots: [[Slot]] = []
  private(set) var tokenCount = 0
  /// Sequences in the nulls' sample, and where each one's rows begin in it.
  let sample: [Int: Int]
  let sampleTokenCount: Int
  var sampleSequences: [Int] { sample.keys.sorted() }
  let sampleRows: [MatrixView]
  let shared: [Int: WidthNulls]

  /// One sequence of a batch.
  struct Piece: Sendable {
    let sequence: Int
    /// Rows of the batch that statistics see.
    let rows: Range<Int>
  }

  /// What one worker gathers for one hook point.
  struct Gathered: Sendable {
    var domains: [SiteState]
    var workspace: SiteWorkspace
    var histogram = MagnitudeHistogram()
    var selection: QuantileSelection.Sweep?
    var quantiles: [QuantileSets] = []
    var nonFiniteSampleRows: Set<Int> = []
  }

  final class Slot: Sendable {
    let state: Mutex<Gathered>
    init(_ state: Gathered) { self.state = Mutex(state) }
  }

  /// - Parameters:
  ///   - widths: the hook points that will be received, with their numbers of dimensions.
  ///   - rowMemoryLimit: bytes of the layer's rows to keep in memory; the rest goes to a scratch
  ///     file in `scratchFolder`.
  init(
    layout: CorpusLayout, widths: [HookPoint: Int], options: StatisticsOptions, pool: WorkerPool,
    rowMemoryLimit: Int, scratchFolder: String
  ) {
    self.layout = layout
    self.options = options
    self.pool = pool
    let hookPoints = HookPoint.allCases.filter { widths[$0] != nil }
    self.hookPoints = hookPoints
    let ordered = hookPoints.map { widths[$0] ?? 0 }
    self.widths = ordered
    let totalWidth = max(1, ordered.reduce(0, +))
    stores = ordered.map {
      RowStore(
        width: $0, memoryLimit: rowMemoryLimit / totalWidth * $0, folder: scratchFolder)
    }
    var sample: [Int: Int] = [:]
    var next = 0
    for sequence in layout.sample(options) {
      sample[sequence] = next
      next += layout.keptCount(sequence, options: options)
    }
    self.sample = sample
    sampleTokenCount = next
    sampleRows = ordered.map { Matrix(rowCount: next, columnCount: $0).view }
    var shared: [Int: WidthNulls] = [:]
    let kept = layout.sequences.indices.reduce(0) {
      $0 + layout.keptCount($1, options: options)
    }
    for width in Set(ordered) where kept > 0 {
      shared[width] = WidthNulls(width: width, tokenCount: kept, options: options)
    }
    self.shared = shared
    reset()
  }

  /// Whether every token of the corpus has been folded into the layer.
  var isComplete: Bool { tokenCount == layout.tokenCount }

  /// Where the rows of the layer's next batch are to be written: one view for each hook point.
  mutating func open(_ batch: TokenBatch) throws -> [MatrixView] {
    try stores.indices.map {
      try stores[$0].open(batch: batches.count, rowCount: batch.tokenCount)
    }
  }

  /// Adds the batch whose rows have been written to the views of `open`.
  mutating func fold(_ batch: TokenBatch, rows views: [MatrixView]) throws {
    var pieces: [Piece] = []
    for sequence in batch.sequences {
      guard let place = layout.place(of: sequence) else {
        throw StatisticsError.unknownSequence(
          document: sequence.document, index: sequence.index)
      }
      let skipped = min(options.skippedPositions.count, sequence.rows.count)
      pieces.append(
        Piece(
          sequence: place,
          rows: sequence.rows.lowerBound + skipped..<sequence.rows.upperBound))
    }
    let (layout, options, sample, sampleRows) = (layout, options, sample, sampleRows)
    forEachRow(of: pieces, in: views) { gathered, hook, piece, rows in
      let sequence = layout.sequences[piece.sequence]
      let sampleStart = sample[piece.sequence]
      if let sampleStart {
        copy(rows, into: sampleRows[hook].rows(sampleStart..<sampleStart + rows.rowCount))
      }
      let (runs, bad) =
        gathered.workspace.sumIfFinite(rows) ? ([0..<rows.rowCount], nil) : Self.finiteRuns(rows)
      if let bad {
        gathered.domains[sequence.domain].addNonFinite(bad.reduce(0) { $0 + Int64($1) })
        if let sampleStart {
          for row in bad.indices where bad[row] > 0 {
            gathered.nonFiniteSampleRows.insert(sampleStart + row)
          }
        }
      }
      for run in runs {
        let view = rows.rows(run)
        let permutation = sampleStart.map { _ in
          Self.permutation(of: run, in: sequence, seed: options.seed)
        }
        gathered.domains[sequence.domain].fold(
          view, document: layout.documentKeys[sequence.document], permutation: permutation,
          workspace: &gathered.workspace)
        gathered.histogram.accumulate(view)
      }
    }
    for index in stores.indices { try stores[index].close(batch: batches.count) }
    batches.append(pieces)
    tokenCount += batch.tokenCount
  }

  /// The first five kept tokens of the sequence with the smallest key; nil when all are shorter.
  func window(of batch: TokenBatch, in rows: MatrixView) -> FiveTokensWindow? {
    let skipped = options.skippedPositions.count
    var chosen: (key: UInt64, sequence: TokenBatch.Sequence)?
    for sequence in batch.sequences
    where sequence.rows.count >= skipped + 5 && layout.place(of: sequence) != nil {
      let key = layout.documentKeys[sequence.document]
      if let best = chosen, (best.key, best.sequence.index) <= (key, sequence.index) { continue }
      chosen = (key, sequence)
    }
    guard let (key, sequence) = chosen else { return nil }
    let first = sequence.rows.lowerBound + skipped
    let values = rows.rows(first..<first + 5).elements().map(abs)
    guard values.allSatisfy(\.isFinite) else { return nil }
    return FiveTokensWindow(
      documentKey: key, sequence: sequence.index, position: skipped, magnitudes: values)
  }

  // MARK: - Sweeps

  /// Calls `body` for each hook point and sequence, on the pool, with the worker's own gathering.
  func forEachRow(
    of pieces: [Piece], in views: [MatrixView],
    _ body: @Sendable (inout Gathered, _ hook: Int, Piece, MatrixView) -> Void
  ) {
    let slots = slots
    pool.forEach(pieces.count * views.count) { index, worker in
      let hook = index % views.count
      let piece = pieces[index / views.count]
      guard !piece.rows.isEmpty else { return }
      slots[worker][hook].state.withLock { gathered in
        body(&gathered, hook, piece, views[hook].rows(piece.rows))
      }
    }
  }

  /// The longest runs of rows without NaN or infinity; and, if there is one, the counts by row.
  static func finiteRuns(_ rows: MatrixView) -> (runs: [Range<Int>], bad: [Int32]?) {
    let counts = nonFiniteCounts(rows)
    guard counts.contains(where: { $0 > 0 }) else { return ([0..<rows.rowCount], nil) }
    var runs: [Range<Int>] = []
    var start = 0
    for (row, count) in counts.enumerated() where count > 0 {
      if row > start { runs.append(start..<row) }
      start = row + 1
    }
    if start < rows.rowCount { runs.append(start..<rows.rowCount) }
    return (runs, counts)
  }

  /// The seeded order of a run's tokens for the shuffled null.
  static func permutation(
    of run: Range<Int>, in sequence: CorpusLayout.Sequence, seed: UInt64
  ) -> [Int] {
    var generator = SeededGenerator(seed: [
      seed, 0x7368_7566, UInt64(sequence.document), UInt64(sequence.index),
      UInt64(run.lowerBound),
    ])
    return generator.permutation(run.count)
  }

  mutating func load(_ batch: Int) throws -> [MatrixView] {
    try stores.indices.map { try stores[$0].load(batch: batch) }
  }

  mutating func reset() {
    tokenCount = 0
    batches = []
    slots = (0..<pool.workerCount).map { _ in
      widths.map { width in
        Slot(
          Gathered(
            domains: layout.domains.map { _ in SiteState(width: width) },
            workspace: SiteWorkspace(width: width)))
      }
    }
  }
}

/// A value that several workers fill.
final class Box<Value: Sendable>: Sendable {
  let value: Mutex<Value>
  init(_ value: Value) { self.value = Mutex(value) }
}
