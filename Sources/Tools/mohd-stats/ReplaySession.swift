import Activations
import Capture
import Console
import Files
import Kernels
import Statistics

/// The statistics of a capture that lies on disk.
struct ReplaySession {
  let reader: CaptureReader
  let hookPoints: [HookPoint]
  let layers: [Int]

  /// - Throws: `CaptureError` when the capture is not whole, `OutputError.noHookPoints`.
  init(_ path: String, selection: StatisticsArguments) throws {
    reader = try CaptureReader(path)
    let captured = reader.plan.options
    let wanted = Set(selection.hookPoints.flatMap(\.hookPoints))
    hookPoints = captured.hookPoints.filter { wanted.isEmpty || wanted.contains($0) }
    let all = reader.plan.model.sizes["num_hidden_layers"] ?? (captured.layers.last ?? 0) + 1
    let chosen = try HookPointSelection.layers(
      selection.hookPoints, given: selection.layers?.layers(of: all), of: all
    ).map(Set.init)
    layers = captured.layers.filter { chosen?.contains($0) ?? true }
    guard !hookPoints.isEmpty, !layers.isEmpty else {
      throw OutputError.noHookPoints(
        path: path,
        found: captured.hookPoints.map(\.rawValue)
          + ["layers " + captured.layers.map(String.init).joined(separator: " ")])
    }
  }

  /// Checks every byte, then replays layer by layer.
  func run(
    options: StatisticsOptions, name: String?, scratch: String, pool: WorkerPool,
    terminal: Terminal
  ) throws -> (result: StatisticsResult, state: StatisticsState) {
    let total = try CaptureSummary(reader.path).byteCount
    let check = ProgressBar("check hashes", total: total, unit: "B", on: terminal)
    try reader.checkHashes { check.advance(by: $0) }
    check.finish()
    let plan = reader.plan
    var layout = CorpusLayout(domains: plan.corpus.domains.map(\.name))
    let domains = try reader.documentDomains()
    let batches = try (0..<reader.batchCount).map { try reader.batch($0) }
    for batch in batches { layout.append(batch) { domains[$0] } }
    let sink = StatisticsSink(
      layout: layout, layers: layers,
      widths: Dictionary(uniqueKeysWithValues: hookPoints.map { ($0, plan.width($0)) }),
      options: options, pool: pool, scratchFolder: scratch,
      provenance: plan.provenance(name: name, batches: batches))
    let bar = ProgressBar(
      "statistics", total: plan.corpus.tokenCount * layers.count, unit: "tokens", on: terminal)
    for layer in layers {
      for (index, batch) in batches.enumerated() {
        try InterruptMonitor.shared.checkpoint()
        try sink.begin(batch)
        try reader.deliver(layer: layer, ofBatch: index, into: sink, pool: pool)
        try sink.finish(layer: layer)
        try sink.end(batch)
        bar.advance(by: batch.tokenCount)
      }
    }
    bar.finish()
    return try sink.finish()
  }
}
