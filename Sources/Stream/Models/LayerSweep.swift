import Activations
import Checkpoints
import Kernels
import Tensors

/// The forward pass, layer-major: all tokens of a batch go through layer 0, then through layer 1.
///
/// One layer's weights are in memory at a time, however large the model; the residual stream of
/// the batch stays there. Linear layers run on fixed panels of rows across sequences, attention on
/// blocks of rows within a sequence; both are cut the same way for any number of workers, and each
/// piece is computed by one thread, so the results do not depend on how many there are.
public final class LayerSweep {
  public let configuration: ModelConfiguration
  let checkpoint: Checkpoint
  let pool: WorkerPool
  let execution: MoHDExecution
  let intervention: Intervention
  private let sharesSmallBatches: Bool
  private let shape: BlockShape
  /// The room that `load` fills again and again.
  private let weights: BlockWeights
  private var loaded: LoadedLayer
  private let mixtureStorage = MixtureStorage()
  private var mixtureWorkspaces: [MixtureWorkspace] = []
  private var rotary: RotaryTable
  private var workspaces: [Workspace] = []
  private var longestSequence = 0
  private var workspacePanelRowCount = 0
  private var projections = Matrix(rowCount: 0, columnCount: 0)
  /// Each worker's room for a sequence together with what it goes on from.
  private var gathered: [MatrixView] = []

  /// - Parameters:
  ///   - execution: how a MoHD model's arithmetic is done; it changes nothing but rounding.
  ///   - intervention: what an experiment changes.
  ///   - sharesSmallBatches: whether all workers take part in batches of fewer rows than a panel has.
  ///     The last bits of results then depend on their number.
  public init(
    checkpoint: Checkpoint, pool: WorkerPool, execution: MoHDExecution = .automatic,
    intervention: Intervention = Intervention(), sharesSmallBatches: Bool = false
  ) {
    self.checkpoint = checkpoint
    self.sharesSmallBatches = sharesSmallBatches
    self.execution = intervention.routing == nil ? execution : .naive
    self.intervention = intervention
    self.pool = pool
    configuration = checkpoint.configuration
    shape = BlockShape(checkpoint.configuration)
    weights = BlockWeights(checkpoint.configuration)
    loaded = LoadedLayer(weights: weights, mixtures: nil)
    rotary = RotaryTable(checkpoint.configuration, positionCount: 0)
  }

  /// Number of layers that have to run for everything that `sink` wants: 0 when it wants nothing.
  public func layersNeeded(by sink: any ActivationSink) -> Int {
    for layer in (0..<configuration.layerCount).reversed()
    where HookPoint.allCases.contains(where: {
      sink.wants(ActivationSite(layer: layer, hookPoint: $0))
    }) {
      return layer + 1
    }
    return 0
  }

  /// The residual stream before layer 0: the embeddings of the batch's tokens, [tokens, hidden].
  public func embed(_ batch: TokenBatch) -> Matrix {
    let residual = Matrix(rowCount: batch.tokenCount, columnCount: shape.hiddenSize)
    embed(batch, into: residual.view)
    return residual
  }

  /// Writes the embeddings of the batch's tokens to `residual`, [tokens, hidden].
  public func embed(_ batch: TokenBatch, into residual: MatrixView) {
    guard let embedding = checkpoint.weight(.tokenEmbedding) else { return }
    let panels = ActivationPanel.ranges(tokenCount: batch.tokenCount)
    pool.forEach(panels.count) { index, _ in
      for row in panels[index] {
        let token = Int(batch.tokenIDs[row])
        embedding.widen(rows: token..<token + 1, into: residual.rows(row..<row + 1))
      }
    }
  }

  /// Runs one batch through the first `layerCount` layers and gives the sink what it wants.
  ///
  /// - Parameters:
  ///   - batch: ids must be below the vocabulary size.
  ///   - layerCount: defaults to all.
  ///   - layerDone: called after each layer; what it throws ends the sweep.
  /// - Returns: the residual stream after the last layer that ran, [tokens, hidden].
  public func run(
    _ batch: TokenBatch, into sink: any ActivationSink, layerCount: Int? = nil,
    layerDone: (_ layer: Int) throws -> Void = { _ in }
  ) throws -> Matrix {
    try sink.begin(batch)
    let residual = embed(batch)
    for layer in 0..<(layerCount ?? configuration.layerCount) {
      load(layer: layer)
      pass(batch, through: layer, residual: residual.view, sink: sink)
      try sink.finish(layer: layer)
      try layerDone(layer)
    }
    try sink.end(batch)
    return residual
  }

  /// Widens the weights of `layer`; `pass` uses them until the next call.
  public func load(layer: Int) {
    loaded = read(layer: layer, into: weights, storage: mixtureStorage)
  }

  /// The weights of `layer`, valid until the next call or `load`.
  package func loadedLayer(_ layer: Int) -> LoadedLayer {
    load(layer: layer)
    return loaded
  }

  /// The weights of `layer`, in memory of their own: for whoever changes them.
  package func loadApart(layer: Int) -> LoadedLayer {
    read(layer: layer, into: BlockWeights(configuration), storage: MixtureStorage())
  }

  /// Lets `pass` use weights that were loaded before.
  package func use(_ layer: LoadedLayer) {
    loaded = layer
  }

  private func read(
    layer: Int, into weights: BlockWeights, storage: MixtureStorage
  ) -> LoadedLayer {
    guard let mohd = configuration.mohd else {
      weights.load(layer: layer, of: checkpoint, pool: pool)
      return LoadedLayer(weights: weights, mixtures: nil)
    }
    return LoadedLayer(
      weights: weights,
      mixtures: loadMixtures(mohd, layer: layer, into: weights, storage: storage))
  }

  /// Runs a batch through the layer that was loaded last, in place.
  ///
  /// - Parameter residual: the residual stream before the layer, [tokens, hidden]; after it on
  ///   return.
  public func pass(
    _ batch: TokenBatch, through layer: Int, residual: MatrixView, sink: any ActivationSink
  ) {
    prepare(for: batch)
    let block = LlamaBlock(shape: shape, weights: loaded.weights, rotary: rotary)
    let wanted = Set(
      HookPoint.allCases.filter { sink.wants(ActivationSite(layer: layer, hookPoint: $0)) })
    let joined = projections.view.reshaped(
      rowCount: batch.tokenCount, columnCount: shape.projectionSize)
    let panels = LinearPanel.ranges(
      configuration, tokenCount: batch.tokenCount,
      workerCount: sharesSmallBatches ? pool.workerCount : nil)
    let (shape, workspaces, mixtureWorkspaces) = (shape, workspaces, mixtureWorkspaces)
    let intervention = intervention
    let mixture = loaded.mixtures.map { mixtures in
      (
        block: MoHDBlock(dense: block, attention: mixtures.attention, ffn: mixtures.ffn),
        routing: Routing(settings: mixtures.attention.settings, tokenCount: batch.tokenCount)
      )
    }

    pool.forEach(panels.count) { index, worker in
      let rows = panels[index]
      let workspace = workspaces[worker]
      let runs = batch.positionRuns(in: rows)
      let tap = Tap(
        sink: sink, layer: layer, rows: rows, wanted: wanted, workspace: workspace,
        intervention: PanelIntervention(intervention, on: rows, of: batch, layer: layer))
      if let mixture {
        mixture.block.project(
          residual.rows(rows), into: joined.rows(rows), routing: mixture.routing.rows(rows),
          runs: runs, workspace: workspace, mixture: mixtureWorkspaces[worker], tap: tap)
      } else {
        block.project(
          residual.rows(rows), into: joined.rows(rows), runs: runs, workspace: workspace,
          tap: tap)
      }
    }

    let window = configuration.slidingWindow(layer: layer) ?? .max / 2
    let pieces = attentionPieces(batch)
    let gathered = gathered
    pool.forEach(pieces.count * shape.keyValueHeadCount) { index, worker in
      let (piece, head) = index.quotientAndRemainder(dividingBy: shape.keyValueHeadCount)
      let (sequence, tokens) = pieces[piece]
      if sequence.context.isEmpty {
        block.attend(
          joined.rows(sequence.rows), tokens: tokens, keyValueHead: head, window: window,
          workspace: workspaces[worker])
      } else {
        block.attend(
          sequence, of: joined, tokens: tokens, keyValueHead: head, window: window,
          gathered: gathered[worker], workspace: workspaces[worker])
      }
    }

    pool.forEach(panels.count) { index, worker in
      let rows = panels[index]
      let workspace = workspaces[worker]
      let heads = joined.rows(rows).columns(shape.queryColumns)
      let tap = Tap(
        sink: sink, layer: layer, rows: rows, wanted: wanted, workspace: workspace,
        intervention: PanelIntervention(intervention, on: rows, of: batch, layer: layer))
      if let mixture {
        mixture.block.finish(
          residual.rows(rows), heads: heads, routing: mixture.routing.rows(rows),
          workspace: workspace, mixture: mixtureWorkspaces[worker], tap: tap)
      } else {
        block.finish(residual.rows(rows), heads: heads, workspace: workspace, tap: tap)
      }
    }
  }

  /// The most rows that linear layers work on at once: with the batches it decides the last bits of
  /// the results.
  public static func panelRowCount(_ configuration: ModelConfiguration) -> Int {
    LinearPanel.greatestRowCount(configuration)
  }

  /// Makes workspaces, rotary tables and the joined projections large enough for `batch`.
  private func prepare(for batch: TokenBatch) {
    let longest = batch.sequences.map(\.length).max() ?? 0
    let panel = LinearPanel.rowCount(configuration, tokenCount: batch.tokenCount)
    if longest > longestSequence || panel > workspacePanelRowCount {
      longestSequence = max(longest, longestSequence)
      workspacePanelRowCount = max(panel, workspacePanelRowCount)
      rotary = RotaryTable(configuration, positionCount: longestSequence)
      workspaces = (0..<pool.workerCount).map { _ in
        Workspace(
          shape, longestSequence: longestSequence, blockRowCount: shape.attentionBlockRowCount,
          panelRowCount: workspacePanelRowCount)
      }
    }
    if configuration.mohd != nil, mixtureWorkspaces.isEmpty {
      mixtureWorkspaces = (0..<pool.workerCount).map { _ in MixtureWorkspace(configuration) }
    }
    if batch.tokenCount > projections.rowCount {
      projections = Matrix(rowCount: batch.tokenCount, columnCount: shape.projectionSize)
    }
    if (gathered.first?.rowCount ?? 0) < longest,
      batch.sequences.contains(where: { !$0.context.isEmpty })
    {
      let room = (longestSequence, shape.projectionSize)
      gathered = (0..<pool.workerCount).map { _ in
        Matrix(rowCount: room.0, columnCount: room.1).view
      }
    }
  }

  /// Blocks of queries, the last and longest of each sequence first: the pieces that take longest
  /// should not be the ones that everybody waits for.
  private func attentionPieces(
    _ batch: TokenBatch
  ) -> [(sequence: TokenBatch.Sequence, tokens: Range<Int>)] {
    let size = shape.attentionBlockRowCount
    return batch.sequences.flatMap { sequence in
      stride(from: 0, to: sequence.rows.count, by: size).reversed().map {
        (sequence, $0..<min($0 + size, sequence.rows.count))
      }
    }
  }
}

extension TokenBatch {
  /// The runs of one sequence each that `rows` fall into, relative to the first of `rows`.
  func positionRuns(in rows: Range<Int>) -> [PositionRun] {
    sequences.compactMap { sequence in
      let common = sequence.rows.clamped(to: rows)
      guard !common.isEmpty else { return nil }
      let first = common.lowerBound - rows.lowerBound
      return PositionRun(
        rows: first..<first + common.count,
        position: sequence.firstPosition + common.lowerBound - sequence.rows.lowerBound)
    }
  }
}

extension LayerSweep {
  /// Memory that a sweep takes beyond the mapped checkpoint, in bytes: one layer's weights, the
  /// batch's residual stream and projections, and the workers' scratch.
  ///
  /// - Parameters:
  ///   - tokenCount: tokens of the largest batch.
  ///   - longestSequence: tokens of the longest sequence.
  public static func memoryByteCount(
    _ configuration: ModelConfiguration, tokenCount: Int, longestSequence: Int, pool: WorkerPool
  ) -> Int {
    let shape = BlockShape(configuration)
    let (hidden, intermediate) = (shape.hiddenSize, shape.intermediateSize)
    let weights =
      shape.projectionSize * configuration.greatestMixtureWidth(.attention)
      + hidden * shape.querySize + intermediate * hidden
      + 2 * intermediate * configuration.greatestMixtureWidth(.ffn)
    let batch = tokenCount * (hidden + shape.projectionSize)
    let group = shape.groupSize
    let worker =
      LinearPanel.rowCount(configuration, tokenCount: tokenCount)
      * (2 * hidden + 3 * intermediate + max(shape.querySize, intermediate))
      + group * shape.attentionBlockRowCount * (shape.headSize + longestSequence)
    let rotary = longestSequence * shape.headSize
    let dense = 4 * (weights + batch + pool.workerCount * worker + rotary)
    guard let mohd = configuration.mohd else { return dense }
    // The attention's decisions for the batch, and the largest layer's own weights.
    let decisions = tokenCount * (3 * (mohd.attention.map(\.count).max() ?? 0) + 1)
    let own = (0..<configuration.layerCount).map { layer in
      MoHDComponent.allCases.reduce(0) { sum, component in
        let settings = mohd[component][layer]
        return MoHDWeights.all.filter { $0.presence(settings) != .absent }.reduce(sum) {
          $0 + $1.shape(component, settings, in: configuration).reduce(1, *)
        }
      }
    }
    return dense + 4 * (decisions + (own.max() ?? 0))
      + pool.workerCount * MixtureWorkspace.byteCount(configuration)
  }
}
