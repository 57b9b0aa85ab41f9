/// Numbers as people read them. Machines get plain numbers in JSON.
public enum HumanReadable {
  /// Bytes in binary units with three significant digits: "512 B", "1.50 KiB", "12.3 GiB".
  public static func bytes(_ count: Int) -> String {
    scale(Double(count), step: 1024, units: [" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"])
  }

  /// A count with its thousands set apart: "1,234,567".
  public static func count(_ count: Int) -> String {
    var digits = String(count.magnitude)
    var groups: [Substring] = []
    while digits.count > 3 {
      groups.insert(digits.suffix(3), at: 0)
      digits = String(digits.dropLast(3))
    }
    groups.insert(digits[...], at: 0)
    return (count < 0 ? "-" : "") + groups.joined(separator: ",")
  }

  /// A count and what it counts, in the singular for one: "1 file", "1,234 files".
  ///
  /// - Parameter noun: a word whose plural ends in s.
  public static func count(_ count: Int, _ noun: String) -> String {
    "\(Self.count(count)) \(noun)\(count == 1 ? "" : "s")"
  }

  /// A count in powers of a thousand with three significant digits: "999", "12.3k", "1.20M".
  public static func scaledCount(_ count: Int) -> String {
    scale(Double(count), step: 1000, units: ["", "k", "M", "G", "T", "P", "E"])
  }

  /// A rate with three significant digits: "0.0123", "30.8", "1234", "12.3k".
  public static func rate(_ rate: Double) -> String {
    rate < 10_000
      ? threeDigits(rate) : scale(rate, step: 1000, units: ["", "k", "M", "G", "T", "P", "E"])
  }

  /// A duration in words: "0.12 s", "12.3 s", "3 min 20 s", "2 h 05 min".
  public static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite else { return "?" }
    if seconds < 59.95 { return threeDigits(max(seconds, 0)) + " s" }
    let whole = Int(min(seconds.rounded(), 1e15))
    if whole < 3600 { return "\(whole / 60) min \(twoDigits(whole % 60)) s" }
    return "\(count(whole / 3600)) h \(twoDigits(whole / 60 % 60)) min"
  }

  /// A duration that is only estimated, with no more digits than it deserves: "2 seconds",
  /// "15 seconds", "2 minutes", "3 hours".
  public static func roundDuration(_ seconds: Double) -> String {
    guard seconds.isFinite else { return "?" }
    var (value, unit) = (max(seconds, 1), "second")
    if value >= 90 { (value, unit) = (value / 60, "minute") }
    if value >= 90 { (value, unit) = (value / 60, "hour") }
    // From ten on in steps of five.
    let step = value < 9.5 || unit == "hour" ? 1.0 : 5
    let whole = Int(min((value / step).rounded() * step, 1e9))
    return "\(count(whole)) \(unit)\(whole == 1 ? "" : "s")"
  }

  /// A duration as a clock shows it: "00:12", "1:02:03".
  public static func clock(_ seconds: Double) -> String {
    guard seconds.isFinite else { return "?" }
    let whole = Int(min(max(seconds, 0), 1e15))
    let minutes = "\(twoDigits(whole / 60 % 60)):\(twoDigits(whole % 60))"
    return whole < 3600 ? minutes : "\(whole / 3600):" + minutes
  }

  // MARK: - Private

  private static func scale(_ value: Double, step: Double, units: [String]) -> String {
    var value = value
    var unit = 0
    // 999.5 and more would round to four digits.
    while abs(value) >= min(step, 999.5) && unit < units.count - 1 {
      value /= step
      unit += 1
    }
    return (unit == 0 ? String(Int(value)) : threeDigits(value)) + units[unit]
  }

  /// Three significant digits without an exponent; all digits before the point are kept.
  private static func threeDigits(_ value: Double) -> String {
    guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
    let magnitude = abs(value)
    // The thresholds are where a number rounds to the next power of ten.
    let decimals =
      magnitude >= 99.95 ? 0 : magnitude >= 9.995 ? 1 : magnitude >= 0.9995 ? 2 : 3
    var power = 1
    for _ in 0..<decimals { power *= 10 }
    let scaled = Int((magnitude * Double(power)).rounded())
    let sign = value < 0 && scaled > 0 ? "-" : ""
    guard decimals > 0 else { return sign + String(scaled) }
    let fraction = String(scaled % power)
    return sign + String(scaled / power) + "."
      + String(repeating: "0", count: decimals - fraction.count) + fraction
  }

  private static func twoDigits(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
}
