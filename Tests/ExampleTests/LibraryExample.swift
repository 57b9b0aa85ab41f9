import MoHD

/// Runs a model over some texts once, and takes of it a capture (RUN/activations.h5) and statistics.
///
/// - Returns: layer by layer, the share of Σx² in the largest quarter of a token's dimensions.
func longTail(model: String, tokenizer: String, texts: [String], run: String) throws -> [Double] {
  let pool = WorkerPool(workerCount: 2)
  let checkpoint = try Checkpoint.open(model)
  let tokenizer = try Tokenizer.load(file: tokenizer)
  let batch = tokenize(texts, with: tokenizer)
  let layers = Array(0..<checkpoint.configuration.layerCount)
  let width = checkpoint.configuration.hiddenSize
  var layout = CorpusLayout(domains: ["text"])
  layout.append(batch) { _ in 0 }
  let statistics = StatisticsSink(
    layout: layout, layers: layers, widths: [.ffnInput: width], pool: pool)
  let plan = try CapturePlan(
    tool: "example", model: .init(sha256: checkpoint.sha256(), architecture: "llama", sizes: [:]),
    tokenizer: .init(sha256: tokenizer.identity), corpusSHA256: "",
    domains: [.init(name: "text", documentCount: texts.count, tokenCount: batch.tokenCount)],
    sequences: batch.sequences.map(\.rows.count),
    options: .init(hookPoints: [.ffnInput], layers: layers, sequenceLength: 512),
    width: checkpoint.configuration.width(of:))
  let capture = CaptureWriter(
    try CaptureRun(at: run, plan: plan, resume: false), documentDomains: texts.map { _ in 0 })
  _ = try LayerSweep(checkpoint: checkpoint, pool: pool).run(
    batch, into: Tee([statistics, capture]))
  try capture.finish()
  return try statistics.finish().result.layers.map { layer in
    let curve = layer.hookPoints["ffn_input"]?.longTail.squared
    let quarter = curve?.fractions.firstIndex(of: 0.25) ?? 0
    return curve?.perToken?[quarter] ?? .nan
  }
}

/// Makes a MoHD model of a dense one: half of eight sub-dimensions, chosen by energy for each token.
func halve(model: String, tokenizer: String, texts: [String], output: String) throws {
  let pool = WorkerPool(workerCount: 2)
  let dense = try Checkpoint.open(model)
  let batch = tokenize(texts, with: try Tokenizer.load(file: tokenizer))
  let half = ConversionRecipe.Component(subDimensionCount: 8, sharedCount: 2, activeCount: 4)
  var recipe = ConversionRecipe(attention: half, ffn: half, activeFraction: 0.5)
  (recipe.router, recipe.budget) = (.energy, .uniform)
  _ = try ConvertedFolder(output).write(
    Converter(checkpoint: dense, recipe: recipe, pool: pool),
    source: .text(batch, LayerSweep(checkpoint: dense, pool: pool)),
    provenance: .init(model: model, modelSHA256: dense.sha256(), tool: "example"),
    calibration: .init(
      tokenCount: batch.tokenCount, corpusSHA256: "", documentSHA256: nil),
    tokenizerFiles: [:], progress: { _ in })
}

/// Each text becomes one sequence.
private func tokenize(_ texts: [String], with tokenizer: Tokenizer) -> TokenBatch {
  var ids: [Int32] = []
  let sequences = texts.enumerated().map { index, text in
    let start = ids.count
    ids += tokenizer.encode(Array(text.utf8))
    return TokenBatch.Sequence(rows: start..<ids.count, document: index, index: 0)
  }
  return TokenBatch(tokenIDs: ids, sequences: sequences)
}
