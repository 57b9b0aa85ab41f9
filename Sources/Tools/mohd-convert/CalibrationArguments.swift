import ArgumentParser
import Console

/// Where calibration activations come from.
struct CalibrationArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A capture of this model, with attention_input and ffn_input of all layers; residual_pre, "
        + "residual_mid, attention_output and ffn_output too for a budget by sensitivity.",
      valueName: "run"))
  var calibration: String?

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Text to calibrate on: files, folders, patterns or -, each as PATH or DOMAIN=PATH. An even "
        + "part of each is taken, from all over it.",
      valueName: "corpus"))
  var corpus: [String] = []

  @Option(help: "The JSON field with the text.")
  var textField = "text"

  @Option(help: "Tokens in a sequence.")
  var sequenceLength = 512

  @Option(help: "Tokens to calibrate on, spread evenly over the corpora; --seed draws them.")
  var maxTokens = 16384

  @Option(help: "Take at most so many tokens of each corpus.")
  var maxTokensPerDomain: Int?

  /// The most of one corpus when so many tokens are drawn in place of `maxTokens`: in proportion.
  func limitPerCorpus(forTokens tokenCount: Int) -> Int? {
    maxTokensPerDomain.map {
      Int((Double($0) * Double(tokenCount) / Double(maxTokens)).rounded(.up))
    }
  }

  func validate() throws {
    if (calibration == nil) == corpus.isEmpty {
      throw ValidationError("--calibration: expected a capture, or text with --corpus; give one")
    }
    for (name, value) in [
      ("--sequence-length", sequenceLength), ("--max-tokens", maxTokens),
      ("--max-tokens-per-domain", maxTokensPerDomain ?? 1),
    ] where !(1...1 << 30).contains(value) {
      throw ValidationError("\(name): expected a number of at least 1, found \(value)")
    }
  }
}
