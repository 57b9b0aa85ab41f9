import Checkpoints
import Files
import Foundation
import Learning

/// A run as a report sees it, also one that is still going on.
public struct ReportedRun: Sendable {
  public let name: String
  public let plan: TrainingPlan
  public let steps: [StepRecord]
  public let evaluations: [EvaluationRecord]
  let events: [TrainingEvent]
  let cost: TrainingCost

  /// - Throws: `TrainingError.noPlan`, `JSONError`, `FileError`.
  public init(_ path: String) throws {
    let folder = TrainingFolder(path)
    name = URL(filePath: folder.path).standardizedFileURL.lastPathComponent
    plan = try folder.readPlan()
    steps = try folder.lines(StepRecord.self, of: folder.steps)
    evaluations = try folder.lines(EvaluationRecord.self, of: folder.evaluations)
    events = try folder.lines(TrainingEvent.self, of: folder.log)
    cost = TrainingCost(plan.model)
  }

  var isMoHD: Bool { plan.model.mohd != nil }

  /// Tokens that a step's end has seen, padding included.
  func tokens(step: Int) -> Double { Double(step * plan.options.batchTokens) }

  /// Multiply-adds up to a step's end, forward and backward, attention's scores included.
  func multiplyAdds(step: Int) -> Double {
    tokens(step: step)
      * Double(cost.stepMultiplyAdds(sequenceLength: plan.options.sequenceLength))
  }

  /// Seconds that the run had taken at a step's end, what was lost to kills included; nil: not known.
  func seconds(step: Int) -> Double? {
    var (total, from): (Double, Int?) = (0, nil)
    var found: Double?
    for event in events {
      guard event.event != "start" else {
        from = event.step
        continue
      }
      guard let seconds = event.seconds, let start = from, event.event != "alarm" else { continue }
      if step > start, step <= event.step {
        found = total + seconds * Double(step - start) / Double(event.step - start)
      }
      total += seconds
      from = event.step
    }
    return found
  }

  /// Where its time went, by part, in the log's order.
  var parts: [(name: String, seconds: Double)] {
    var sums: [String: Double] = [:]
    for event in events {
      for (name, seconds) in event.parts ?? [:] { sums[name, default: 0] += seconds }
    }
    return sums.sorted { $0.value > $1.value }.map { ($0.key, $0.value) }
  }

  /// Tokens a second over all that is logged.
  var rate: Double? {
    let timed = events.compactMap { event in
      event.tokensPerSecond.flatMap { rate in event.seconds.map { (rate * $0, $0) } }
    }
    let seconds = timed.reduce(0) { $0 + $1.1 }
    return seconds > 0 ? timed.reduce(0) { $0 + $1.0 } / seconds : nil
  }
}

/// One line of train.log: what happened when, and where; the one file of a run that says so.
struct TrainingEvent: Codable, Sendable {
  let event: String
  let step: Int
  let time: String
  let host: String
  let threads: Int
  /// Since the process's last event, and how they were spent.
  let seconds: Double?
  let parts: [String: Double]?
  let tokensPerSecond: Double?
  let reason: String?

  enum CodingKeys: String, CodingKey {
    case event, step, time, host, threads, seconds, parts, reason
    case tokensPerSecond = "tokens_per_second"
  }
}
