import ArgumentParser
import Console
import Conversion
import Corpora
import Evaluation
import Files

/// The options of a series of conversions: `ladder` and `sweep`.
struct SeriesArguments: ParsableArguments {
  @OptionGroup var corpus: CorpusArguments

  @Option(
    help: ArgumentHelp(
      "Calibrate on a capture of the dense model, as mohd-convert does.", valueName: "run"))
  var calibration: String?

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Calibrate on text: files, folders, patterns or -, each as PATH or DOMAIN=PATH.",
      valueName: "corpus"))
  var calibrationCorpus: [String] = []

  @Option(
    help:
      "Calibration tokens, in equal parts of all corpora, from all over each; --seed draws them.")
  var calibrationTokens = 16384

  @Option(help: "Active fraction of hidden dimensions, where that is not what is swept.")
  var active = 0.5

  @Option(
    help: ArgumentHelp(
      "Measure the settings that are worth it once more after training on so many tokens of "
        + "--calibration-corpus, as mohd-convert --distill does: ladder, and sweep --over headline.",
      valueName: "tokens"))
  var distill: Int?

  @Option(
    help: ArgumentHelp(
      "The greatest step of that training, relative to the weights. "
        + "(default: \(DistillationSettings.usualRate))"))
  var distillRate: Double?

  @OptionGroup var report: ReportArguments

  @Option(
    help: ArgumentHelp(
      "Where results of single settings are kept; runs that share it share settings. "
        + "(default: OUTPUT/settings)", valueName: "folder"))
  var cache: String?

  @Flag(help: "Keep the converted models, in OUTPUT/models.")
  var keep = false

  @Option(help: "Rounds in which speed is measured; 0 leaves it out.")
  var rounds = 3

  @Option(help: "Seeds clustering, and draws the calibration text.")
  var seed: UInt64 = 0

  @Option(
    help: ArgumentHelp(
      "A tokenizer.json or tokenizer.model, or a folder that holds one, in place of the model's.",
      valueName: "path"))
  var tokenizer: String?

  @Option(help: "Threads; the results do not depend on them. (default: one for each processor)")
  var threads: Int?

  @Flag(help: "Name the settings and say which are known, and run nothing.")
  var dryRun = false

  @Flag(help: "Print the JSON file to standard output.")
  var json = false

  @Flag(help: "Show no progress.")
  var quiet = false

  func validate() throws {
    if (calibration == nil) == calibrationCorpus.isEmpty {
      throw ValidationError(
        "--calibration: expected a capture, or text with --calibration-corpus; give one")
    }
    if let distill, !(1024...1 << 30).contains(distill) {
      throw ValidationError("--distill: expected at least 1024 tokens, found \(distill)")
    }
    if distill != nil, calibrationCorpus.isEmpty {
      throw ValidationError("--distill: runs the model again; give --calibration-corpus")
    }
    if let distillRate {
      guard distill != nil else {
        throw ValidationError("--distill-rate: says how to train; give --distill")
      }
      guard distillRate > 0, distillRate < 1 else {
        throw ValidationError("--distill-rate: expected a number in 0…1, found \(distillRate)")
      }
    }
    if report.output == nil { throw ValidationError("--output: expected a folder") }
    if !(active > 0 && active < 1) {
      throw ValidationError("--active: expected a fraction between 0 and 1, found \(active)")
    }
    if let threads, !(1...1024).contains(threads) {
      throw ValidationError("--threads: expected a number from 1 to 1024, found \(threads)")
    }
    if !(0...1000).contains(rounds) {
      throw ValidationError("--rounds: expected a number from 0 to 1000, found \(rounds)")
    }
    if !(1...1 << 30).contains(calibrationTokens) {
      throw ValidationError(
        "--calibration-tokens: expected a number of at least 1, found \(calibrationTokens)")
    }
  }

  var output: String { report.output ?? "." }

  /// How settings that are worth it are trained; nil: they are not.
  var distillation: DistillationSettings? {
    distill.map { tokenCount in
      var settings = DistillationSettings(tokenCount: tokenCount)
      if let distillRate { settings.rate = distillRate }
      return settings
    }
  }

  /// Where settings' results are kept.
  var shelf: String { cache ?? output + "/settings" }

  /// Everything that can be wrong with the places, before any work begins.
  func check() throws {
    try report.check(
      names: SweepFolder.names.union(["settings", "models", "comparison.json"]))
  }
}
