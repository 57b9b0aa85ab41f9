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

  /// What a run tells while it goes.
  public struct Observer {
    /// After each step.
    public var stepped: (StepRecord) -> Void
    /// After each evaluation.
    public var evaluated: (EvaluationRecord) -> Void
    /// Between steps and batches; what it throws stops the run, with a checkpoint.
    public var interrupt: () throws -> Void

    public init(
      stepped: @escaping (StepRecord) -> Void = { _ in },
      evaluated: @escaping (EvaluationRecord) -> Void = { _ in },
      interrupt: @escaping () throws -> Void = {}
    ) {
      (self.stepped, self.evaluated, self.interrupt) = (stepped, evaluated, interrupt)
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
    if step > 0 {
      weights = try TrainingCheckpoint.weights(folder, step: step, pool: pool)
    } else if let given = try start() {
      weights = given
    } else {
      weights = ModelTensors(plan.model)
      InitialTensors.fill(
        weights, seed: plan.options.seed, deviation: plan.options.initialDeviation, pool: pool)
    }
    trainer = Trainer(weights, text: text, options: plan.options, step: step, pool: pool)
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
        let record = try trainer.next()
        try folder.append(record, to: folder.steps)
        log.count(record.tokens)
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
    let record = try trainer.evaluate(between: observer.interrupt)
    try folder.append(record, to: folder.evaluations)
    observer.evaluated(record)
  }

  private func checkpoint() throws {
    // Lines must outlive a power cut that the checkpoint behind them does.
    for file in [folder.steps, folder.evaluations] { try LogFile.synchronise(file) }
    try TrainingCheckpoint.write(trainer, files, to: folder)
    try prune()
    try log.event("checkpoint", step: trainer.step)
  }

  /// The latest checkpoint stays, and of those that were due as many as the plan says.
  private func prune() throws {
    let steps = try folder.checkpointSteps()
    let due = steps.filter { isDue($0, plan.options.checkpointEvery) }
    try folder.keepCheckpoints(Set(due.suffix(plan.options.keep) + steps.suffix(1)))
  }
}

/// train.log: what happened when, and where; the one file of a run that says so.
private final class TrainingLog {
  private let path: String
  private let threads: Int
  private var counted = 0
  private var since = ContinuousClock.now

  init(path: String, threads: Int) { (self.path, self.threads) = (path, threads) }

  private struct Event: Encodable {
    let event: String
    let step: Int
    let time: String
    let host: String
    let threads: Int
    let tokensPerSecond: Double?
    let reason: String?

    enum CodingKeys: String, CodingKey {
      case event, step, time, host, threads, reason
      case tokensPerSecond = "tokens_per_second"
    }
  }

  func count(_ tokens: Int) { counted += tokens }

  func event(_ name: String, step: Int, reason: String? = nil) throws {
    let seconds = (ContinuousClock.now - since) / .seconds(1)
    let rate = counted > 0 ? Double(counted) / seconds : nil
    (counted, since) = (0, .now)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let line = try encoder.encode(
      Event(
        event: name, step: step, time: ISO8601DateFormatter().string(from: Date()),
        host: ProcessInfo.processInfo.hostName, threads: threads, tokensPerSecond: rate,
        reason: reason))
    try LogFile.append(String(decoding: line, as: UTF8.self), to: path)
  }
}
