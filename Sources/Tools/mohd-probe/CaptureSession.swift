import Activations
import Capture
import Console
import Corpora
import Foundation
import Kernels
import Models

/// One capture, from the opened model to the finished run.
struct CaptureSession {
  let command: CaptureCommand
  let terminal: Terminal
  let model: LoadedModel
  let corpus: TokenizedCorpus
  let plan: CapturePlan
  private let pool: WorkerPool

  /// Opens the model, reads the corpus and makes the plan: everything short of writing.
  init(_ command: CaptureCommand, terminal: Terminal) throws {
    self.command = command
    self.terminal = terminal
    pool = command.model.pool
    model = try LoadedModel(command.model)
    let layerCount = model.checkpoint.configuration.layerCount
    let layers =
      try HookPointSelection.layers(
        command.hookPoints, given: command.layers?.layers(of: layerCount), of: layerCount)
      ?? Array(0..<layerCount)
    corpus = try command.corpus.tokenize(with: model.tokenizer, pool: pool, on: terminal)
    try model.check(corpus.tokenIDs)
    let options = CaptureOptions(
      hookPoints: try HookPointSelection.hookPoints(
        command.hookPoints, of: model.checkpoint.configuration.hookPoints),
      layers: layers, sequenceLength: command.corpus.sequenceLength,
      dataType: command.dtype,
      compressionLevel: command.compress ? CaptureOptions.standardCompressionLevel : nil,
      shardByteCount: command.shardBytes, batchByteCount: command.batchBytes,
      allowsNonFinite: command.allowNonFinite,
      maximumTokenCount: command.corpus.maxTokens,
      maximumTokenCountPerDomain: command.corpus.maxTokensPerDomain,
      panelRowCount: LayerSweep.panelRowCount(model.checkpoint.configuration),
      corpusOptions: try command.corpus.deciding(for: corpus))
    plan = try CapturePlan(
      tool: "mohd-probe \(MohdProbe.version)", model: model, corpus: corpus, options: options,
      on: terminal)
    let openFiles = OpenFiles(shardCount: plan.shards.count, limit: OpenFiles.usualLimit)
    if let advice = openFiles.advice {
      terminal.print(
        "warning: \(plan.shards.count) shards are more files than the usual limit of "
          + "\(openFiles.limit) lets a program open: \(advice)")
    }
  }

  /// Runs the model and writes what is missing of the run.
  func capture() throws -> CaptureSummaryLine {
    let run = try CaptureRun(at: command.output, plan: plan, resume: command.resume)
    let started = Date()
    try run.log(
      "\(started.ISO8601Format()) \(ProcessInfo.processInfo.hostName) begin: "
        + "\(pool.workerCount) threads, model \(command.model.model), "
        + "\(run.pendingBatches.count) of \(run.places.count) batches to make")
    let writer = CaptureWriter(run, documentDomains: corpus.documents.map(\.domain))
    let stopwatch = ContinuousClock.now
    var anonymous = 0
    do {
      anonymous = try sweep(run.pendingBatches.map { run.places[$0] }, into: writer)
      try model.checkpoint.verifyUnchanged()
      try writer.finish()
    } catch {
      writer.abandon()
      try? run.log("\(Date().ISO8601Format()) stopped: \(Failure.message(for: error))")
      throw error
    }
    let seconds = (ContinuousClock.now - stopwatch) / .seconds(1)
    let tokenCount = run.pendingBatches.reduce(0) { $0 + run.places[$1].tokenCount }
    try run.log("\(Date().ISO8601Format()) done: \(tokenCount) tokens in \(seconds) s")
    return CaptureSummaryLine(
      output: run.path, tokens: tokenCount, seconds: seconds,
      bytesWritten: writer.publishedByteCount, anonymousByteCount: anonymous, plan: plan,
      wasComplete: run.wasComplete)
  }

  /// The forward pass alone, for benchmarks: what capturing costs is the difference.
  func forwardOnly() throws -> CaptureSummaryLine {
    let stopwatch = ContinuousClock.now
    let anonymous = try sweep(
      plan.batchPlaces, into: NoSink(), layerCount: lastLayer + 1)
    return CaptureSummaryLine(
      output: "(nothing)", tokens: plan.corpus.tokenCount,
      seconds: (ContinuousClock.now - stopwatch) / .seconds(1), bytesWritten: 0,
      anonymousByteCount: anonymous, plan: plan, wasComplete: false)
  }

  /// Tokens, bytes, memory and time, before anything is written.
  func estimate() -> CaptureEstimate {
    CaptureEstimate(
      plan: plan, secondsForLayers: secondsForOneLayer * Double(lastLayer + 1),
      memoryByteCount: LayerSweep.memoryByteCount(
        model.checkpoint.configuration, tokenCount: plan.batches.map(\.tokenCount).max() ?? 0,
        longestSequence: corpus.sequences.map(\.rows.count).max() ?? 0, pool: pool)
        + CaptureWriter.stagingByteCount(plan) + 4 * corpus.tokenCount,
      weightsByteCount: model.checkpoint.files.reduce(0) { $0 + $1.byteCount })
  }

  // MARK: - Private

  private var lastLayer: Int { plan.options.layers.last ?? 0 }

  /// For all tokens; its weights are loaded for every batch.
  private var secondsForOneLayer: Double {
    let time = LayerTime(
      of: LayerSweep(checkpoint: model.checkpoint, pool: pool), tokenIDs: corpus.tokenIDs,
      sequences: corpus.sequences)
    return plan.batches.reduce(0) { $0 + time.seconds(tokenCount: $1.tokenCount) }
  }

  /// - Returns: the most memory that was resident after a layer and that no file backs, in bytes.
  private func sweep(
    _ batches: [BatchPlace], into sink: any ActivationSink, layerCount: Int? = nil
  ) throws -> Int {
    let sweep = LayerSweep(checkpoint: model.checkpoint, pool: pool)
    let layerCount = layerCount ?? sweep.layersNeeded(by: sink)
    let tokenCount = batches.reduce(0) { $0 + $1.tokenCount }
    let bar = ProgressBar("capture", total: tokenCount, unit: "tokens", on: terminal)
    var done = 0
    var anonymous = 0
    for place in batches {
      let batch = corpus.batch(place.sequences)
      _ = try sweep.run(batch, into: sink, layerCount: layerCount) { layer in
        try InterruptMonitor.shared.checkpoint()
        anonymous = max(anonymous, residentAnonymousBytes() ?? 0)
        bar.update(to: done + batch.tokenCount * (layer + 1) / layerCount)
      }
      done += batch.tokenCount
    }
    bar.finish()
    return anonymous
  }
}
