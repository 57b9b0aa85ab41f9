import Dispatch
import Synchronization

/// The one primitive for concurrency in this project: workers that pull numbered pieces of work.
///
/// Workers take the next piece from a shared counter, so an unlucky worker on a busy machine holds
/// nobody up. Which worker takes which piece is not fixed; pieces must therefore be cut the same way
/// for any number of workers, and write to disjoint memory: then results do not depend on threads.
public struct WorkerPool: Sendable {
  /// Number of workers, at least 1.
  public let workerCount: Int

  /// - Parameter workerCount: at least 1.
  public init(workerCount: Int) {
    precondition(workerCount >= 1, "a pool needs a worker")
    self.workerCount = workerCount
    singleThreadedBLAS()
  }

  /// Calls `body` once for each piece in 0..<count and returns when all are done.
  ///
  /// - Parameters:
  ///   - count: number of pieces.
  ///   - body: receives the piece's index and the worker's, 0..<workerCount; calls with the same
  ///     worker index never overlap, so the latter can choose a workspace.
  public func forEach(
    _ count: Int, _ body: @Sendable (_ piece: Int, _ worker: Int) -> Void
  ) {
    let workers = min(workerCount, count)
    guard workers > 1 else {
      for piece in 0..<max(count, 0) { body(piece, 0) }
      return
    }
    let next = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: workers) { worker in
      while true {
        let piece = next.wrappingAdd(1, ordering: .relaxed).oldValue
        guard piece < count else { return }
        body(piece, worker)
      }
    }
  }
}
