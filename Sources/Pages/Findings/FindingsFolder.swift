import Files
import Reporting
import Statistics

/// A report on disk: `statistics.json`, `state.h5`, `tables/`, `figures/` and `report.html`, each
/// published whole; the page comes last.
public struct FindingsFolder: Sendable {
  public let path: String

  public init(path: String) { self.path = path }

  /// - Parameters:
  ///   - result: the run that the report is about.
  ///   - state: what merging needs of it.
  ///   - compared: the other run, kept as `compared.json`.
  ///   - plotlyPath: where plotly.min.js is.
  ///   - browser: makes PNG and PDF figures.
  ///   - checkpoint: called between files; what it throws ends the writing.
  /// - Throws: `FileError` for the disk, `HDF5Error`, `ReportingError`.
  public func write(
    _ report: Report, result: StatisticsResult, state: StatisticsState,
    compared: StatisticsResult? = nil, plotlyPath: String?, browser: Browser?,
    checkpoint: () throws -> Void = {}
  ) throws -> ReportFolder.Written {
    try report.validate()
    try Folder.create(path)
    try DurableFile.write(result.encoded(), to: path + "/statistics.json")
    if let compared { try DurableFile.write(compared.encoded(), to: path + "/compared.json") }
    try checkpoint()
    try state.write(to: path + "/state.h5")
    try Folder.create(path + "/tables")
    for (name, table) in try TidyTables(result: result.condensed()).all() {
      try checkpoint()
      try table.write(to: path + "/tables/\(name).csv")
    }
    if compared == nil { try Folder.removeFile(path + "/compared.json") }
    return try ReportFolder(path: path).write(report, plotlyPath: plotlyPath, browser: browser)
  }
}
