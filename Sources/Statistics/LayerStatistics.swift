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
  private let pool: WorkerPool
  private var stores: [RowStore]
  private var batches: [[Piece]] = []
  private var slots: [[Slot]] = []
  private(set) var tokenCount = 0
  /// Sequences in the nulls' sample, and where each one's rows begin in it.
  private let sample: [Int: Int]
  let sampleTokenCount: Int
  var sampleSequences: [Int] { sample.keys.sorted() }
  private let sampleRows: [MatrixView]
  private let shared: [Int: WidthNulls]
  private var nonFiniteSampleRows: [Set<Int>] = []

  /// One sequence of a batch.
  private struct Piece: Sendable {
    let sequence: Int
    /// Rows of the batch that statistics see.
    let rows: Range<Int>
  }

  /// What one worker gathers for one hook point.
  private struct Gathered: Sendable {
    var domains: [SiteState]
    var workspace: SiteWorkspace
    var histogram = MagnitudeHistogram()
    var quantiles: [QuantileSets] = []
    var nonFiniteSampleRows: Set<Int> = []
  }

  private final class Slot: Sendable {
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
    for sequence in layout.sample(limit: options.nullTokenLimit, options: options) {
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
      let (runs, bad) = Self.finiteRuns(rows)
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
          var generator = SeededGenerator(seed: [
            options.seed, 0x7368_7566, UInt64(sequence.document), UInt64(sequence.index),
            UInt64(run.lowerBound),
          ])
          return generator.permutation(run.count)
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

  /// All batches of the layer have been folded: finishes it and makes ready for the next.
  mutating func endLayer(_ layer: Int) throws -> Outcome {
    let (layout, options, sample) = (layout, options, sample)
    // What one sweep gathered: exact, so workers merge in any order.
    var states = widths.map { width in layout.domains.map { _ in SiteState(width: width) } }
    var histograms = widths.map { _ in MagnitudeHistogram() }
    nonFiniteSampleRows = widths.map { _ in [] }
    for worker in slots {
      for hook in widths.indices {
        worker[hook].state.withLock { gathered in
          for domain in layout.domains.indices {
            states[hook][domain].merge(gathered.domains[domain])
          }
          histograms[hook].merge(gathered.histogram)
          nonFiniteSampleRows[hook].formUnion(gathered.nonFiniteSampleRows)
        }
      }
    }
    let totals = states.map { $0.dropFirst().reduce(into: $0[0]) { $0.merge($1) } }

    // Second sweep: exact quantiles and counts from histograms of the bins that matter.
    var selections = totals.indices.map { QuantileSelection(totals[$0], histograms[$0]) }
    let needsSpectrum = selections.map { _ in spectrumNeedsAllTokens }
    let moments = widths.map { Box(SecondMoments(width: $0 <= options.basisWidthLimit ? $0 : 0)) }
    for worker in slots {
      for hook in widths.indices {
        worker[hook].state.withLock { gathered in
          gathered.histogram = MagnitudeHistogram()
          gathered.histogram.open(selections[hook].uppers)
        }
      }
    }
    let limit = options.basisWidthLimit
    for batch in batches.indices {
      let views = try load(batch)
      forEachRow(of: batches[batch], in: views) { gathered, _, _, rows in
        for run in Self.finiteRuns(rows).runs {
          gathered.histogram.accumulateLower(rows.rows(run))
        }
      }
      let pieces = batches[batch]
      pool.forEach(widths.count) { hook, _ in
        guard needsSpectrum[hook], views[hook].columnCount <= limit else { return }
        moments[hook].value.withLock { moments in
          for piece in pieces {
            let rows = views[hook].rows(piece.rows)
            for run in Self.finiteRuns(rows).runs { moments.accumulate(rows.rows(run)) }
          }
        }
      }
    }
    for worker in slots {
      for hook in widths.indices {
        worker[hook].state.withLock { selections[hook].mergeLower($0.histogram) }
      }
    }
    let thresholds = zip(selections, totals).map { $0.thresholds($1) }

    // Third sweep: sets above the quantiles, and massive activations.
    let domainCount = layout.domains.count
    for worker in slots {
      for hook in widths.indices {
        let width = widths[hook]
        worker[hook].state.withLock { gathered in
          gathered.histogram = MagnitudeHistogram()
          gathered.quantiles = (0..<domainCount).map { _ in QuantileSets(width: width) }
        }
      }
    }
    for batch in batches.indices {
      forEachRow(of: batches[batch], in: try load(batch)) { gathered, hook, piece, rows in
        guard let limits = thresholds[hook] else { return }
        let sequence = layout.sequences[piece.sequence]
        let isSampled = sample[piece.sequence] != nil
        for run in Self.finiteRuns(rows).runs {
          var generator = SeededGenerator(seed: [
            options.seed, 0x7368_7566, UInt64(sequence.document), UInt64(sequence.index),
            UInt64(run.lowerBound),
          ])
          gathered.quantiles[sequence.domain].fold(
            rows.rows(run), limits: limits,
            permutation: isSampled ? generator.permutation(run.count) : nil,
            bits: &gathered.workspace.bits)
        }
      }
    }
    var quantiles = widths.map { width in (0..<domainCount).map { _ in QuantileSets(width: width) }
    }
    for worker in slots {
      for hook in widths.indices {
        worker[hook].state.withLock { gathered in
          for domain in 0..<domainCount {
            quantiles[hook][domain].merge(gathered.quantiles[domain])
          }
        }
      }
    }

    // Nulls on the sample, then results.
    let nulls = self.nulls(totals, moments: moments)
    var layerPoints: [String: HookPointResult] = [:]
    var domainPoints = [[String: HookPointResult]](repeating: [:], count: domainCount)
    for (hook, point) in hookPoints.enumerated() {
      let extras = SiteExtras(
        thresholds: thresholds[hook],
        quantiles: quantiles[hook].dropFirst().reduce(into: quantiles[hook][0]) { $0.merge($1) },
        nulls: nulls[hook])
      layerPoints[point.rawValue] = extras.result(totals[hook], options: options)
      for domain in 0..<domainCount where domainCount > 1 {
        let extras = SiteExtras(domainOf: thresholds[hook], quantiles[hook][domain])
        domainPoints[domain][point.rawValue] = extras.result(
          states[hook][domain], options: options)
      }
    }
    let outcome = Outcome(
      total: LayerResult(
        layer: layer, hookPoints: layerPoints,
        flowPercent: ActivationFlow.percentages(layerPoints)),
      domains: domainPoints.map {
        LayerResult(
          layer: layer, hookPoints: $0, flowPercent: ActivationFlow.percentages($0))
      },
      states: Dictionary(uniqueKeysWithValues: zip(hookPoints, states)))
    reset()
    return outcome
  }

  // MARK: - Sweeps

  /// Calls `body` for each hook point and sequence, on the pool, with the worker's own gathering.
  private func forEachRow(
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
  private static func finiteRuns(_ rows: MatrixView) -> (runs: [Range<Int>], bad: [Int32]?) {
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

  private mutating func load(_ batch: Int) throws -> [MatrixView] {
    try stores.indices.map { try stores[$0].load(batch: batch) }
  }

  private mutating func reset() {
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

  // MARK: - Nulls

  /// Whether the covariance spectrum comes from all tokens and the sample does not hold them.
  private var spectrumNeedsAllTokens: Bool {
    let kept = batches.joined().reduce(0) { $0 + $1.rows.count }
    return kept > sampleTokenCount && kept <= options.spectrumTokenLimit
  }

  private func nulls(_ totals: [SiteState], moments: [Box<SecondMoments>]) -> [SiteNulls] {
    let rows = sampleRows.indices.map { hook in
      Self.withoutRows(nonFiniteSampleRows[hook], sampleRows[hook])
    }
    let results = totals.map { _ in Box(SiteNulls()) }
    let (options, shared, widths) = (options, shared, widths)
    let needsAll = spectrumNeedsAllTokens
    pool.forEach(totals.count * 4) { index, _ in
      let hook = index / 4
      let rows = rows[hook]
      guard let own = shared[widths[hook]] else { return }
      switch index % 4 {
      case 0:
        var sampled = SecondMoments(
          width: widths[hook] <= options.basisWidthLimit ? widths[hook] : 0)
        guard sampled.width > 0 else {
          results[hook].value.withLock { $0.isTooWide = true }
          return
        }
        sampled.accumulate(rows)
        let spectral = needsAll ? moments[hook].value.withLock { $0 } : sampled
        var curves: TailCurves?
        if let basis = sampled.eigenbasis() { curves = Nulls.inBasis(rows, basis.view) }
        results[hook].value.withLock {
          $0.spectralParticipationRatio = spectral.spectralParticipationRatio
          $0.spectrumTokenCount = spectral.count
          $0.tail.pcaBasis = curves
        }
      case 1:
        let curves = own.basis.flatMap { Nulls.inBasis(rows, $0) }
        results[hook].value.withLock { $0.tail.randomBasis = curves }
      case 2:
        let curves = rows.rowCount > 0 ? Nulls.columnShuffle(rows, seed: options.seed) : nil
        results[hook].value.withLock { $0.tail.columnShuffle = curves }
      default:
        let curves = Nulls.perDimensionGaussian(
          totals[hook].magnitude, tokenCount: totals[hook].tokenCount, gaussian: own.gaussian)
        results[hook].value.withLock { $0.tail.perDimensionGaussian = curves }
      }
    }
    return results.map { box in
      var result = box.value.withLock { $0 }
      result.explain(sampleTokenCount: sampleTokenCount, options: options)
      return result
    }
  }

  /// The rows that are not in `bad`, without gaps.
  private static func withoutRows(_ bad: Set<Int>, _ rows: MatrixView) -> MatrixView {
    guard !bad.isEmpty else { return rows }
    let kept = (0..<rows.rowCount).filter { !bad.contains($0) }
    let result = Matrix(rowCount: kept.count, columnCount: rows.columnCount)
    for (target, source) in kept.enumerated() {
      copy(rows.rows(source..<source + 1), into: result.rows(target..<target + 1))
    }
    return result.view
  }
}

/// A value that several workers fill.
final class Box<Value: Sendable>: Sendable {
  let value: Mutex<Value>
  init(_ value: Value) { self.value = Mutex(value) }
}
