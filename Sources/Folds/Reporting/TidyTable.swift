import Files

/// A table for programs: one row per observation, one column per variable, as CSV after RFC 4180
/// (comma, CRLF, doubled quotes) in UTF-8, which pandas reads without options.
///
/// Numbers are written shortest-round-trip, a missing number as an empty field, and truth as
/// `True` and `False`, which pandas takes for booleans.
public struct TidyTable: Sendable, Equatable {
  public var columns: [String]
  /// [rows][columns]
  public private(set) var rows: [[Cell]]

  public init(columns: [String]) {
    self.columns = columns
    self.rows = []
  }

  /// Appends one observation.
  ///
  /// - Throws: `ReportingError.unequalCounts` unless there is one cell for each column.
  public mutating func append(_ row: [Cell]) throws(ReportingError) {
    guard row.count == columns.count else {
      throw .unequalCounts(
        subject: "tidy table, row \(rows.count)", expected: columns.count, found: row.count)
    }
    rows.append(row)
  }

  /// The CSV file.
  public var bytes: [UInt8] {
    var result: [UInt8] = []
    func append(_ fields: [String]) {
      for (index, field) in fields.enumerated() {
        if index > 0 { result.append(UInt8(ascii: ",")) }
        result += field.utf8
      }
      result += "\r\n".utf8
    }
    append(columns.map(Self.quoted))
    for row in rows { append(row.map(Self.field)) }
    return result
  }

  /// Publishes the CSV file at `path`.
  public func write(to path: String) throws(FileError) {
    try DurableFile.write(bytes, to: path)
  }

  private static func field(_ cell: Cell) -> String {
    switch cell {
    case .text(let text): quoted(text)
    case .number(let value): value.isNaN ? "" : (value.isFinite ? "\(value)" : infinity(value))
    case .integer(let value): String(value)
    case .truth(let value): value ? "True" : "False"
    case .missing: ""
    }
  }

  private static func infinity(_ value: Double) -> String { value < 0 ? "-inf" : "inf" }

  /// Quotes what a comma, a quote, a line end or outer white space would break.
  private static func quoted(_ text: String) -> String {
    let bytes = Array(text.utf8)
    let spaces: [UInt8?] = [0x20, 0x09]
    let special: [UInt8] = [0x22, 0x2C, 0x0A, 0x0D]
    let needsQuotes =
      !bytes.isEmpty && (spaces.contains(bytes.first) || spaces.contains(bytes.last))
      || bytes.contains { special.contains($0) }
    return needsQuotes ? "\"" + text.replacing("\"", with: "\"\"") + "\"" : text
  }
}
