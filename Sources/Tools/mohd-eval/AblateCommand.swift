import ArgumentParser
import Console
import Evaluation
import Kernels

struct AblateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ablate",
    abstract: "Take a converted model apart: what are routing, parts and magnitudes worth?",
    discussion: """
      Nothing is trained. Each variant's token_perplexity on the same text, with sequences cut as \
      mohd-probe capture cuts them: routing drawn at random, static, with nothing shared, shared only, \
      specialised only, by energy (oracle), all active; loads evened; without fusion, scaling and compensation, where the model has \
      them; single sub-dimensions knocked out, whose loss is ranked beside their mean gate and \
      energy; and dimensions of attention_input and ffn_input zeroed by magnitude, of the dense \
      model if one is given. The last quarter of each domain's text is not scored: it chooses the \
      static sub-dimensions. Unless told otherwise, the first \(AblationSession.tokensPerDomain) \
      tokens of each domain are read, \(AblationSession.tokensInAll) in all.

      Results of single variants are kept in the output folder: a run that was killed goes on where \
      it was, and ends with the same ablation.json.
      """)

  @Argument(help: "A MoHD model: a Hugging Face folder, or a cached hub id.")
  var converted: String

  @Option(
    help: ArgumentHelp(
      "The model that it was made of: a Hugging Face folder, a .gguf file, or a cached hub id.",
      valueName: "model"))
  var dense: String?

  @OptionGroup var corpus: CorpusArguments
  @OptionGroup var report: ReportArguments

  @Option(
    help: ArgumentHelp(
      "A tokenizer.json or tokenizer.model, or a folder that holds one, in place of the converted "
        + "model's.", valueName: "path"))
  var tokenizer: String?

  @Option(help: "Decides random variants, and which sub-dimensions are knocked out.")
  var seed: UInt64 = 0

  @Option(
    help: ArgumentHelp(
      "The most sub-dimensions that are knocked out, one at a time; 0 leaves it out.",
      valueName: "count"))
  var knockOuts = 32

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Fractions of dimensions to zero by magnitude; 0 leaves it out. (default: 0.1 0.25 0.5)",
      valueName: "fraction"))
  var zero: [Double] = []

  @Option(help: "Threads; the results do not depend on them. (default: one for each processor)")
  var threads: Int?

  @Flag(help: "Say what would be done and what it takes, and run nothing.")
  var dryRun = false

  @Flag(help: "Print ablation.json to standard output.")
  var json = false

  @Flag(help: "Show no progress.")
  var quiet = false

  /// Ascending, each once; 0 zeroes nothing.
  var fractions: [Double] {
    zero.isEmpty ? Ablation.Options().fractions : Set(zero.filter { $0 > 0 }).sorted()
  }

  func validate() throws {
    if let threads, !(1...1024).contains(threads) {
      throw ValidationError("--threads: expected a number from 1 to 1024, found \(threads)")
    }
    if !(0...1_000_000).contains(knockOuts) {
      throw ValidationError(
        "--knock-outs: expected a number from 0 to 1000000, found \(knockOuts)")
    }
    if let wrong = zero.first(where: { !(0...1).contains($0) }) {
      throw ValidationError("--zero: expected fractions from 0 to 1, found \(wrong)")
    }
  }

  func run() throws {
    let terminal = Terminal.standardError(isQuiet: quiet)
    InterruptMonitor.shared.start()
    try Failure.reporting(on: terminal, hint: "run the same command again") {
      try report.check(names: AblationFolder.names)
      let session = try AblationSession(self, terminal: terminal)
      if dryRun {
        try session.estimate().print(json: json)
        return
      }
      try AblationPublication(session.run(), seconds: session.seconds, arguments: report)
        .publish(json: json, on: terminal)
    }
  }
}
