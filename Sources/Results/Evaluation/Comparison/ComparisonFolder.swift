import Files
import Foundation
import Reporting

/// An evaluation on disk: `comparison.json`, `tables/*.csv`, `figures/` and `report.html`, each
/// published whole; the page comes last.
public struct ComparisonFolder: Sendable {
  public let path: String

  public init(path: String) { self.path = path }

  /// - Parameters:
  ///   - command: makes the report again.
  ///   - plotlyPath: where plotly.min.js is.
  ///   - browser: makes PNG and PDF figures.
  /// - Throws: `FileError` for the disk, `ReportingError`.
  public func write(
    _ result: ModelComparison, command: String, plotlyPath: String?, browser: Browser?
  ) throws -> ReportFolder.Written {
    try ReportFolder(path: path).write(
      ComparisonReport(result, command: command).report,
      json: ("comparison.json", result.encoded()),
      tables: ComparisonTables(result: result).all(), plotlyPath: plotlyPath, browser: browser)
  }
}

extension ModelComparison {
  /// The bytes of `comparison.json`: sorted keys, two spaces, a newline at the end.
  public func encoded() throws -> [UInt8] { try JSONText.encode(self) }

  /// Reads a `comparison.json`.
  ///
  /// - Throws: `FileError`, `JSONError`, `EvaluationError.foreignSchema`.
  public init(path: String) throws {
    let bytes = try MappedFile(path: path, limit: Self.byteLimit).copyBytes()
    self = try JSONText.decode(ModelComparison.self, from: bytes, path: path)
    guard schema == Self.schemaName else {
      throw EvaluationError.foreignSchema(path: path, found: schema, expected: Self.schemaName)
    }
  }

  /// Larger files are no comparison of ours.
  private static let byteLimit = 256 << 20
}
