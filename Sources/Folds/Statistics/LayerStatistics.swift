import Activations
import Files
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
  /// The different widths, and for each hook point which of them is its own.
  let workspaceWidths: [Int]
  let workspaceIndices: [Int]
  let pool: WorkerPool
  private var stores: [RowStore]
  /// The layers that are finished.
  var outcomes: [Int: Outcome] = [:]
  var pending: PendingLayer?
  private(set) var batches: [[Piece]] = []
  private(set) var workers: [Worker] = []
  /// The batch that is being received, by hook point.
  private var opened: [StoredRows] = []
  private(set) var tokenCount = 0
  /// Sequences in the nulls' sample, and where each one's rows begin in it.
  let sample: [Int: Int]
  let sampleTokenCount: Int
  var sampleSequences: [Int] { sample.keys.sorted() }
  /// The sample of the layer that is being received; a pending layer has its own.
  private(set) var sampleRows: [MatrixView]
  private var otherSampleRows: [MatrixView]
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
    var histogram = MagnitudeHistogram()
    var selection: QuantileSelection.Sweep?
    var quantiles: [QuantileSets] = []
    var nonFiniteSampleRows: Set<Int> = []
  }

  /// One worker's state. Hook points of one width share a workspace, which then stays in the cache
  /// while they take turns.
  final class Worker: Sendable {
    struct State: Sendable {
      /// By hook point.
      var gathered: [Gathered]
      /// By width, as `workspaceWidths` orders them.
      var workspaces: [SiteWorkspace]
    }
    let state: Mutex<State>
    init(_ state: State) { self.state = Mutex(state) }
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
    let different = Array(Set(ordered)).sorted()
    workspaceWidths = different
    workspaceIndices = ordered.map { different.firstIndex(of: $0) ?? 0 }
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
    otherSampleRows = ordered.map { Matrix(rowCount: next, columnCount: $0).view }
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
    let all = try stores.indices.map {
      try stores[$0].open(batch: batches.count, rowCount: batch.tokenCount)
    }
    opened = all.map(\.rows)
    return all.map(\.view)
  }

  /// Adds the batch whose rows have been written to the views of `open`.
  mutating func fold(_ batch: TokenBatch) throws {
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
    let opened = opened
    try forEachRow(of: pieces.map { ($0, opened) }) { gathered, workspace, hook, piece, rows in
      let sequence = layout.sequences[piece.sequence]
      let sampleStart = sample[piece.sequence]
      if let sampleStart {
        copy(rows, into: sampleRows[hook].rows(sampleStart..<sampleStart + rows.rowCount))
      }
      let (runs, bad) =
        workspace.sumIfFinite(rows) ? ([0..<rows.rowCount], nil) : Self.finiteRuns(rows)
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
          workspace: &workspace)
        gathered.histogram.accumulate(view)
      }
    }
    self.opened = []
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

  typealias RowBody =
    @Sendable (
      inout Gathered, inout SiteWorkspace, _ hook: Int, Piece, MatrixView
    ) -> Void

  /// Calls `body` for each hook point and sequence of all batches that were folded.
  func forEachKeptRow(_ body: RowBody) throws {
    let stored = batches.indices.map { load($0) }
    try forEachRow(
      of: zip(stored, batches).flatMap { rows, pieces in pieces.map { ($0, rows) } }, body)
  }

  /// Calls `body` for each hook point and sequence, on the pool, with the worker's own gathering;
  /// rows that memory does not hold are read before, and kept after the first sweep.
  private func forEachRow(of pieces: [(Piece, [StoredRows])], _ body: RowBody) throws {
    let (workers, workspaceIndices, hookCount) = (workers, workspaceIndices, widths.count)
    let failure = Mutex<FileError?>(nil)
    pool.forEach(pieces.count * hookCount) { index, worker in
      let hook = index % hookCount
      let (piece, stored) = pieces[index / hookCount]
      guard !piece.rows.isEmpty else { return }
      workers[worker].state.withLock { state in
        let own = workspaceIndices[hook]
        do throws(FileError) {
          let rows = try stored[hook].read(piece.rows, buffer: &state.workspaces[own].rows)
          body(&state.gathered[hook], &state.workspaces[own], hook, piece, rows)
          try stored[hook].keep(piece.rows)
        } catch {
          failure.withLock { $0 = error }
        }
      }
    }
    if let error = failure.withLock({ $0 }) { throw error }
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

  func load(_ batch: Int) -> [StoredRows] { stores.map { $0.load(batch: batch) } }

  mutating func reset() {
    swap(&sampleRows, &otherSampleRows)
    tokenCount = 0
    batches = []
    workers = (0..<pool.workerCount).map { _ in
      Worker(
        Worker.State(
          gathered: widths.map { width in
            Gathered(domains: layout.domains.map { _ in SiteState(width: width) })
          }, workspaces: workspaceWidths.map { SiteWorkspace(width: $0) }))
    }
  }
}

/// A value that several workers fill.
final class Box<Value: Sendable>: Sendable {
  let value: Mutex<Value>
  init(_ value: Value) { self.value = Mutex(value) }
}
