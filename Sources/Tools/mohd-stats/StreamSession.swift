import Activations
import Capture
import Console
import Corpora
import Kernels
import Models
import Statistics

/// The statistics of a live model: the whole corpus goes through one layer after the other, and no
/// activation is kept on disk.
///
/// The corpus is cut into the batches of a float32 capture with the standard size, so that
/// the numbers are those of its replay, bit for bit.
struct StreamSession {
  let model: LoadedModel
  let corpus: TokenizedCorpus
  let plan: CapturePlan
  let pool: WorkerPool
  let terminal: Terminal
  /// Where numbers go that do not fit in memory.
  let scratch: String

  init(_ command: StreamCommand, terminal: Terminal) throws {
    self.terminal = terminal
    pool = command.model.pool
    scratch = command.output.output
    model = try LoadedModel(command.model)
    let selection = command.statistics
    let layerCount = model.checkpoint.configuration.layerCount
    let layers =
      try HookPointSelection.layers(
        selection.hookPoints, given: selection.layers?.layers(of: layerCount), of: layerCount)
      ?? Array(0..<layerCount)
    corpus = try command.corpus.tokenize(with: model.tokenizer, pool: pool, on: terminal)
    try model.check(corpus.tokenIDs)
    plan = try CapturePlan(
      tool: "mohd-stats \(MohdStats.version)", model: model, corpus: corpus,
      options: CaptureOptions(
        hookPoints: try HookPointSelection.hookPoints(
          selection.hookPoints, of: model.checkpoint.configuration.hookPoints),
        layers: layers, sequenceLength: command.corpus.sequenceLength, dataType: .float32,
        maximumTokenCount: command.corpus.maxTokens,
        maximumTokenCountPerDomain: command.corpus.maxTokensPerDomain,
        panelRowCount: LayerSweep.panelRowCount(model.checkpoint.configuration),
        corpusOptions: try command.corpus.deciding(for: corpus)), on: terminal)
  }

  func run(
    options: StatisticsOptions, name: String?
  ) throws -> (result: StatisticsResult, state: StatisticsState) {
    let batches = corpus.batches(
      cuts: plan.batches.reduce(into: []) { $0.append(($0.last ?? 0) + $1.sequenceCount) })
    var layout = CorpusLayout(domains: plan.corpus.domains.map(\.name))
    for batch in batches { layout.append(batch) { corpus.documents[$0].domain } }
    let points = plan.options.hookPoints
    let sink = StatisticsSink(
      layout: layout, layers: plan.options.layers,
      widths: Dictionary(uniqueKeysWithValues: points.map { ($0, plan.width($0)) }),
      options: options, pool: pool, scratchFolder: scratch,
      provenance: plan.provenance(name: name, batches: batches))
    try sweep(batches, into: sink)
    try model.checkpoint.verifyUnchanged()
    return try sink.finish()
  }

  /// The same pass without statistics, for benchmarks: what they cost is the difference.
  func forwardOnly() throws {
    let batches = corpus.batches(
      cuts: plan.batches.reduce(into: []) { $0.append(($0.last ?? 0) + $1.sequenceCount) })
    try sweep(batches, into: NoSink())
  }

  /// Bytes of memory beyond the mapped model.
  var memoryByteCount: Int {
    let longest = plan.batches.map(\.tokenCount).max() ?? 0
    let configuration = model.checkpoint.configuration
    let rows = plan.bytesPerToken / max(1, plan.options.layers.count) * plan.corpus.tokenCount
    return LayerSweep.memoryByteCount(
      configuration, tokenCount: longest,
      longestSequence: corpus.sequences.map(\.rows.count).max() ?? 0, pool: pool)
      + ResidualStreams.memoryByteCount(
        tokenCount: plan.corpus.tokenCount, longestBatch: longest,
        hiddenSize: configuration.hiddenSize) + min(rows, 640 << 20) + (160 << 20)
  }

  // MARK: - Private

  private func sweep(_ batches: [TokenBatch], into sink: any ActivationSink) throws {
    let sweep = LayerSweep(checkpoint: model.checkpoint, pool: pool)
    let layers = Set(plan.options.layers)
    let layerCount = (plan.options.layers.last ?? 0) + 1
    let streams = try ResidualStreams(
      batches, hiddenSize: model.checkpoint.configuration.hiddenSize, folder: scratch)
    let bar = ProgressBar(
      "statistics", total: corpus.tokenCount * layerCount, unit: "tokens", on: terminal)
    for layer in 0..<layerCount {
      sweep.load(layer: layer)
      let isWanted = layers.contains(layer)
      for (index, batch) in batches.enumerated() {
        try InterruptMonitor.shared.checkpoint()
        if isWanted { try sink.begin(batch) }
        try streams.update(index, isFresh: layer == 0) { residual in
          if layer == 0 { sweep.embed(batch, into: residual) }
          sweep.pass(
            batch, through: layer, residual: residual, sink: isWanted ? sink : NoSink())
        }
        if isWanted {
          try sink.finish(layer: layer)
          try sink.end(batch)
        }
        bar.advance(by: batch.tokenCount)
      }
    }
    bar.finish()
  }
}
