import ArgumentParser
import Console
import Files
import Foundation
import Learning
import Training

struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Say how far a run has come.")

  @Argument(help: ArgumentHelp("The run's folder.", valueName: "run"))
  var path: String

  @Flag(help: "Print one JSON object to standard output.")
  var json = false

  func run() throws {
    try Failure.reporting {
      let folder = TrainingFolder(path)
      let plan = try folder.readPlan()
      let steps = try folder.lines(StepRecord.self, of: folder.steps)
      let evaluations = try folder.lines(EvaluationRecord.self, of: folder.evaluations)
      let summary = Summary(
        steps: plan.options.stepCount, step: steps.last?.step ?? 0,
        checkpoints: try folder.checkpointSteps(), first: steps.first?.crossEntropy,
        last: steps.last?.crossEntropy, evaluation: evaluations.last)
      if json { return try printJSON(summary) }
      print("\(folder.path): step \(summary.step) of \(summary.steps)")
      if let first = summary.first, let last = summary.last {
        print(String(format: "  loss                %.4f at first, %.4f now", first, last))
      }
      print(
        "  checkpoints         "
          + (summary.checkpoints.isEmpty
            ? "none yet" : summary.checkpoints.map(String.init).joined(separator: ", ")))
      for (name, domain) in (evaluations.last?.domains ?? [:]).sorted(by: { $0.key < $1.key }) {
        print(
          "  held out, \(name): "
            + String(
              format: "%.4f nats a token, %.3f bits a byte", domain.crossEntropy,
              domain.bitsPerByte) + " (step \(evaluations.last?.step ?? 0))")
      }
    }
  }

  private struct Summary: Encodable {
    let steps: Int
    let step: Int
    let checkpoints: [Int]
    let first: Double?
    let last: Double?
    let evaluation: EvaluationRecord?
  }
}
