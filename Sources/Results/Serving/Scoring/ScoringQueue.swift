import Dispatch
import Synchronization

/// The one line in front of the engine: whoever waits when it is free goes through it together.
public final class ScoringQueue: Sendable {
  /// Scores some prompts together; called from one thread at a time.
  public typealias Engine = ([ScoringTask]) -> [Result<ScoredPrompt, ServingFailure>]

  /// What has gone through the engine so far.
  public struct Progress: Equatable, Sendable {
    public var promptCount = 0
    public var tokenCount = 0
    public var batchCount = 0
    /// Time that the engine was at work, in seconds.
    public var busySeconds = 0.0
  }

  /// Ids that batches are filled up to: enough for every layer to be worth its visit.
  public static let batchTokenCount = 8192

  private struct Waiting {
    let task: ScoringTask
    let deliver: @Sendable (Result<ScoredPrompt, ServingFailure>) -> Void
  }

  private struct State {
    /// First come, first served; those before `next` are gone.
    var waiting: [Waiting] = []
    var next = 0
    var isAtWork = false
    var progress = Progress()
  }

  private let state = Mutex(State())
  private let line = DispatchQueue(label: "scoring", qos: .default)
  private let engine: SendableEngine
  private let report: @Sendable (Progress) -> Void

  /// - Parameters:
  ///   - makeEngine: called once, on the thread that the engine then stays on.
  ///   - report: called after each batch.
  public init(
    engine: sending @escaping Engine, report: @escaping @Sendable (Progress) -> Void = { _ in }
  ) {
    self.engine = SendableEngine(engine)
    self.report = report
  }

  public var progress: Progress { state.withLock { $0.progress } }

  /// Waits for its turn and scores `tasks`, in one batch or in several.
  public func score(
    _ tasks: [ScoringTask]
  ) async -> [Result<ScoredPrompt, ServingFailure>] {
    guard !tasks.isEmpty else { return [] }
    return await withCheckedContinuation { continuation in
      let collected = Collected(count: tasks.count) { continuation.resume(returning: $0) }
      let entries = tasks.enumerated().map { index, task in
        Waiting(task: task) { collected.put($0, at: index) }
      }
      let starts = state.withLock { state in
        state.waiting += entries
        defer { state.isAtWork = true }
        return !state.isAtWork
      }
      if starts { line.async { self.work() } }
    }
  }

  private func work() {
    while let batch = take() {
      let start = ContinuousClock.now
      let results = engine.run(batch.map(\.task))
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      let progress = state.withLock { state in
        state.progress.promptCount += batch.count
        state.progress.tokenCount += batch.reduce(0) { $0 + $1.task.ids.count }
        state.progress.batchCount += 1
        state.progress.busySeconds += seconds
        return state.progress
      }
      for (entry, result) in zip(batch, results) { entry.deliver(result) }
      report(progress)
    }
  }

  /// The next whole prompts up to a batch, at least one; nil when none waits.
  private func take() -> [Waiting]? {
    state.withLock { state in
      var count = 0
      let start = state.next
      while state.next < state.waiting.count {
        count += state.waiting[state.next].task.ids.count
        if state.next > start && count > Self.batchTokenCount { break }
        state.next += 1
      }
      guard state.next > start else {
        state.waiting = []
        state.next = 0
        state.isAtWork = false
        return nil
      }
      let batch = Array(state.waiting[start..<state.next])
      if state.next > 1024 {
        state.waiting.removeFirst(state.next)
        state.next = 0
      }
      return batch
    }
  }

  /// Results of one request as they come.
  private final class Collected: Sendable {
    private let results: Mutex<(filled: Int, values: [Result<ScoredPrompt, ServingFailure>?])>
    private let done: @Sendable ([Result<ScoredPrompt, ServingFailure>]) -> Void

    init(
      count: Int, done: @escaping @Sendable ([Result<ScoredPrompt, ServingFailure>]) -> Void
    ) {
      results = Mutex((0, Array(repeating: nil, count: count)))
      self.done = done
    }

    func put(_ result: Result<ScoredPrompt, ServingFailure>, at index: Int) {
      let all = results.withLock { results -> [Result<ScoredPrompt, ServingFailure>]? in
        results.values[index] = result
        results.filled += 1
        return results.filled == results.values.count ? results.values.compactMap(\.self) : nil
      }
      if let all { done(all) }
    }
  }

  /// The engine behind a lock: it is no thread's own.
  private final class SendableEngine: Sendable {
    private let engine: Mutex<Engine>

    init(_ engine: sending @escaping Engine) { self.engine = Mutex(engine) }

    func run(_ tasks: [ScoringTask]) -> [Result<ScoredPrompt, ServingFailure>] {
      engine.withLock { $0(tasks) }
    }
  }
}
