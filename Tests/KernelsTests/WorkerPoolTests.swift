import Kernels
import Synchronization
import Testing

@Suite("Worker pool")
struct WorkerPoolTests {
  @Test("Every piece is done exactly once", arguments: [1, 2, 5], [0, 1, 7, 1000])
  func once(workers: Int, pieces: Int) {
    let counts = Mutex([Int](repeating: 0, count: pieces))
    WorkerPool(workerCount: workers).forEach(pieces) { piece, worker in
      precondition(worker < workers)
      counts.withLock { $0[piece] += 1 }
    }
    #expect(counts.withLock { $0.allSatisfy { $0 == 1 } })
  }

  @Test("A worker's calls never overlap")
  func exclusive() {
    let busy = Mutex([Bool](repeating: false, count: 4))
    let overlaps = Atomic<Int>(0)
    WorkerPool(workerCount: 4).forEach(500) { _, worker in
      let taken = busy.withLock { flags in
        defer { flags[worker] = true }
        return flags[worker]
      }
      if taken { overlaps.wrappingAdd(1, ordering: .relaxed) }
      busy.withLock { $0[worker] = false }
    }
    #expect(overlaps.load(ordering: .relaxed) == 0)
  }

  @Test("Idle work is done exactly once, whoever does it", arguments: [1, 3], [0, 1, 200])
  func idle(workers: Int, pieces: Int) {
    let counts = Mutex([Int](repeating: 0, count: pieces))
    let work = IdleWork(pieces) { piece in counts.withLock { $0[piece] += 1 } }
    work.finish(on: WorkerPool(workerCount: workers))
    #expect(counts.withLock { $0.allSatisfy { $0 == 1 } })
  }
}
