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

  /// Reports a step of `tokens` tokens.
  func advance(by tokens: Int) {
    if let start {
      counted += tokens
      rate = Double(counted) / ((ContinuousClock.now - start) / .seconds(1))
    } else {
      start = .now
      bar = ProgressBar("train", total: tokenCount, unit: "tokens", on: terminal)
    }
    bar?.advance(by: tokens)
  }

  func finish() { bar?.finish() }
}
