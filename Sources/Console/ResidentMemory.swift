import Foundation

/// The most memory this process has had resident so far, in bytes; nil when the system does not
/// say. Mapped files count with the pages that were read.
///
/// Source: VmHWM in /proc/self/status (proc(5)).
public func peakResidentBytes() -> Int? {
  guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else {
    return nil
  }
  return peakResidentBytes(inStatus: status)
}

/// The value of the line `VmHWM:  12345 kB`.
package func peakResidentBytes(inStatus status: String) -> Int? {
  for line in status.split(separator: "\n") where line.hasPrefix("VmHWM:") {
    let words = line.dropFirst(6).split { $0 == " " || $0 == "\t" }
    guard let kibibytes = words.first.flatMap({ Int($0) }) else { return nil }
    let (bytes, overflow) = kibibytes.multipliedReportingOverflow(by: 1024)
    return overflow ? nil : bytes
  }
  return nil
}
