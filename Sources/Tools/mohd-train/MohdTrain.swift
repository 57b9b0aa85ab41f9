import ArgumentParser
import Kernels

@main
struct MohdTrain: ParsableCommand {
  static func main() {
    BLASCore.restartIfSlow()
    main(nil)
  }

  static let configuration = CommandConfiguration(
    commandName: "mohd-train",
    abstract: "Train a Mixture of Hidden Dimensions from scratch, beside its dense baseline.",
    subcommands: [
      RunCommand.self, TokensCommand.self, InspectCommand.self, ReportCommand.self,
      ExportCommand.self,
    ])
}
