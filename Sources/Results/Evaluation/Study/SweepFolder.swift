import Files
import Reporting

/// A ladder or a sweep on disk: its JSON file, `tables/*.csv`, `figures/` and `report.html`, each
/// published whole; the page comes last.
public struct SweepFolder: Sendable {
  public let path: String

  public init(path: String) { self.path = path }

  /// What it holds, beside what the run itself keeps there.
  public static let names: Set<String> = [
    "ladder.json", "sweep.json", "tables", "figures", "report.html",
  ]

  /// - Parameters:
  ///   - command: makes the report again.
  ///   - plotlyPath: where plotly.min.js is.
  ///   - browser: makes PNG and PDF figures.
  /// - Throws: `FileError` for the disk, `ReportingError`.
  public func write(
    _ result: SweepResult, command: String, plotlyPath: String?, browser: Browser?
  ) throws -> ReportFolder.Written {
    try ReportFolder(path: path).write(
      SweepReport(result, command: command).report, json: (result.kind.fileName, result.encoded()),
      tables: SettingTables(result: result).all(), plotlyPath: plotlyPath, browser: browser)
  }
}
