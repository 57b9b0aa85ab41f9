import Files
import Foundation

/// Writes train.log, and knows what time was spent on.
final class TrainingLog {
  private let path: String
  private let threads: Int
  private var counted = 0
  private var parts: [String: Double] = [:]
  private var since = ContinuousClock.now

  init(path: String, threads: Int) { (self.path, self.threads) = (path, threads) }

  func count(_ tokens: Int) { counted += tokens }

  /// Times a part of the work.
  func timing<Result>(_ part: String, _ body: () throws -> Result) rethrows -> Result {
    let start = ContinuousClock.now
    defer { parts[part, default: 0] += (ContinuousClock.now - start) / .seconds(1) }
    return try body()
  }

  /// - Parameter isNews: whether it only says something, and times go on.
  func event(_ name: String, step: Int, reason: String? = nil, isNews: Bool = false) throws {
    let seconds = (ContinuousClock.now - since) / .seconds(1)
    func milliseconds(_ seconds: Double) -> Double { (seconds * 1000).rounded() / 1000 }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let line = try encoder.encode(
      TrainingEvent(
        event: name, step: step, time: ISO8601DateFormatter().string(from: Date()),
        host: ProcessInfo.processInfo.hostName, threads: threads,
        seconds: isNews ? nil : milliseconds(seconds),
        parts: isNews || parts.isEmpty ? nil : parts.mapValues(milliseconds),
        tokensPerSecond: !isNews && counted > 0 ? Double(counted) / seconds : nil,
        reason: reason))
    try LogFile.append(String(decoding: line, as: UTF8.self), to: path)
    guard !isNews else { return }
    (counted, parts, since) = (0, [:], .now)
  }
}
