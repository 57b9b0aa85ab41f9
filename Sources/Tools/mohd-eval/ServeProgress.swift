import Console
import Foundation
import Serving
import Synchronization

/// Says now and then what a server has done, and at its end.
final class ServeProgress: Sendable {
  private let terminal: Terminal
  private let lastShown = Mutex(ContinuousClock.now)

  /// Between two lines on a terminal, and in a log.
  private static let terminalInterval = Duration.seconds(5)
  private static let logInterval = Duration.seconds(30)

  init(on terminal: Terminal) { self.terminal = terminal }

  func update(_ progress: ScoringQueue.Progress) {
    let interval = terminal.style == .animated ? Self.terminalInterval : Self.logInterval
    let isDue = lastShown.withLock { last in
      guard ContinuousClock.now - last >= interval else { return false }
      last = .now
      return true
    }
    if isDue { show(progress) }
  }

  func finish(_ progress: ScoringQueue.Progress) { show(progress) }

  private func show(_ progress: ScoringQueue.Progress) {
    guard terminal.style != .silent else { return }
    let rate = Double(progress.tokenCount) / max(progress.busySeconds, 1e-9)
    terminal.print(
      "serve: \(HumanReadable.count(progress.promptCount)) prompts, "
        + "\(HumanReadable.count(progress.tokenCount)) tokens in "
        + "\(HumanReadable.count(progress.batchCount)) batches"
        + (progress.batchCount > 0 ? ", \(HumanReadable.rate(rate)) tokens/s at work" : ""))
  }
}
