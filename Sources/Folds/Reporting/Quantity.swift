/// A number with what is needed to read it: its format, its interval, its unit.
public struct Quantity: Codable, Sendable, Hashable {
  /// Not finite or absent: the number could not be had.
  public var value: Double?
  /// Lower and upper end of the interval around `value`, when one was computed.
  public var low: Double?
  public var high: Double?
  public var format: NumberFormat
  /// Follows the number; empty for a pure number and for percentages.
  public var unit: String
  /// Says what the number is of ("layer 16, first half of the dimensions"); may be empty.
  public var note: String

  public init(
    _ value: Double?, low: Double? = nil, high: Double? = nil, format: NumberFormat,
    unit: String = "", note: String = ""
  ) {
    self.value = value
    self.low = low
    self.high = high
    self.format = format
    self.unit = unit
    self.note = note
  }

  /// A number that nobody has: the paper does not print it, or it was not measured.
  public static func missing(_ note: String = "") -> Quantity {
    Quantity(nil, format: .significant(3), note: note)
  }

  /// The number with its unit, without the interval.
  public var text: String {
    guard let value, value.isFinite else { return NumberFormat.missing }
    return format.text(value) + (unit.isEmpty ? "" : "\u{00A0}" + unit)
  }

  /// "71.2 … 72.4 %", or nothing when there is no interval.
  public var intervalText: String? {
    guard let low, let high, low.isFinite, high.isFinite else { return nil }
    return "\(format.text(low)) … \(format.text(high))"
  }
}
