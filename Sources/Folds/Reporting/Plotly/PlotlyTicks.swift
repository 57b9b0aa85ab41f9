import Foundation

/// Ticks of logarithmic axes. Plotly writes the digits between its powers of ten so small that nobody
/// can read them; ours are all of one size.
enum PlotlyTicks {
  /// Fewer than these are left to Plotly, which has finer ones.
  private static let least = 3
  /// Beyond these decades only powers of ten are named, and beyond the second number not all of them.
  private static let decadesWithDigits = 3.0
  private static let decadesOfPowers = 8.0

  /// The ticks' attributes; empty where Plotly chooses.
  ///
  /// - Parameter extent: what is drawn, or the ends of the axis.
  static func logarithmic(
    _ extent: ClosedRange<Double>, format: NumberFormat?
  ) -> [String: JSONValue] {
    guard extent.lowerBound > 0, extent.upperBound.isFinite else { return [:] }
    // The axis reaches a little beyond what it shows.
    let (low, high) = (log10(extent.lowerBound) - 0.15, log10(extent.upperBound) + 0.15)
    let decades = log10(extent.upperBound / extent.lowerBound)
    let digits = decades > decadesWithDigits ? [1.0] : [1, 2, 5]
    let stride = max(1, Int((decades / decadesOfPowers).rounded(.up)))
    var ticks: [(value: Double, text: String)] = []
    for exponent in Int(low.rounded(.down))...Int(high.rounded(.up))
    where exponent % stride == 0 {
      for digit in digits {
        // Dividing keeps 0.2 and its like free of a last wrong digit.
        let power = pow(10, Double(abs(exponent)))
        let value = exponent < 0 ? digit / power : digit * power
        guard low...high ~= log10(value) else { continue }
        ticks.append((value, text(value, digit, exponent, format)))
      }
    }
    let seen = ticks.count { extent ~= $0.value }
    guard seen >= least else { return [:] }
    return [
      "tickmode": "array", "tickvals": .numbers(ticks.map(\.value)),
      "ticktext": .strings(ticks.map(\.text)),
    ]
  }

  /// One digit says all of such a number.
  private static func text(
    _ value: Double, _ digit: Double, _ exponent: Int, _ format: NumberFormat?
  ) -> String {
    if case .percent = format { return NumberFormat.significant(1).text(value * 100) + "\u{202F}%" }
    if (-3...4).contains(exponent) { return NumberFormat.significant(1).text(value) }
    let text = NumberFormat.scientific(0).text(value)
    // "1 × 10⁵" is 10⁵.
    return digit == 1 ? String(text.split(separator: "\u{202F}").last ?? "") : text
  }
}
