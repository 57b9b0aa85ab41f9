import Dispatch
import Foundation
import Synchronization

/// A signal asked this process to stop.
public struct Interrupted: Error, Equatable, CustomStringConvertible {
  /// SIGINT, SIGTERM or SIGUSR1.
  public let signal: Int32

  package init(signal: Int32) { self.signal = signal }

  /// 130 for SIGINT, as a shell reports it; 75 (stopped, can be resumed) for the others, which
  /// schedulers send.
  public var exitStatus: Int32 { signal == SIGINT ? 130 : 75 }

  public var description: String {
    switch signal {
    case SIGINT: "interrupted"
    case SIGTERM: "stopped by SIGTERM"
    default: "stopped by SIGUSR1"
    }
  }
}

/// Turns SIGINT, SIGTERM and SIGUSR1 into an error that long work meets at its next checkpoint.
///
/// The first signal only sets a flag, so that what is being written can be finished or dropped in
/// order. A second SIGINT ends the process at once, with status 130.
public final class InterruptMonitor: Sendable {
  /// The one monitor of this process; signals are watched from its first use on.
  public static let shared = InterruptMonitor()

  private static let signals = [SIGINT, SIGTERM, SIGUSR1]

  // 0: none yet.
  private let received = Atomic<Int32>(0)

  private init() {
    let queue = DispatchQueue(label: "signals", qos: .userInteractive)
    let registered = DispatchSemaphore(value: 0)
    for number in Self.signals {
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      // The handler holds its source, which keeps it alive as long as the process.
      source.setEventHandler { self.receive(number, count: Int(source.data)) }
      source.setRegistrationHandler { registered.signal() }
      source.resume()
    }
    // On Linux the source installs its own handler, when it is registered and not before. Until
    // then a signal would end the process, and SIG_IGN afterwards would take the handler away.
    for _ in Self.signals { registered.wait() }
  }

  /// Begins to watch signals. Call it before long work starts.
  public func start() {}

  /// Whether a signal has come.
  public var isInterrupted: Bool { received.load(ordering: .relaxed) != 0 }

  /// - Throws: `Interrupted` once a signal has come.
  public func checkpoint() throws(Interrupted) {
    let signal = received.load(ordering: .relaxed)
    if signal != 0 { throw Interrupted(signal: signal) }
  }

  private func receive(_ number: Int32, count: Int) {
    let (isFirst, _) = received.compareExchange(
      expected: 0, desired: number, ordering: .sequentiallyConsistent)
    if number == SIGINT && (!isFirst || count > 1) { _exit(130) }
  }
}
