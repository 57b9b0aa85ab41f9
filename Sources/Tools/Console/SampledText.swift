import Corpora
import Kernels
import Tokenizers

/// Text to calibrate or train on, for tools that fit something to it.
public struct SampledText: Sendable {
  private let sample: TextSample
  private let tokenizer: Tokenizer
  private let pool: WorkerPool

  /// Reads all corpora, with a progress bar.
  ///
  /// - Parameters:
  ///   - corpus: each as PATH or DOMAIN=PATH.
  ///   - tokenCount: the largest budget that will be drawn.
  public init(
    _ corpus: [String], options: CorpusOptions, sequenceLength: Int, tokenCount: Int,
    seed: UInt64, with tokenizer: Tokenizer, pool: WorkerPool, on terminal: Terminal
  ) throws {
    (self.tokenizer, self.pool) = (tokenizer, pool)
    let specifications = try corpus.map { try CorpusSpecification(parsing: $0) }
    var bar: ProgressBar?
    sample = try TextSample(
      reading: specifications, options: options, sequenceLength: sequenceLength,
      tokenCount: tokenCount, seed: seed
    ) { offset, total in
      try InterruptMonitor.shared.checkpoint()
      if bar == nil { bar = ProgressBar("read text", total: total, unit: "B", on: terminal) }
      bar?.update(to: offset)
    }
    bar?.finish()
    CorpusArguments.reportSkipped(sample.frame, on: terminal)
  }

  /// Names of the domains, in order of first appearance.
  public var domains: [String] { sample.domains }

  /// Draws so many tokens, or all there are; see `TextSample.draw`.
  public func draw(
    _ tokenCount: Int, limit: Int? = nil, domain: String? = nil
  ) throws -> TextSample.Draw {
    try sample.draw(tokenCount, limit: limit, domain: domain, pool: pool) {
      tokenizer.encode($0)
    }
  }
}

extension TextSample.Draw {
  /// Tokens by corpus: "prose 4096, code 1200 (all it has)".
  public var description: String {
    shares.map { share in
      "\(share.name) \(HumanReadable.count(share.tokenCount))" + (share.isExhausted ? " (all)" : "")
    }.joined(separator: ", ")
  }

  /// One line for each corpus of which little or nothing is used, or of which not all was read.
  ///
  /// - Parameter purpose: what the text is for, such as "calibration".
  public func warn(_ purpose: String, on terminal: Terminal) {
    for share in shares {
      if share.tokenCount == 0 {
        terminal.print(
          "warning: \(purpose) takes nothing of \(share.name): "
            + (share.isExhausted
              ? "it has no tokens"
              : "\(HumanReadable.count(requestedTokenCount)) tokens are fewer than there are "
                + "corpora"))
      } else if share.isExhausted && corpus.tokenCount < requestedTokenCount {
        terminal.print(
          "warning: \(purpose) takes all \(HumanReadable.count(share.tokenCount)) tokens of "
            + "\(share.name); \(HumanReadable.count(requestedTokenCount)) were asked for in all")
      } else if share.isExhausted {
        terminal.print(
          "note: \(purpose) takes all \(HumanReadable.count(share.tokenCount)) tokens of "
            + "\(share.name), less than an even part; the others give the rest")
      }
      if share.isCut {
        terminal.print(
          "note: \(purpose): the first \(HumanReadable.bytes(TextSample.byteLimit)) of "
            + "\(share.name) were read, and the rest is not used")
      }
    }
  }
}
