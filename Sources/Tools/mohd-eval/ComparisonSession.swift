import ArgumentParser
import Console
import Corpora
import Evaluation
import Files
import Foundation
import Kernels
import Models

/// One comparison, from the opened models to the result.
final class ComparisonSession {
  private let command: CompareCommand
  private let terminal: Terminal
  private let pool: WorkerPool
  private let dense: LoadedModel
  private let converted: LoadedModel
  private let corpus: TokenizedCorpus
  private let started = ContinuousClock.now

  /// Opens both models and reads the corpus: everything short of running them.
  init(_ command: CompareCommand, terminal: Terminal) throws {
    self.command = command
    self.terminal = terminal
    pool = WorkerPool(
      workerCount: command.threads ?? max(1, ProcessInfo.processInfo.activeProcessorCount))
    dense = try LoadedModel(command.dense, tokenizer: command.tokenizer)
    converted = try LoadedModel(command.converted, tokenizer: command.tokenizer)
    if dense.tokenizer.identity != converted.tokenizer.identity {
      terminal.print(
        "note: the two models' tokenizers are not the same file; both models read the tokens of "
          + "the first")
    }
    corpus = try command.corpus.tokenize(with: dense.tokenizer, pool: pool, on: terminal)
    try dense.check(corpus.tokenIDs)
  }

  /// Seconds since the beginning.
  var seconds: Double { (ContinuousClock.now - started) / .seconds(1) }

  func run() throws -> ModelComparison {
    let loadAverage = MachineUse.loadAverage
    let provenance = try provenance()
    let overlap = try CalibrationOverlap(
      of: corpus, conversionFolder: converted.checkpoint.folder, decode: dense.text)
    let training = try TrainingRecord.read(conversionFolder: converted.checkpoint.folder)
    var paired = try compare()
    try describe(&paired.routers)
    let throughput = try measureSpeed(loadAverage: loadAverage)
    for model in [dense, converted] { try model.checkpoint.verifyUnchanged() }
    return ModelComparison(
      denseName: Self.name(command.dense), convertedName: Self.name(command.converted),
      provenance: provenance, result: paired, throughput: throughput,
      parameters: .init(
        dense: dense.checkpoint.configuration, converted: converted.checkpoint.configuration),
      overlap: overlap, training: training)
  }

  /// What conversion.json says of routers, and the texts of the tokens that their choices stand for.
  private func describe(_ routers: inout [RouterResult]) throws {
    let fitted = try FittedRouters(conversionFolder: converted.checkpoint.folder)
    for index in routers.indices {
      routers[index].fitted = fitted?.quality(
        layer: routers[index].layer, component: routers[index].component)
      guard var meaning = routers[index].meaning else { continue }
      for cluster in meaning.clusters.indices {
        for token in meaning.clusters[cluster].tokens.indices {
          let id = meaning.clusters[cluster].tokens[token].id
          meaning.clusters[cluster].tokens[token].text = String(
            decoding: dense.text(of: [id]), as: UTF8.self)
        }
      }
      routers[index].meaning = meaning
    }
  }

  func estimate() -> ComparisonEstimate {
    let files = dense.checkpoint.files + converted.checkpoint.files
    return ComparisonEstimate(
      tokens: corpus.tokenCount, documents: corpus.documents.count,
      domains: corpus.domains.map(\.name),
      peak_memory_bytes: PairedComparison.memoryByteCount(
        dense: dense.checkpoint.configuration, converted: converted.checkpoint.configuration,
        corpus: corpus, pool: pool),
      model_file_bytes: files.reduce(0) { $0 + $1.byteCount })
  }

  // MARK: - Private

  private func compare() throws -> PairedResult {
    let comparison = try PairedComparison(
      dense: dense.checkpoint, converted: converted.checkpoint, corpus: corpus, pool: pool)
    let bar = ProgressBar("compare", total: comparison.stepCount, unit: "tokens", on: terminal)
    defer { bar.finish() }
    return try dense.explainingDamage(with: [converted], place: EvaluationError.nonFinitePlace) {
      try comparison.run { steps in
        try InterruptMonitor.shared.checkpoint()
        bar.update(to: steps)
      }
    }
  }

  private func measureSpeed(loadAverage: Double?) throws -> Throughput? {
    guard command.rounds > 0 else { return nil }
    let bar = ProgressBar("speed", total: 2 * (command.rounds + 1), unit: "runs", on: terminal)
    defer { bar.finish() }
    let before = MachineUse()
    var result = try ThroughputMeasurement(
      tokenIDs: corpus.tokenIDs, roundCount: command.rounds
    ).run(dense: dense.checkpoint, converted: converted.checkpoint, pool: pool) {
      try InterruptMonitor.shared.checkpoint()
      bar.advance(by: 1)
    }
    result.otherProcessors = before?.othersSince()
    result.loadAverage = loadAverage
    result.processor = MachineUse.processorName
    return result
  }

  private func provenance() throws -> [String: String] {
    var values = try command.corpus.deciding(for: corpus)
    values["tool"] = "mohd-eval \(MohdEval.version)"
    values["dense_sha256"] = try dense.hash(on: terminal)
    values["converted_sha256"] = try converted.hash(on: terminal)
    values["tokenizer_sha256"] = dense.tokenizer.identity
    values["tokenizer_warnings"] = dense.tokenizer.warningText
    values["corpus_sha256"] = corpus.sha256
    values["sequence_length"] = String(command.corpus.sequenceLength)
    return values
  }

  /// What a report calls a model: the last part of its path.
  static func name(_ path: String) -> String {
    let trimmed = path.split(separator: "/").last.map(String.init) ?? path
    return trimmed.hasSuffix(".gguf") ? String(trimmed.dropLast(5)) : trimmed
  }
}

/// What a comparison would take.
struct ComparisonEstimate: Encodable {
  let tokens: Int
  let documents: Int
  let domains: [String]
  let peak_memory_bytes: Int
  let model_file_bytes: Int

  func print(json: Bool) throws {
    if json {
      try printJSON(self)
      return
    }
    Swift.print(
      """
      Nothing was run. This would compare the models on
        text         \(HumanReadable.count(tokens, "token")) of \(HumanReadable.count(documents, "document")) \
       in \(domains.joined(separator: ", "))
        peak memory  about \(HumanReadable.bytes(peak_memory_bytes)), besides the mapped models \
      of \(HumanReadable.bytes(model_file_bytes))
      """)
  }
}
