import Foundation

/// How much processor time this machine and this process have used, to tell whether others were busy
/// while something was timed.
public struct MachineUse: Sendable {
  private let time: ContinuousClock.Instant
  /// Seconds of processor time since the start, of the machine and of this process.
  private let machine: Double
  private let own: Double

  /// Nil when the system does not say.
  ///
  /// Source: the first line of /proc/stat (proc(5)), in clock ticks; processor time of the process
  /// from clock().
  public init?() {
    guard let text = try? String(contentsOfFile: "/proc/stat", encoding: .utf8),
      let machine = Self.busySeconds(
        inStat: text, ticksPerSecond: Double(sysconf(Int32(_SC_CLK_TCK))))
    else { return nil }
    time = .now
    self.machine = machine
    own = Double(clock()) / Double(CLOCKS_PER_SEC)
  }

  /// Processors that other programs used since then, on average; at least 0. nil when the system does
  /// not say, or no time has passed.
  public func othersSince() -> Double? {
    guard let now = MachineUse() else { return nil }
    let elapsed = (now.time - time) / .seconds(1)
    guard elapsed > 0 else { return nil }
    return max(0, (now.machine - machine) - (now.own - own)) / elapsed
  }

  /// Busy time in the line `cpu  user nice system idle iowait irq softirq steal …`.
  package static func busySeconds(inStat text: String, ticksPerSecond: Double) -> Double? {
    guard let line = text.split(separator: "\n").first, line.hasPrefix("cpu "), ticksPerSecond > 0
    else { return nil }
    let fields = line.split(separator: " ").dropFirst().prefix(8).map { Double($0) ?? 0 }
    guard fields.count >= 4 else { return nil }
    return (fields.reduce(0, +) - fields[3] - (fields.count > 4 ? fields[4] : 0)) / ticksPerSecond
  }

  /// The processor's own name; nil when the system does not say.
  public static var processorName: String? {
    (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)).flatMap(name(inCPUInfo:))
  }

  /// Of the line `model name : …`; some kinds of processor have none.
  package static func name(inCPUInfo text: String) -> String? {
    text.split(separator: "\n").first { $0.hasPrefix("model name") }
      .flatMap { $0.split(separator: ":", maxSplits: 1).dropFirst().first }
      .map { $0.trimmingCharacters(in: .whitespaces) }
  }

  /// The load average of the last minute.
  public static var loadAverage: Double? {
    (try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8))
      .flatMap { $0.split(separator: " ").first }.flatMap { Double($0) }
  }
}
