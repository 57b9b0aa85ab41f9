import Dispatch
import Synchronization

/// The one thread that writes: pieces of work in the order in which they were handed over.
///
/// After a failure nothing more is done, and the failure is thrown at the next question.
final class WriterQueue: Sendable {
  private let queue = DispatchQueue(label: "capture writer", qos: .userInitiated)
  private let failure = Mutex<(any Error)?>(nil)

  /// Hands over a piece of work.
  ///
  /// - Parameters:
  ///   - work: skipped after a failure.
  ///   - always: called afterwards in any case.
  func enqueue(
    _ work: @escaping @Sendable () throws -> Void, always: @escaping @Sendable () -> Void = {}
  ) {
    queue.async { [self] in
      defer { always() }
      guard failure.withLock({ $0 == nil }) else { return }
      do {
        try work()
      } catch {
        failure.withLock { $0 = error }
      }
    }
  }

  /// - Throws: what a piece of work has thrown, again and again.
  func check() throws {
    if let error = failure.withLock({ $0 }) { throw error }
  }

  /// Waits until everything is done.
  func drain() throws {
    wait()
    try check()
  }

  /// Waits until everything is done or skipped.
  func wait() { queue.sync {} }
}
