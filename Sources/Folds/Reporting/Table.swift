/// One cell of a table.
public enum Cell: Codable, Sendable, Hashable {
  case text(String)
  case number(Double)
  case integer(Int)
  case truth(Bool)
  /// Nothing was measured; the reason, when there is one, is shown on request.
  case missing(String)
}

/// One column of a table.
public struct Column: Codable, Sendable, Hashable {
  public var title: String
  /// Shown after the title, in brackets; may be empty.
  public var unit: String
  /// How this column's numbers are written.
  public var format: NumberFormat

  public init(_ title: String, unit: String = "", format: NumberFormat = .significant(4)) {
    self.title = title
    self.unit = unit
    self.format = format
  }
}

/// A table for people; the first column names its row.
public struct Table: Codable, Sendable, Hashable {
  public var id: String
  public var title: String
  public var caption: String
  public var columns: [Column]
  /// [rows][columns]
  public var rows: [[Cell]]

  public init(id: String, title: String, caption: String = "", columns: [Column], rows: [[Cell]]) {
    self.id = id
    self.title = title
    self.caption = caption
    self.columns = columns
    self.rows = rows
  }
}
