import Checkpoints
import Files
import Foundation
import Kernels
import Learning
import Models

/// A run's folder with all that `torchrun` needs to go on with it: token files, and a program. The run
/// goes on in it, wherever it lies; mohd-train takes it up again with --resume.
public enum TrainingExport {
  /// - Parameters:
  ///   - run: begun or not; its last checkpoint goes along, and the lines up to it.
  ///   - domains: the plan's text.
  ///   - start: where a run without a checkpoint begins; nil: from scratch.
  ///   - files: of a checkpoint, for a run that has none yet.
  /// - Throws: `TrainingError`, `FileError`.
  public static func write(
    _ run: TrainingFolder, to path: String, domains: [TokenizedDomain],
    start: () throws -> ModelTensors?, files: () throws -> ModelFiles, pool: WorkerPool
  ) throws {
    let plan = try run.readPlan()
    for planned in plan.domains {
      guard let domain = domains.first(where: { $0.name == planned.name }),
        domain.sha256 == planned.sha256
      else { throw TrainingError.otherPlan(path: run.plan, field: "domains.\(planned.name)") }
    }
    let folder = TrainingFolder(path)
    if Folder.kind(of: path) != .missing, try !Folder.names(in: path).isEmpty {
      throw TrainingError.outputExists(path: path)
    }
    try Folder.create(path)
    try Folder.create(path + "/tokens")
    for domain in domains where plan.domains.contains(where: { $0.name == domain.name }) {
      try TokenFile.write(domain, to: path + "/tokens/" + domain.name + TokenFile.suffix)
    }
    try Folder.create(folder.checkpoints)
    if let step = try run.checkpointSteps().last {
      try FileManager.default.copyItem(
        atPath: run.checkpoint(step: step), toPath: folder.checkpoint(step: step))
      for (from, to) in [(run.steps, folder.steps), (run.evaluations, folder.evaluations)]
      where Folder.kind(of: from) == .file {
        try FileManager.default.copyItem(atPath: from, toPath: to)
        _ = try folder.cutLines(of: to, to: step)
      }
    } else {
      let weights: ModelTensors
      if let given = try start() {
        weights = given
      } else {
        weights = ModelTensors(plan.model)
        InitialTensors.fill(
          weights, seed: plan.options.seed, deviation: plan.options.initialDeviation, pool: pool)
      }
      try TrainingCheckpoint.write(
        weights, moments: [], step: 0, spikes: SpikeWindow(), try files(), to: folder)
    }
    for (name, bytes) in [
      ("train.py", PackageResources.train_py), ("step_text.py", PackageResources.step_text_py),
      ("step_losses.py", PackageResources.step_losses_py),
      ("train.sbatch", PackageResources.train_sbatch),
    ] {
      try DurableFile.write(bytes, to: path + "/" + name)
    }
    // Last: a folder with a plan has all the rest.
    try DurableFile.write(try JSONText.encode(plan), to: folder.plan)
  }
}
