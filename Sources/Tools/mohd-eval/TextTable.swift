import Evaluation
import Reporting

/// A table for terminals: the first column to the left, numbers to the right.
enum TextTable {
  static func lines(_ rows: [[String]]) -> [String] {
    let columnCount = rows.map(\.count).max() ?? 0
    let widths = (0..<columnCount).map { column in
      rows.map { $0.indices.contains(column) ? $0[column].count : 0 }.max() ?? 0
    }
    return rows.map { row in
      row.enumerated().map { column, text in
        let padding = String(repeating: " ", count: widths[column] - text.count)
        return column == 0 ? text + padding : padding + text
      }.joined(separator: "  ")
    }
  }

  /// "19.16 ± 0.83"; a dash where there is no number.
  static func text(_ estimate: Estimate?, digits: Int = 4) -> String {
    guard let estimate else { return NumberFormat.missing }
    let value = NumberFormat.significant(digits).text(estimate.value)
    guard let error = estimate.standardError else { return value }
    return value + " ± " + NumberFormat.significant(2).text(error)
  }
}
