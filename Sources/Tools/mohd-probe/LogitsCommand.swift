import Activations
import ArgumentParser
import Checkpoints
import Console
import Corpora
import Files
import Foundation
import HDF5
import Kernels
import Models
import Tensors

struct LogitsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "logits",
    abstract: "Write logits and token log-likelihoods, to compare with another program.",
    discussion: """
      FILE holds token_id, document and position (token); log_likelihood (token), the natural
      logarithm of the probability that the model gives to the token, NaN at the start of a
      sequence; argmax (token), the most likely next token; and logits (token, vocabulary).
      """)

  @OptionGroup var model: ModelArguments
  @OptionGroup var corpus: CorpusArguments

  @Option(help: "The HDF5 file to write.")
  var output: String

  @Flag(help: "Leave out the logits, which take 4 bytes for each token and word.")
  var withoutLogits = false

  @Flag(help: "Print one JSON object with tokens and token_perplexity.")
  var json = false

  @Flag(help: "Show no progress.")
  var quiet = false

  func run() throws {
    let terminal = Terminal.standardError(isQuiet: quiet)
    InterruptMonitor.shared.start()
    try Failure.reporting(on: terminal) {
      let pool = model.pool
      let model = try LoadedModel(model)
      let text = try corpus.tokenize(with: model.tokenizer, pool: pool, on: terminal)
      try model.check(text.tokenIDs)
      let scores = try score(text, model: model, pool: pool, terminal: terminal)
      let result = Result(
        tokens: text.tokenCount, scored: scores.scoredCount, token_perplexity: scores.perplexity)
      if json {
        try printJSON(result)
      } else {
        print(
          "\(output): \(HumanReadable.count(result.tokens, "token")), "
            + "perplexity \(result.token_perplexity) over \(HumanReadable.count(result.scored))")
      }
    }
  }

  private struct Result: Encodable {
    let tokens: Int
    let scored: Int
    let token_perplexity: Double
  }

  /// One sequence at a time: the logits of more would not fit into memory.
  private func score(
    _ text: TokenizedCorpus, model: LoadedModel, pool: WorkerPool, terminal: Terminal
  ) throws -> TokenScores {
    let sweep = LayerSweep(checkpoint: model.checkpoint, pool: pool)
    guard let readout = Readout(checkpoint: model.checkpoint, pool: pool) else {
      throw CheckpointError.noHead(path: model.checkpoint.folder)
    }
    let vocabulary = model.checkpoint.configuration.vocabularySize
    let partial = DurableFile.temporaryPath(for: output)
    let file = try HDF5File.create(partial, compatibility: .version18)
    let logits =
      withoutLogits
      ? nil
      : try file.root.createDataset(
        "logits", type: .float32, shape: [text.tokenCount, vocabulary])
    let bar = ProgressBar("logits", total: text.tokenCount, unit: "tokens", on: terminal)
    var scores = TokenScores()
    for index in text.sequences.indices {
      try InterruptMonitor.shared.checkpoint()
      let batch = text.batch(index..<index + 1)
      let residual = try sweep.run(batch, into: NoSink())
      let block = LogitsBlock(rowCount: batch.tokenCount, columnCount: vocabulary)
      readout.forEachPanel(residual.view) { rows, values in
        copy(values, into: block.matrix.rows(rows))
      }
      scores.append(batch, logits: block.matrix.view)
      try logits?.write(
        offset: [text.sequences[index].rows.lowerBound, 0],
        count: [batch.tokenCount, vocabulary], from: block.matrix.view)
      bar.advance(by: batch.tokenCount)
    }
    bar.finish()
    try scores.write(to: file.root, text: text)
    try file.close()
    try DurableFile.publish(partial, as: output)
    return scores
  }
}

/// The logits of one sequence, where workers can reach them.
private final class LogitsBlock: Sendable {
  let matrix: Matrix  // [tokens, vocabulary]

  init(rowCount: Int, columnCount: Int) {
    matrix = Matrix(rowCount: rowCount, columnCount: columnCount)
  }
}

/// What the logits say of each token.
private struct TokenScores {
  private var logLikelihoods: [Double] = []
  private var mostLikely: [Int32] = []

  var scoredCount: Int { logLikelihoods.count { !$0.isNaN } }

  /// exp of the mean negative log-likelihood; position 0 of a sequence is not scored.
  var perplexity: Double {
    let scored = logLikelihoods.filter { !$0.isNaN }
    return exp(-scored.reduce(0, +) / Double(max(scored.count, 1)))
  }

  mutating func append(_ batch: TokenBatch, logits: MatrixView) {
    logLikelihoods.append(.nan)
    for row in 0..<batch.tokenCount {
      let values = logits.rows(row..<row + 1)
      mostLikely.append(Int32(values.indexOfLargest()))
      if row + 1 < batch.tokenCount {
        let logit = Double(values[0, Int(batch.tokenIDs[row + 1])])
        logLikelihoods.append(logit - Elementwise.fastest.logSumExp(values))
      }
    }
  }

  func write(to group: HDF5Group, text: TokenizedCorpus) throws {
    let count = text.tokenCount
    func dataset(_ name: String, _ type: HDF5ElementType) throws -> HDF5Dataset {
      try group.createDataset(name, type: type, shape: [count])
    }
    try dataset("token_id", .int32).write(text.tokenIDs)
    try dataset("document", .int32).write(
      text.sequences.flatMap { sequence in
        sequence.rows.map { _ in Int32(clamping: sequence.document) }
      })
    try dataset("position", .int32).write(
      text.sequences.flatMap { sequence in
        sequence.rows.indices.map { Int32($0 - sequence.rows.lowerBound) }
      })
    try dataset("log_likelihood", .float64).write(logLikelihoods)
    try dataset("argmax", .int32).write(mostLikely)
  }
}

extension MatrixView {
  /// The first column with the largest value of a one-row view.
  fileprivate func indexOfLargest() -> Int {
    withSpan { values in
      var best = 0
      for index in values.indices where values[index] > values[best] { best = index }
      return best
    }
  }
}
