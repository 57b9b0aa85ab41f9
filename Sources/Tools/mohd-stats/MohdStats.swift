import ArgumentParser
import Kernels

@main
struct MohdStats: ParsableCommand {
  static func main() {
    BLASCore.restartIfSlow()
    main(nil)
  }

  static let version = "0.1.0"

  static let configuration = CommandConfiguration(
    commandName: "mohd-stats",
    abstract: "Check every claim about sparse hidden activations, beside what chance would give.",
    discussion: """
      Examples:
        mohd-stats report RUN --output REPORT
        mohd-stats report RUN --compare OTHER-RUN --output REPORT
        mohd-stats stream --model SmolLM2.gguf --corpus books=texts/ --hook-points all \\
          --output REPORT
        mohd-stats merge PART-1 PART-2 --output REPORT
      """,
    version: version,
    subcommands: [ReportCommand.self, StreamCommand.self, MergeCommand.self])
}
