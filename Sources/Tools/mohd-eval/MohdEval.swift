import ArgumentParser
import Kernels

@main
struct MohdEval: ParsableCommand {
  static func main() {
    BLASCore.restartIfSlow()
    main(nil)
  }

  static let version = "0.1.0"

  static let configuration = CommandConfiguration(
    commandName: "mohd-eval",
    abstract: "Say what a model is worth, and what a conversion cost.",
    discussion: """
      Examples:
        mohd-eval perplexity --model SmolLM2.gguf --corpus books=texts/
        mohd-eval compare SmolLM2.gguf CONVERTED --corpus books=texts/ code=src/ --output REPORT
        mohd-eval ablate CONVERTED --dense SmolLM2.gguf --corpus books=texts/ --output REPORT
        mohd-eval ladder SmolLM2.gguf --calibration-corpus cal/ --corpus texts/ --output LADDER
        mohd-eval sweep SmolLM2.gguf --over headline --calibration-corpus cal/ --corpus texts/ \
      --output SWEEP
        mohd-eval perplexity --model CONVERTED --corpus wiki.jsonl.zst --max-tokens 100000 --json
        mohd-eval serve --model CONVERTED --port 8000
      """,
    version: version,
    subcommands: [
      CompareCommand.self, AblateCommand.self, LadderCommand.self, SweepCommand.self,
      PerplexityCommand.self, ServeCommand.self,
    ])
}
