import Files
import Reporting

/// An ablation on disk: `ablation.json`, `tables/*.csv`, `figures/` and `report.html`, each
/// published whole, and the page last; `settings/` holds what a killed run goes on from.
public struct AblationFolder: Sendable {
  public let path: String

  /// What lies in such a folder.
  public static let names: Set<String> = [
    "ablation.json", "settings", "tables", "figures", "report.html",
  ]

  public init(path: String) { self.path = path }

  /// Where results of single settings are kept.
  ///
  /// - Parameter context: what decides all of them.
  public func shelf(context: [String: String]) -> ResultShelf {
    ResultShelf(directory: path + "/settings", context: context)
  }

  /// - Parameters:
  ///   - command: makes the report again.
  ///   - plotlyPath: where plotly.min.js is.
  ///   - browser: makes PNG and PDF figures.
  /// - Throws: `FileError` for the disk, `ReportingError`.
  public func write(
    _ result: AblationResult, command: String, plotlyPath: String?, browser: Browser?
  ) throws -> ReportFolder.Written {
    try ReportFolder(path: path).write(
      AblationReport(result, command: command).report, json: ("ablation.json", result.encoded()),
      tables: AblationTables(result: result).all(), plotlyPath: plotlyPath, browser: browser)
  }
}
