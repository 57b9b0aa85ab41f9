import Synchronization

/// Shows how far a job has come, on the standard error and in the form of Python's tqdm:
///
///     capture:  37%|███▋      | 370/1000 [00:12<00:20, 30.8tokens/s]
///
/// Nothing is shown in the first second, so nothing at all for a job that ends within it. Off a
/// terminal there is one line every 30 seconds, and one at the end. Any thread may report.
public final class ProgressBar: Sendable {
  private struct State {
    var count = 0
    var total: Int?
    /// What stands behind the rate.
    var note: String?
    var lastShown: Duration?
    var isFinished = false
  }

  private static let delay = Duration.seconds(1)
  private static let frame = Duration.milliseconds(100)
  private static let logInterval = Duration.seconds(30)

  private let description: String
  private let unit: String
  private let terminal: Terminal
  private let now: @Sendable () -> Duration
  private let start: Duration
  private let state: Mutex<State>

  /// - Parameters:
  ///   - description: what the job is.
  ///   - total: how many units the job has; nil when nobody knows.
  ///   - unit: what is counted, in the plural.
  public convenience init(
    _ description: String, total: Int?, unit: String, on terminal: Terminal = .standardError()
  ) {
    let origin = ContinuousClock.now
    self.init(
      description, total: total, unit: unit, on: terminal, now: { ContinuousClock.now - origin })
  }

  /// - Parameter now: a clock that never goes back.
  package init(
    _ description: String, total: Int?, unit: String, on terminal: Terminal,
    now: @escaping @Sendable () -> Duration
  ) {
    self.description = description
    self.unit = unit
    self.terminal = terminal
    self.now = now
    start = now()
    state = Mutex(State(total: total))
  }

  deinit { finish() }

  /// Reports that `count` more units are done.
  ///
  /// - Parameter note: shown behind the rate from now on; nil: what was shown before.
  public func advance(by count: Int, note: String? = nil) {
    change {
      $0.count += count
      $0.note = note ?? $0.note
    }
  }

  /// Reports that `count` units are done in all, and perhaps a new total.
  public func update(to count: Int, total: Int? = nil) {
    change {
      $0.count = count
      $0.total = total ?? $0.total
    }
  }

  /// Writes a message without tearing the bar.
  public func print(_ message: String) {
    state.withLock { state in
      if terminal.style == .animated && state.lastShown != nil { terminal.erase() }
      terminal.print(message)
    }
  }

  /// Shows the end, unless nothing was shown yet. Later reports are ignored.
  public func finish() {
    state.withLock { state in
      guard !state.isFinished else { return }
      state.isFinished = true
      let elapsed = now() - start
      switch terminal.style {
      case .silent: break
      case .lines: if elapsed >= Self.delay { terminal.print(line(state, elapsed)) }
      case .animated:
        guard state.lastShown != nil else { return }
        terminal.draw(line(state, elapsed))
        terminal.print("")
      }
    }
  }

  /// One line of progress.
  ///
  /// - Parameter width: columns; the bar is drawn as long as they allow, 10 when that is unknown,
  ///   and left out when there is no room.
  package static func line(
    description: String, count: Int, total: Int?, elapsed: Duration, unit: String, width: Int?
  ) -> String {
    let seconds = elapsed / .seconds(1)
    let rate = seconds > 0 ? Double(count) / seconds : 0
    let rateText = rate > 0 ? "\(HumanReadable.rate(rate))\(unit)/s" : "?\(unit)/s"
    let scaled = max(count, total ?? 0) >= 100_000
    func text(_ count: Int) -> String {
      scaled ? HumanReadable.scaledCount(count) : String(count)
    }
    guard let total, total > 0, count <= total else {
      return "\(description): \(text(count))\(unit) [\(HumanReadable.clock(seconds)), \(rateText)]"
    }
    let fraction = Double(count) / Double(total)
    let remaining = rate > 0 ? HumanReadable.clock(Double(total - count) / rate) : "?"
    let percent = String(Int(fraction * 100))
    let left =
      "\(description): " + String(repeating: " ", count: 3 - percent.count) + percent + "%|"
    let right =
      "| \(text(count))/\(text(total)) "
      + "[\(HumanReadable.clock(seconds))<\(remaining), \(rateText)]"
    let room = width.map { $0 - 1 - left.count - right.count } ?? 10
    return left + bar(fraction, columns: min(max(room, 0), 60)) + right
  }

  // MARK: - Private

  /// Eighths of a column, as tqdm draws them.
  private static func bar(_ fraction: Double, columns: Int) -> String {
    let eighths = Int(fraction * Double(columns * 8))
    let parts = Array(" ▏▎▍▌▋▊▉")
    let full = String(repeating: "█", count: eighths / 8)
    guard full.count < columns else { return full }
    return full + String(parts[eighths % 8])
      + String(repeating: " ", count: columns - full.count - 1)
  }

  private func line(_ state: State, _ elapsed: Duration) -> String {
    Self.line(
      description: description, count: state.count, total: state.total, elapsed: elapsed,
      unit: unit, width: terminal.width.map { $0 - (state.note.map { $0.count + 2 } ?? 0) })
      + (state.note.map { ", " + $0 } ?? "")
  }

  private func change(_ body: (inout State) -> Void) {
    state.withLock { state in
      guard !state.isFinished else { return }
      body(&state)
      let elapsed = now() - start
      switch terminal.style {
      case .silent: return
      case .lines:
        guard elapsed - (state.lastShown ?? .zero) >= Self.logInterval else { return }
        terminal.print(line(state, elapsed))
      case .animated:
        guard elapsed >= Self.delay, elapsed - (state.lastShown ?? .zero) >= Self.frame else {
          return
        }
        terminal.draw(line(state, elapsed))
      }
      state.lastShown = elapsed
    }
  }
}
