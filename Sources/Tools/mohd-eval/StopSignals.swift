import Dispatch
import Foundation
import Synchronization

/// SIGTERM and SIGINT for a server: the first asks it to stop, the second ends the process at once.
enum StopSignals {
  private static let count = Atomic<Int>(0)

  /// - Parameter stop: receives the name of the first signal, on a queue of its own.
  static func watch(_ stop: @escaping @Sendable (_ signal: String) -> Void) {
    let queue = DispatchQueue(label: "signals", qos: .userInteractive)
    for (number, name) in [(SIGTERM, "SIGTERM"), (SIGINT, "SIGINT")] {
      let registered = DispatchSemaphore(value: 0)
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      // The handler holds its source, which keeps it alive as long as the process.
      source.setEventHandler {
        let earlier = count.wrappingAdd(Int(source.data), ordering: .relaxed).oldValue
        if earlier > 0 || source.data > 1 { _exit(128 + number) }
        stop(name)
      }
      source.setRegistrationHandler { registered.signal() }
      source.resume()
      registered.wait()
    }
  }
}

/// One result that one thread waits for and another brings.
final class Handover: Sendable {
  private let error = Mutex<(any Error)?>(nil)
  private let isThere = DispatchSemaphore(value: 0)

  func put(_ error: (any Error)?) {
    self.error.withLock { $0 = error }
    isThere.signal()
  }

  func wait() throws {
    isThere.wait()
    if let error = error.withLock({ $0 }) { throw error }
  }
}
