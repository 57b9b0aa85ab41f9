import ArgumentParser
import Kernels

@main
struct MohdProbe: ParsableCommand {
  static func main() {
    BLASCore.restartIfSlow()
    main(nil)
  }

  static let version = "0.1.0"

  static let configuration = CommandConfiguration(
    commandName: "mohd-probe",
    abstract: "Read which hidden dimensions a LLaMA-style model uses.",
    discussion: """
      Examples:
        mohd-probe capture --model SmolLM2.gguf --corpus books=texts/ --output RUN
        mohd-probe capture --model meta-llama/Llama-2-7b-hf --corpus c4.jsonl.zst \\
          --max-tokens 100000 --layers 0-31:2 --output RUN --dry-run
        mohd-probe inspect RUN
        mohd-probe verify RUN
      """,
    version: version,
    subcommands: [CaptureCommand.self, InspectCommand.self, VerifyCommand.self, LogitsCommand.self])
}
