import ArgumentParser
import Console
import Corpora
import Evaluation
import Kernels
import Models

struct PerplexityCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "perplexity",
    abstract: "Measure how well a model predicts text: perplexity of tokens, words and bytes.",
    discussion: """
      token_perplexity cuts documents as mohd-probe capture does, and scores every token but the \
      first of its sequence. word_perplexity, byte_perplexity and bits_per_byte are \
      lm-evaluation-harness's: rolling windows of --sequence-length tokens, or of the model's \
      longest sequence, begin with the token that begins a text (or else the one that ends it), \
      and every token is scored. Standard errors are over documents (delta method); one document \
      has none. A document that --max-tokens cuts counts the words and bytes of what is left.
      """)

  @OptionGroup var model: ModelArguments
  @OptionGroup var corpus: CorpusArguments

  @Flag(help: "Say what would be done and what it takes, and run nothing.")
  var dryRun = false

  @Flag(help: "Print one JSON object.")
  var json = false

  @Flag(help: "Show no progress.")
  var quiet = false

  func run() throws {
    let terminal = Terminal.standardError(isQuiet: quiet)
    InterruptMonitor.shared.start()
    try Failure.reporting(on: terminal, hint: "run the same command again") {
      let pool = model.pool
      let loaded = try LoadedModel(model)
      let text = try corpus.tokenize(with: loaded.tokenizer, pool: pool, on: terminal)
      try loaded.check(text.tokenIDs)
      let evaluation = try evaluation(of: text, with: loaded, on: terminal)
      if dryRun {
        try estimate(evaluation, loaded, pool: pool).print(json: json)
        return
      }
      let stopwatch = ContinuousClock.now
      let scorer = try WindowScorer(checkpoint: loaded.checkpoint, pool: pool)
      let bar = ProgressBar(
        "perplexity", total: evaluation.forwardTokenCount, unit: "tokens", on: terminal)
      let result = try loaded.explainingDamage(place: EvaluationError.nonFinitePlace) {
        try evaluation.run(with: scorer) { tokens in
          try InterruptMonitor.shared.checkpoint()
          bar.update(to: tokens)
        }
      }
      bar.finish()
      try loaded.checkpoint.verifyUnchanged()
      try PerplexityReport(
        result: result, sequenceLength: corpus.sequenceLength,
        windowLength: evaluation.windowLength, prefix: evaluation.prefix,
        seconds: (ContinuousClock.now - stopwatch) / .seconds(1),
        leftOut: try corpus.leftOut(of: text)
      ).print(json: json)
    }
  }

  private func evaluation(
    of text: TokenizedCorpus, with loaded: LoadedModel, on terminal: Terminal
  ) throws -> PerplexityEvaluation {
    let (tokenizer, configuration) = (loaded.tokenizer, loaded.checkpoint.configuration)
    let prefix =
      tokenizer.beginningOfSequenceID ?? tokenizer.endOfSequenceID
      ?? configuration.beginOfTextID ?? configuration.endOfTextIDs.first
    let usable = prefix.flatMap { (0..<configuration.vocabularySize).contains($0) ? $0 : nil }
    if usable == nil {
      terminal.print(
        "note: neither tokenizer nor model names a token that begins or ends a text, so there is "
          + "no perplexity of words and bytes")
    }
    let start = usable.map { Int32($0) }
    return try PerplexityEvaluation(
      text, windowLength: corpus.requestedSequenceLength ?? configuration.contextLength,
      prefix: start, repeatsPrefix: start != nil && tokenizer.encode([]).first == start,
      decode: { tokenizer.decode($0, skipsSpecialTokens: true) })
  }

  private func estimate(
    _ evaluation: PerplexityEvaluation, _ loaded: LoadedModel, pool: WorkerPool
  ) -> PerplexityEstimate {
    let configuration = loaded.checkpoint.configuration
    let corpus = evaluation.corpus
    return PerplexityEstimate(
      tokens: corpus.tokenCount, documents: corpus.documents.count,
      forward_tokens: evaluation.forwardTokenCount,
      peak_memory_bytes: LayerSweep.memoryByteCount(
        configuration, tokenCount: evaluation.largestBatch,
        longestSequence: evaluation.longestWindow, pool: pool)
        + Readout.memoryByteCount(configuration, pool: pool) + 4 * corpus.tokenCount)
  }
}
