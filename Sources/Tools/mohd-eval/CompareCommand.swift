import ArgumentParser
import Console
import Evaluation
import Kernels

struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Say what a converted model lost, where, and whether it is faster.",
    discussion: """
      Both models go through the same text in lock step. Perplexity is token_perplexity, with \
      sequences cut as mohd-probe capture cuts them; KL(dense‖converted) and top-1 agreement are \
      over all positions. Each layer's attention_output, ffn_output and residual_post are held \
      against the dense model's (R², cosine, RMS ratio; position 0 left out), and the routers of a \
      MoHD model are followed by domain. Prefill speed is measured in turns: 2048 tokens as four \
      sequences of 512. Standard errors are over documents, and paired where the models are \
      compared. Any two models with one vocabulary and equal layers can be compared.
      """)

  @Argument(help: "The dense model: a Hugging Face folder, a .gguf file, or a cached hub id.")
  var dense: String

  @Argument(help: "What was made of it, likewise.")
  var converted: String

  @OptionGroup var corpus: CorpusArguments
  @OptionGroup var report: ReportArguments

  @Option(
    help: ArgumentHelp(
      "A tokenizer.json or tokenizer.model, or a folder that holds one, in place of the dense "
        + "model's.", valueName: "path"))
  var tokenizer: String?

  @Option(help: "Rounds in which speed is measured; 0 leaves it out.")
  var rounds = 3

  @Option(help: "Threads; the results do not depend on them. (default: one for each processor)")
  var threads: Int?

  @Flag(help: "Say what would be done and what it takes, and run nothing.")
  var dryRun = false

  @Flag(help: "Print comparison.json to standard output.")
  var json = false

  @Flag(help: "Show no progress.")
  var quiet = false

  func validate() throws {
    if let threads, !(1...1024).contains(threads) {
      throw ValidationError("--threads: expected a number from 1 to 1024, found \(threads)")
    }
    if !(0...1000).contains(rounds) {
      throw ValidationError("--rounds: expected a number from 0 to 1000, found \(rounds)")
    }
  }

  func run() throws {
    let terminal = Terminal.standardError(isQuiet: quiet)
    InterruptMonitor.shared.start()
    try Failure.reporting(on: terminal, hint: "run the same command again") {
      try report.check()
      let session = try ComparisonSession(self, terminal: terminal)
      if dryRun {
        try session.estimate().print(json: json)
        return
      }
      try ComparisonPublication(session.run(), seconds: session.seconds, arguments: report)
        .publish(json: json, on: terminal)
    }
  }
}
