import ArgumentParser
import Checkpoints
import Console
import Conversion
import Files
import Foundation
import Kernels
import Learning
import Models
import Training

struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write a run as a folder that torchrun goes on with, and mohd-train again.",
    discussion: """
      The folder holds the run's plan, last checkpoint and token files, and train.py: FSDP2, bf16 or
      float32, the same batches. It trains dense models as well. train.sbatch starts it under Slurm and
      requeues itself. Checkpoints are what mohd-train and transformers read.
      """)

  @Argument(help: ArgumentHelp("The run's folder.", valueName: "run"))
  var path: String

  @Option(help: ArgumentHelp("Token files of mohd-train tokens.", valueName: "folder"))
  var prepared: String

  @Option(
    help: ArgumentHelp(
      "The tokenizer, for a run that has no checkpoint yet.", valueName: "path"))
  var tokenizer: String?

  @Option(
    help: ArgumentHelp(
      "The checkpoint that a run without one of its own goes on from.", valueName: "model"))
  var from: String?

  @Option(help: "The folder to write; it must not exist, or be empty.")
  var output: String

  func run() throws {
    try Failure.reporting(hint: "remove what was written, and run the same command again") {
      let pool = WorkerPool(workerCount: max(1, ProcessInfo.processInfo.activeProcessorCount))
      let run = TrainingFolder(path)
      let plan = try run.readPlan()
      let start = try from.map { try Checkpoint.open($0) }
      if try run.checkpointSteps().isEmpty, plan.start != start.map({ $0.sha256() }) {
        throw SessionError.noStart(plan: run.plan)
      }
      try TrainingExport.write(
        run, to: output, domains: try PreparedText.read(prepared),
        start: { start.map { ModelTensors($0, pool: pool) } },
        files: {
          guard let tokenizer else {
            throw ValidationError("--tokenizer: expected one, since the run has no checkpoint yet")
          }
          return ModelFiles(
            configuration: try ModelingCode.configurationFile(plan.model),
            others: try TokenizerFiles.read(tokenizer)
              .merging(plan.model.mohd == nil ? [:] : ModelingCode.files) { own, _ in own })
        }, pool: pool)
      print(
        """
        \(output)

        What to do next, here or where that folder was copied to:
          torchrun --nproc-per-node 8 train.py --precision bf16
          sbatch train.sbatch
          mohd-train run --plan \(output)/plan.json --prepared \(output)/tokens --tokenizer T \
        --output \(output) --resume
        """)
    }
  }
}
