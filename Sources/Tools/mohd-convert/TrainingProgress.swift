import Console

/// How far training has come: a bar that begins with the first step, and the rate behind it.
final class TrainingProgress {
  private let terminal: Terminal
  private let tokenCount: Int
  private var bar: ProgressBar?
  private var start: ContinuousClock.Instant?
  private var counted = 0

  /// Tokens/s, the first step left out; nil before the second one.
  private(set) var rate: Double?

  init(tokenCount: Int, on terminal: Terminal) {
    (self.tokenCount, self.terminal) = (tokenCount, terminal)
  }

  /// Reports a step of `tokens` tokens; 0: that training is alive.
  func advance(by tokens: Int) {
    let bar = bar ?? ProgressBar("train", total: tokenCount, unit: "tokens", on: terminal)
    self.bar = bar
    guard tokens > 0 else { return }
    if let start {
      counted += tokens
      rate = Double(counted) / ((ContinuousClock.now - start) / .seconds(1))
    } else {
      start = .now
    }
    bar.advance(by: tokens)
  }

  func finish() { bar?.finish() }
}
