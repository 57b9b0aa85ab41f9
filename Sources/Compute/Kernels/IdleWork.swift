import Foundation
import Glibc
import Synchronization

/// Numbered pieces of work for the time that workers leave idle.
///
/// One thread of the lowest priority takes piece after piece while a `WorkerPool` does something
/// else: where workers wait for each other, or for a disk, it computes. Pieces must write to disjoint
/// memory, as a pool's do; then results do not depend on when they are done.
public final class IdleWork: Sendable {
  private let count: Int
  private let body: @Sendable (_ piece: Int) -> Void
  private let next = Atomic<Int>(0)
  private let isDone = DispatchSemaphore(value: 0)

  /// The nice value that leaves processors to everybody else.
  private static let lowestPriority: Int32 = 19

  /// Begins at once.
  ///
  /// - Parameters:
  ///   - count: number of pieces, called in order.
  ///   - body: receives the piece's index, 0..<count.
  public init(_ count: Int, _ body: @escaping @Sendable (_ piece: Int) -> Void) {
    self.count = count
    self.body = body
    // A thread of its own: who has lowered his priority may not raise it again.
    Thread.detachNewThread { [self] in
      _ = setpriority(Int32(PRIO_PROCESS.rawValue), 0, Self.lowestPriority)
      work()
      isDone.signal()
    }
  }

  /// Does on the pool what is left, and returns when all is done. To be called once.
  public func finish(on pool: WorkerPool) {
    pool.forEach(pool.workerCount) { _, _ in work() }
    isDone.wait()
  }

  private func work() {
    while true {
      let piece = next.wrappingAdd(1, ordering: .relaxed).oldValue
      guard piece < count else { return }
      body(piece)
    }
  }
}
