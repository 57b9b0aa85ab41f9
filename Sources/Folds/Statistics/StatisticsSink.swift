import Activations
import Kernels
import Synchronization
import Tensors

/// Takes activations of a live model or a replayed capture and makes every statistic of them.
///
/// The source must sweep layer by layer over the whole corpus:
///
///     for each layer { for each batch { begin → receive… → finish(layer) → end } }
///
/// so that one layer's accumulators are alive at a time. A corpus of a single batch may also come
/// as any sink's does: begin once, then all layers, then end.
public final class StatisticsSink: ActivationSink {
  private let layers: Set<Int>
  private let orderedLayers: [Int]
  private let indices: [HookPoint: Int]
  private let progress: Mutex<Progress>
  private let targets = Mutex<[MatrixView]>([])
  private let provenance: [String: String]

  private struct Progress: Sendable {
    var engine: LayerStatistics
    var batch: TokenBatch?
    var isOpen = false
    var layer: Int?
    var window: [HookPoint: FiveTokensWindow] = [:]
  }

  /// - Parameters:
  ///   - layout: the whole corpus, known before the sweep.
  ///   - layers: the layers that will be swept.
  ///   - widths: the hook points to take, with their numbers of dimensions.
  ///   - rowMemoryLimit: bytes of one layer's rows to keep in memory for second sweeps; the rest
  ///     goes to a scratch file.
  ///   - scratchFolder: where that file may lie, such as the output folder.
  ///   - provenance: copied into the result.
  public init(
    layout: CorpusLayout, layers: [Int], widths: [HookPoint: Int],
    options: StatisticsOptions = StatisticsOptions(), pool: WorkerPool,
    rowMemoryLimit: Int = 768 << 20, scratchFolder: String = "/tmp",
    provenance: [String: String] = [:]
  ) {
    precondition(widths.values.allSatisfy { $0 > 0 }, "a hook point has dimensions")
    self.layers = Set(layers)
    orderedLayers = Array(Set(layers)).sorted()
    self.provenance = provenance
    let engine = LayerStatistics(
      layout: layout, widths: widths, options: options, pool: pool,
      rowMemoryLimit: rowMemoryLimit, scratchFolder: scratchFolder)
    indices = Dictionary(
      uniqueKeysWithValues: engine.hookPoints.enumerated().map { ($0.element, $0.offset) })
    progress = Mutex(Progress(engine: engine))
  }

  public func wants(_ site: ActivationSite) -> Bool {
    layers.contains(site.layer) && indices[site.hookPoint] != nil
  }

  public func begin(_ batch: TokenBatch) throws {
    progress.withLock { progress in
      progress.batch = batch
      progress.isOpen = false
    }
    try open()
  }

  public func receive(_ values: Span<Float>, rows: Range<Int>, at site: ActivationSite) {
    guard wants(site), let index = indices[site.hookPoint] else { return }
    let target = targets.withLock { $0[index] }
    copy(values, into: target.rows(rows))
  }

  public func finish(layer: Int) throws {
    guard layers.contains(layer) else { return }
    let views = targets.withLock { $0 }
    try progress.withLock { progress in
      guard let batch = progress.batch else { return }
      if let current = progress.layer, current != layer, progress.engine.tokenCount > 0 {
        throw StatisticsError.incompleteLayer(
          layer: current, tokenCount: progress.engine.tokenCount,
          expected: progress.engine.layout.tokenCount)
      }
      progress.layer = layer
      if layer == orderedLayers[orderedLayers.count / 2] {
        for (index, point) in progress.engine.hookPoints.enumerated() {
          if let window = progress.engine.window(of: batch, in: views[index]),
            progress.window[point].map({ FiveTokensWindow.precedes(window, $0) }) ?? true
          {
            progress.window[point] = window
          }
        }
      }
      try progress.engine.fold(batch)
      progress.isOpen = false
      if progress.engine.isComplete {
        try progress.engine.endLayer(layer)
      }
    }
    try openNextLayer()
  }

  public func end(_ batch: TokenBatch) throws {
    progress.withLock { $0.batch = nil }
  }

  /// A batch that is the whole corpus may go on with the next layer at once.
  private func openNextLayer() throws {
    let isWhole = progress.withLock { $0.batch?.tokenCount == $0.engine.layout.tokenCount }
    if isWhole { try open() }
  }

  /// Makes room for the batch's rows.
  private func open() throws {
    let views: [MatrixView]? = try progress.withLock { progress in
      guard let batch = progress.batch, !progress.isOpen else { return nil }
      progress.isOpen = true
      return try progress.engine.open(batch)
    }
    if let views { targets.withLock { $0 = views } }
  }

  /// The result and the state of a finished sweep.
  ///
  /// - Throws: `StatisticsError` when a layer is missing or not complete; an empty corpus is fine.
  public func finish() throws -> (result: StatisticsResult, state: StatisticsState) {
    try progress.withLock { progress in
      if progress.engine.tokenCount > 0, let layer = progress.layer {
        throw StatisticsError.incompleteLayer(
          layer: layer, tokenCount: progress.engine.tokenCount,
          expected: progress.engine.layout.tokenCount)
      }
      progress.engine.finishPending()
      for layer in orderedLayers where progress.engine.outcomes[layer] == nil {
        guard progress.engine.layout.tokenCount == 0 else {
          throw StatisticsError.missingLayer(layer: layer)
        }
        try progress.engine.endLayer(layer)
        progress.engine.finishPending()
      }
      return StatisticsState.assemble(
        engine: progress.engine, outcomes: progress.engine.outcomes, windows: progress.window,
        windowLayer: orderedLayers.isEmpty ? 0 : orderedLayers[orderedLayers.count / 2],
        provenance: provenance)
    }
  }
}
