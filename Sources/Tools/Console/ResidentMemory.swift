import Foundation

/// The most memory this process has had resident so far, in bytes; nil when the system does not
/// say. Mapped files count with the pages that were read.
///
/// Source: VmHWM in /proc/self/status (proc(5)).
public func peakResidentBytes() -> Int? {
  currentStatus().flatMap(peakResidentBytes(inStatus:))
}

/// The memory that this process has resident now and that no file backs, in bytes: what a run takes
/// beyond its mapped model.
///
/// Source: RssAnon in /proc/self/status (proc(5)).
public func residentAnonymousBytes() -> Int? {
  currentStatus().flatMap { value(of: "RssAnon:", inStatus: $0) }
}

/// The value of the line `VmHWM:  12345 kB`.
package func peakResidentBytes(inStatus status: String) -> Int? {
  value(of: "VmHWM:", inStatus: status)
}

private func currentStatus() -> String? {
  try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)
}

private func value(of key: String, inStatus status: String) -> Int? {
  for line in status.split(separator: "\n") where line.hasPrefix(key) {
    let words = line.dropFirst(key.utf8.count).split { $0 == " " || $0 == "\t" }
    guard let kibibytes = words.first.flatMap({ Int($0) }) else { return nil }
    let (bytes, overflow) = kibibytes.multipliedReportingOverflow(by: 1024)
    return overflow ? nil : bytes
  }
  return nil
}
