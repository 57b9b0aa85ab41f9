import Console
import Dispatch
import Foundation
import Testing

// SIGINT is left to the tests that run the tools: a second one would end this process.
@Suite struct InterruptMonitorTests {
  @Test("a signal that comes while all cores work is met at the next checkpoint")
  func checkpoint() throws {
    let monitor = InterruptMonitor.shared
    monitor.start()
    try monitor.checkpoint()
    #expect(!monitor.isInterrupted)
    kill(getpid(), SIGUSR1)
    let deadline = ContinuousClock.now + .seconds(20)
    DispatchQueue.concurrentPerform(iterations: ProcessInfo.processInfo.activeProcessorCount) { _ in
      while !monitor.isInterrupted && ContinuousClock.now < deadline {}
    }
    #expect(throws: Interrupted(signal: SIGUSR1)) { try monitor.checkpoint() }
    // Later signals do not change the first one's verdict.
    kill(getpid(), SIGTERM)
    #expect(throws: Interrupted(signal: SIGUSR1)) { try monitor.checkpoint() }
  }
}
