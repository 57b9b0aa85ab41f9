import ArgumentParser
import Corpora
import Kernels
import Tokenizers

extension CorpusOptions.MalformedLinePolicy: ExpressibleByArgument {}
extension CorpusOptions.InvalidUTF8Policy: ExpressibleByArgument {}
extension CorpusFormat: ExpressibleByArgument {}

/// The options that name text and say how it becomes tokens, shared by all tools that read some.
public struct CorpusArguments: ParsableArguments {
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Text: files, folders, patterns or - for standard input, each as PATH or DOMAIN=PATH. "
        + ".txt and .jsonl, plain, .gz or .zst. May be repeated.",
      valueName: "corpus"))
  public var corpus: [String]

  @Option(help: "The JSON field with the text; a dot steps into an object.")
  public var textField = "text"

  @Option(help: "The JSON field that names a document.")
  public var idField: String?

  @Option(help: "The JSON field with a document's domain, such as meta.source.")
  public var domainField: String?

  @Option(help: "What is inside every file, whatever its name: text or jsonl.")
  public var format: CorpusFormat?

  @Option(help: "What to do with a line that is no document: fail or skip.")
  public var malformedLines = CorpusOptions.MalformedLinePolicy.fail

  @Option(help: "What to do with text that is not UTF-8: fail, replace or skip.")
  public var invalidUTF8 = CorpusOptions.InvalidUTF8Policy.fail

  @Option(
    name: .customLong("sequence-length"),
    help: ArgumentHelp(
      "Tokens in a sequence; a document's last one may be shorter. (default: 512)",
      valueName: "tokens"))
  public var requestedSequenceLength: Int?

  /// Tokens in a sequence, whether or not the user chose.
  public var sequenceLength: Int { requestedSequenceLength ?? 512 }

  @Option(help: "Stop after so many tokens in all.")
  public var maxTokens: Int?

  @Option(help: "Stop after so many tokens of each domain.")
  public var maxTokensPerDomain: Int?

  public init() {}

  public func validate() throws {
    if corpus.isEmpty { throw ValidationError("--corpus: expected at least one path") }
    for (name, value) in [
      ("--sequence-length", sequenceLength), ("--max-tokens", maxTokens ?? 1),
      ("--max-tokens-per-domain", maxTokensPerDomain ?? 1),
    ] where !(1...1 << 40).contains(value) {
      throw ValidationError("\(name): expected a number of at least 1, found \(value)")
    }
    if sequenceLength > 1 << 20 {
      throw ValidationError("--sequence-length: expected at most 1048576, found \(sequenceLength)")
    }
  }

  public var options: CorpusOptions {
    var options = CorpusOptions()
    options.textField = textField
    options.identifierField = idField
    options.domainField = domainField
    options.format = format
    options.malformedLines = malformedLines
    options.invalidUTF8 = invalidUTF8
    return options
  }

  /// The options that decide which tokens there are, for a plan: names and values.
  public var deciding: [String: String] {
    var values = [
      "text_field": textField, "malformed_lines": malformedLines.rawValue,
      "invalid_utf8": invalidUTF8.rawValue,
    ]
    values["domain_field"] = domainField
    values["format"] = format?.rawValue
    return values
  }

  /// The same, and what a limit left out of this text, which they made.
  public func deciding(for text: TokenizedCorpus) throws -> [String: String] {
    var values = deciding
    values["left_out"] = try leftOut(of: text)
    return values
  }

  /// The corpora of which a limit left nothing or little, with their tokens; nil where none is.
  public func leftOut(of text: TokenizedCorpus) throws -> String? {
    try LeftOutCorpora(
      of: text, corpus.map { try CorpusSpecification(parsing: $0) }, options: options, cuts: cuts
    ).summary
  }

  private var cuts: TokenizingOptions {
    TokenizingOptions(
      sequenceLength: sequenceLength, maximumTokenCount: maxTokens,
      maximumTokenCountPerDomain: maxTokensPerDomain)
  }

  /// Reads, tokenises and cuts all of it, with a progress bar.
  ///
  /// Skipped lines and documents are reported on the terminal.
  public func tokenize(
    with tokenizer: Tokenizer, pool: WorkerPool, on terminal: Terminal
  ) throws -> TokenizedCorpus {
    try Self.tokenize(
      corpus, options: options, cuts: cuts, with: tokenizer, pool: pool, on: terminal)
  }

  /// The same for tools with options of their own.
  ///
  /// - Parameter corpus: each as PATH or DOMAIN=PATH.
  public static func tokenize(
    _ corpus: [String], options: CorpusOptions, cuts: TokenizingOptions,
    with tokenizer: Tokenizer, pool: WorkerPool, on terminal: Terminal
  ) throws -> TokenizedCorpus {
    let specifications = try corpus.map { try CorpusSpecification(parsing: $0) }
    let reader = try CorpusReader(specifications, options: options)
    let bar = ProgressBar("tokenise", total: reader.byteCount, unit: "B", on: terminal)
    let tokenized = try TokenizedCorpus(
      reading: reader,
      options: cuts, pool: pool, encode: { tokenizer.encode($0) }
    ) { progress in
      try InterruptMonitor.shared.checkpoint()
      bar.update(to: progress.byteOffset)
    }
    bar.finish()
    reportSkipped(tokenized, on: terminal)
    let leftOut = try LeftOutCorpora(of: tokenized, specifications, options: options, cuts: cuts)
    if let warning = leftOut.warning { terminal.print("warning: " + warning) }
    return tokenized
  }

  static func reportSkipped(_ corpus: TokenizedCorpus, on terminal: Terminal) {
    if corpus.passedOver.count > 0 {
      terminal.print(
        "not read: \(corpus.passedOver); a folder stands for its .txt, .jsonl and .json files: name "
          + "others, or give --format")
    }
    for error in corpus.firstSkipped { terminal.print("skipped: \(error.description)") }
    let total = corpus.malformedLineCount + corpus.invalidUTF8Count
    if total > corpus.firstSkipped.count {
      terminal.print("skipped: \(HumanReadable.count(total, "document")) in all")
    }
  }
}
