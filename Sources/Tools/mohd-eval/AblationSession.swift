import Console
import Corpora
import Evaluation
import Files
import Foundation
import Kernels
import Models

/// One ablation, from the opened models to the result.
final class AblationSession {
  private let command: AblateCommand
  private let terminal: Terminal
  private let pool: WorkerPool
  private let converted: LoadedModel
  private let dense: LoadedModel?
  private let text: AblationText
  private let started = ContinuousClock.now

  /// Tokens of each domain, and in all, where the user says nothing.
  static let tokensPerDomain = 2048
  static let tokensInAll = 8192

  /// Opens the models and reads the corpus: everything short of running them.
  init(_ command: AblateCommand, terminal: Terminal) throws {
    self.command = command
    self.terminal = terminal
    pool = WorkerPool(
      workerCount: command.threads ?? max(1, ProcessInfo.processInfo.activeProcessorCount))
    converted = try LoadedModel(command.converted, tokenizer: command.tokenizer)
    dense = try command.dense.map { try LoadedModel($0, tokenizer: command.tokenizer) }
    denseSHA256 = try dense?.hash(on: terminal)
    if let path = command.dense, let denseSHA256 {
      if let origin = try ConversionOrigin(conversionFolder: converted.checkpoint.folder) {
        try origin.check(denseSHA256, dense: path, converted: command.converted)
      } else {
        terminal.print(
          "warning: \(command.converted): no conversion.json says what it was made from; it is taken to "
            + "be \(path)")
      }
    }
    if let dense, dense.tokenizer.identity != converted.tokenizer.identity {
      terminal.print(
        "note: the two models' tokenizers are not the same file; both models read the tokens of "
          + "the converted one")
    }
    let isLimited = command.corpus.maxTokens != nil || command.corpus.maxTokensPerDomain != nil
    let corpus = try CorpusArguments.tokenize(
      command.corpus.corpus, options: command.corpus.options,
      cuts: TokenizingOptions(
        sequenceLength: command.corpus.sequenceLength,
        maximumTokenCount: isLimited ? command.corpus.maxTokens : Self.tokensInAll,
        maximumTokenCountPerDomain: isLimited
          ? command.corpus.maxTokensPerDomain : Self.tokensPerDomain),
      with: converted.tokenizer, pool: pool, on: terminal)
    try converted.check(corpus.tokenIDs)
    text = try AblationText(corpus)
  }

  private let denseSHA256: String?

  /// Seconds since the beginning.
  var seconds: Double { (ContinuousClock.now - started) / .seconds(1) }

  func run() throws -> AblationResult {
    let provenance = try provenance()
    let overlap = try CalibrationOverlap(
      of: text.corpus, conversionFolder: converted.checkpoint.folder, decode: converted.text)
    // Two runs in one folder would do the same work twice.
    var lock: FolderLock?
    if let output = command.report.output {
      try Folder.create(output)
      lock = try FolderLock(output)
    }
    let ablation = try ablation(
      shelf: command.report.output.map { AblationFolder(path: $0).shelf(context: provenance) })
    let bar = ProgressBar("ablate", total: nil, unit: "tokens", on: terminal)
    defer { bar.finish() }
    let measurements = try ablation.run { tokens, total in
      try InterruptMonitor.shared.checkpoint()
      bar.update(to: tokens, total: total)
    }
    extendLifetime(lock)
    for model in [converted, dense].compactMap({ $0 }) {
      try model.checkpoint.verifyUnchanged()
    }
    return AblationResult(
      convertedName: ComparisonSession.name(command.converted),
      denseName: command.dense.map(ComparisonSession.name), provenance: provenance,
      measurements: measurements, overlap: overlap)
  }

  func estimate() throws -> AblationEstimate {
    let ablation = try ablation(shelf: nil)
    let work = ablation.largestWork
    return AblationEstimate(
      tokens: text.corpus.tokenCount, scored_tokens: text.scoredTokenCount,
      domains: text.corpus.domains.map(\.name), variants: work.variants,
      forward_tokens: work.tokens, peak_memory_bytes: ablation.memoryByteCount)
  }

  // MARK: - Private

  private func ablation(shelf: ResultShelf?) throws -> Ablation {
    try Ablation(
      converted: converted.checkpoint, dense: dense?.checkpoint, text: text,
      options: Ablation.Options(
        seed: command.seed, knockOutCount: command.knockOuts, fractions: command.fractions),
      pool: pool, shelf: shelf)
  }

  private func provenance() throws -> [String: String] {
    var values = try command.corpus.deciding(for: text.corpus)
    values["tool"] = "mohd-eval \(MohdEval.version)"
    values["converted_sha256"] = try converted.hash(on: terminal)
    values["dense_sha256"] = denseSHA256
    values["tokenizer_sha256"] = converted.tokenizer.identity
    values["tokenizer_warnings"] = converted.tokenizer.warningText
    values["corpus_sha256"] = text.corpus.sha256
    values["sequence_length"] = String(command.corpus.sequenceLength)
    values["tokens"] = text.corpus.domains.map { "\($0.name) \($0.tokenCount)" }
      .joined(separator: ", ")
    values["seed"] = String(command.seed)
    return values
  }
}

/// What an ablation would take.
struct AblationEstimate: Encodable {
  let tokens: Int
  let scored_tokens: Int
  let domains: [String]
  let variants: Int
  let forward_tokens: Int
  let peak_memory_bytes: Int

  func print(json: Bool) throws {
    if json {
      try printJSON(self)
      return
    }
    Swift.print(
      """
      Nothing was run. This would score
        text         \(HumanReadable.count(scored_tokens)) of \(HumanReadable.count(tokens, "token")) \
       in \(domains.joined(separator: ", "))
        variants     at most \(variants), \(HumanReadable.count(forward_tokens, "token")) through a \
      model in all
        peak memory  about \(HumanReadable.bytes(peak_memory_bytes)), besides the mapped models
      """)
  }
}
