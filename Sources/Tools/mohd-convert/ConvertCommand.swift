import Activations
import ArgumentParser
import Capture
import Checkpoints
import Console
import Conversion
import Corpora
import Files
import Foundation
import Kernels
import Models
import Tokenizers

@main
struct ConvertCommand: ParsableCommand {
  static func main() {
    BLASCore.restartIfSlow()
    main(nil)
  }

  static let configuration = CommandConfiguration(
    commandName: "mohd-convert",
    abstract: "Turn a dense model into one that uses only the hidden dimensions a token needs.",
    discussion: """
      Calibrates on text (--corpus) or on a capture of the same model (--calibration), and writes a
      Hugging Face folder: transformers loads it with trust_remote_code=True, mohd-eval says what
      the conversion cost. conversion.json lists what was chosen, layer by layer.

      Each rung is a strategy: basis, grouping, router, budget, compensation (--refit). The order of
      importance is that one: the basis matters most, then how finely dimensions are cut
      (--sub-dimensions), the router last.
      """)

  @OptionGroup var model: ModelArguments
  @OptionGroup var corpus: CalibrationArguments
  @OptionGroup(title: "Recipe") var recipe: RecipeArguments

  @Option(help: "The folder to write; it must not exist, or be empty.")
  var output: String

  @Option(
    help: """
      Type of the weights that are written: float32, bfloat16 or float16. (default: the model's; \
      float32 where it is quantised)
      """)
  var dtype: FloatingType?

  @Flag(help: "Say what would be done and what it takes, and write nothing.")
  var dryRun = false

  @Flag(help: "Print one JSON object with the summary to standard output.")
  var json = false

  @Flag(help: "Show no progress.")
  var quiet = false

  func run() throws {
    let terminal = Terminal.standardError(isQuiet: quiet)
    InterruptMonitor.shared.start()
    try Failure.reporting(on: terminal, hint: "nothing was written; run the same command again") {
      let session = try ConversionSession(self, terminal: terminal)
      if dryRun {
        try session.estimate().print(json: json)
      } else {
        try session.model.explainingDamage(place: ConversionError.nonFinitePlace) {
          try session.convert()
        }.print(json: json)
      }
    }
  }
}

extension FloatingType: ExpressibleByArgument {}
