import Files
import Foundation
import Kernels
import Learning
import Models

/// A run from its plan to its last checkpoint, also across kills: whatever stopped it, it goes on from
/// the last checkpoint and ends with the same bytes.
///
/// At a step's end come its line, an evaluation where one is due, and then the checkpoint; what stands
/// behind a checkpoint when a run goes on is cut off and done again.
public final class TrainingRun {
  public let folder: TrainingFolder
  public let plan: TrainingPlan
  private let files: ModelFiles
  private let text: TrainingText
  private let pool: WorkerPool
  private let log: TrainingLog
  private let lock: FolderLock
  private let trainer: Trainer
  private var alarms: RouterAlarms

  /// What a run tells while it goes.
  public struct Observer {
    /// After each step.
    public var stepped: (StepRecord) -> Void
    /// After each evaluation.
    public var evaluated: (EvaluationRecord) -> Void
    /// When something is wrong with a router.
    public var alarmed: (String) -> Void
    /// Between steps and batches; what it throws stops the run, with a checkpoint.
    public var interrupt: () throws -> Void

    public init(
      stepped: @escaping (StepRecord) -> Void = { _ in },
      evaluated: @escaping (EvaluationRecord) -> Void = { _ in },
      alarmed: @escaping (String) -> Void = { _ in },
      interrupt: @escaping () throws -> Void = {}
    ) {
      (self.stepped, self.evaluated, self.interrupt) = (stepped, evaluated, interrupt)
      self.alarmed = alarmed
    }
  }

  /// Begins a run, or finds where it stopped.
  ///
  /// - Parameters:
  ///   - start: the weights of a run that goes on from a checkpoint of another; nil: from scratch.
  ///   - resume: whether a run that was begun may be gone on with.
  public init(
    _ path: String, plan: TrainingPlan, text: TrainingText, start: () throws -> ModelTensors?,
    files: ModelFiles, resume: Bool, pool: WorkerPool
  ) throws {
    folder = TrainingFolder(path)
    (self.plan, self.files, self.text, self.pool) = (plan, files, text, pool)
    try folder.begin(plan, resume: resume)
    lock = try FolderLock(folder.path)
    try Folder.create(folder.checkpoints)
    try folder.clearRemains()
    let step = try folder.checkpointSteps().last ?? 0
    log = TrainingLog(path: folder.log, threads: pool.workerCount)
    let weights: ModelTensors
    var spikes = SpikeWindow()
    // An exported run has a checkpoint of step 0.
    if try folder.checkpointSteps().last == step {
      (weights, spikes) = try TrainingCheckpoint.weights(folder, step: step, pool: pool)
    } else if let given = try start() {
      weights = given
    } else {
      weights = ModelTensors(plan.model)
      InitialTensors.fill(
        weights, seed: plan.options.seed, deviation: plan.options.initialDeviation, pool: pool)
    }
    trainer = Trainer(
      weights, text: text, options: plan.options, step: step, spikes: spikes, pool: pool)
    alarms = RouterAlarms(plan.model)
    for record in try folder.lines(StepRecord.self, of: folder.steps).filter({ $0.step <= step })
      .suffix(RouterAlarms.stepCount)
    { _ = alarms.take(record) }
    if step > 0 { try TrainingCheckpoint.readMoments(folder, step: step, into: trainer) }
  }

  public var step: Int { trainer.step }
  public var isComplete: Bool { trainer.step >= plan.options.stepCount }

  /// Runs to the end.
  public func run(_ observer: Observer = Observer()) throws {
    let options = plan.options
    let isPending = try cutLines()
    try prune()
    try log.event("start", step: trainer.step)
    do {
      if isPending { try evaluate(observer) }
      while !isComplete {
        try observer.interrupt()
        let record = try log.timing("steps") { try trainer.next() }
        try folder.append(record, to: folder.steps)
        log.count(record.tokens)
        if record.spike == true {
          try log.event(
            "spike", step: record.step,
            reason: "loss \(record.crossEntropy)" + (options.skipSpikes ? ", skipped" : ""),
            isNews: true)
        }
        for alarm in alarms.take(record) {
          try log.event("alarm", step: record.step, reason: alarm, isNews: true)
          observer.alarmed(alarm)
        }
        observer.stepped(record)
        if isDue(record.step, options.evaluateEvery) { try evaluate(observer) }
        if isDue(record.step, options.checkpointEvery) { try checkpoint() }
      }
      try log.event("complete", step: trainer.step)
    } catch let error as TrainingFailure {
      try log.event("stop", step: trainer.step, reason: error.description)
      throw error
    } catch let error as any ReportableError {
      throw error
    } catch {
      // A signal: what is done is not lost.
      if try folder.checkpointSteps().last ?? 0 < trainer.step {
        try checkpoint()
      }
      try log.event("stop", step: trainer.step, reason: "\(error)")
      throw error
    }
  }

  /// Cuts lines back to the checkpoint.
  ///
  /// - Returns: whether its step's evaluation is still to come, because a signal came before it.
  private func cutLines() throws -> Bool {
    func check(_ file: String, _ found: Int, _ expected: Int) throws {
      guard found == expected else {
        throw TrainingError.damaged(
          path: file,
          reason: "expected \(expected) lines up to step \(step), found \(found)")
      }
    }
    try check(folder.steps, folder.cutLines(of: folder.steps, to: step), step)
    let found = try folder.cutLines(of: folder.evaluations, to: step == 0 ? -1 : step)
    if step == 0 { return true }
    let expected = 1 + (1...step).count { isDue($0, plan.options.evaluateEvery) }
    if found == expected - 1, isDue(step, plan.options.evaluateEvery) { return true }
    try check(folder.evaluations, found, expected)
    return false
  }

  private func isDue(_ step: Int, _ every: Int) -> Bool {
    step % every == 0 || step == plan.options.stepCount
  }

  private func evaluate(_ observer: Observer) throws {
    let record = try log.timing("evaluations") {
      try trainer.evaluate(between: observer.interrupt)
    }
    try folder.append(record, to: folder.evaluations)
    observer.evaluated(record)
  }

  private func checkpoint() throws {
    // Lines must outlive a power cut that the checkpoint behind them does.
    for file in [folder.steps, folder.evaluations] { try LogFile.synchronise(file) }
    try log.timing("checkpoints") {
      try TrainingCheckpoint.write(
        trainer.weights,
        moments: [trainer.optimizer.firstMoment, trainer.optimizer.secondMoment],
        step: trainer.step, spikes: trainer.spikes, files, to: folder)
      try prune()
    }
    try log.event("checkpoint", step: trainer.step)
  }

  /// The latest checkpoint stays, and of those that were due as many as the plan says.
  private func prune() throws {
    let steps = try folder.checkpointSteps()
    let due = steps.filter { isDue($0, plan.options.checkpointEvery) }
    let every = plan.options.keepEvery
    let kept = steps.filter { every > 0 && $0 % every == 0 }
    try folder.keepCheckpoints(Set(due.suffix(plan.options.keep) + steps.suffix(1) + kept))
  }
}
