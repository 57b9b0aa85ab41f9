import Foundation

/// How a number is written for people: in tables, on verdict cards and on axes.
///
/// Written with Swift's C-locale formatting, so a report's bytes do not depend on the reader's or the
/// writer's language settings. Thousands are grouped by a narrow no-break space (ISO 80000-1), the
/// minus sign is U+2212, and what is not finite is an en dash.
public enum NumberFormat: Codable, Sendable, Hashable {
  /// Whole numbers, grouped: 16 384.
  case integer
  /// A fixed number of decimals: 0.652.
  case fixed(Int)
  /// A fixed number of significant digits, the others zero, and with a power of ten from 10⁵ on and
  /// below 10⁻⁴: 0.0123, 12 300, 1.23 × 10⁵.
  case significant(Int)
  /// A fraction written as a percentage with this many decimals: 0.7196 → 71.96 %.
  case percent(Int)
  /// One digit, decimals, and a power of ten: 1.2 × 10⁻⁵.
  case scientific(Int)

  /// Stands for a number that is missing or not finite.
  public static let missing = "–"

  /// Digits beyond these say nothing about a Double.
  private static let digitLimit = 17

  /// The text of one value.
  public func text(_ value: Double) -> String {
    guard value.isFinite else {
      return value.isNaN ? Self.missing : (value < 0 ? "\u{2212}∞" : "∞")
    }
    switch self {
    case .integer: return Self.grouped(Self.decimal(value, 0))
    case .fixed(let decimals): return Self.grouped(Self.decimal(value, decimals))
    case .percent(let decimals):
      return Self.grouped(Self.decimal(value * 100, decimals)) + "\u{202F}%"
    case .scientific(let decimals): return Self.scientific(value, decimals)
    case .significant(let digits):
      let digits = max(1, min(digits, Self.digitLimit))
      guard value != 0 else { return "0" }
      // The exponent after rounding: 9.996 with three digits is 10.0, not 10.00.
      let rounded = String(format: "%.*e", digits - 1, value)
      let exponent = rounded.split(separator: "e").last.flatMap { Int($0) } ?? 0
      if exponent < -4 || exponent >= 5 { return Self.scientific(value, digits - 1) }
      return Self.grouped(
        Self.decimal(Double(rounded) ?? value, max(0, digits - 1 - exponent)))
    }
  }

  /// The same format in d3's language, which Plotly's axes and hover texts speak.
  public var d3: String {
    switch self {
    case .integer: ",.0f"
    case .fixed(let decimals): ",.\(decimals)f"
    case .significant(let digits): ".\(digits)~r"
    case .percent(let decimals): ".\(decimals)%"
    case .scientific(let decimals): ".\(decimals)e"
    }
  }

  private static func decimal(_ value: Double, _ decimals: Int) -> String {
    let text = String(format: "%.*f", max(0, min(decimals, digitLimit)), value)
    // A negative number that rounds to zero is zero.
    return text.hasPrefix("-") && text.allSatisfy({ "-0.".contains($0) })
      ? String(text.dropFirst()) : text
  }

  private static func scientific(_ value: Double, _ decimals: Int) -> String {
    let parts = String(format: "%.*e", max(0, min(decimals, digitLimit)), value)
      .split(separator: "e")
    guard parts.count == 2, let exponent = Int(parts[1]) else { return "\(value)" }
    let superscripts: [Character: Character] = [
      "-": "⁻", "0": "⁰", "1": "¹", "2": "²", "3": "³", "4": "⁴", "5": "⁵", "6": "⁶", "7": "⁷",
      "8": "⁸", "9": "⁹",
    ]
    let power = String(String(exponent).compactMap { superscripts[$0] })
    return parts[0].replacing("-", with: "\u{2212}") + "\u{202F}×\u{202F}10" + power
  }

  /// Groups the digits before the point by threes when there are five or more.
  private static func grouped(_ text: String) -> String {
    let isNegative = text.hasPrefix("-")
    let parts = (isNegative ? text.dropFirst() : text[...]).split(separator: ".")
    guard let whole = parts.first else { return text }
    var digits = ""
    for (index, digit) in whole.enumerated() {
      if whole.count > 4 && index > 0 && (whole.count - index) % 3 == 0 { digits += "\u{202F}" }
      digits.append(digit)
    }
    if parts.count == 2 { digits += "." + parts[1] }
    return (isNegative ? "\u{2212}" : "") + digits
  }
}
