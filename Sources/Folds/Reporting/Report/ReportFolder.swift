import Files

/// A report on disk: `report.html` and, in `figures/`, each figure as Plotly JSON and, where a
/// browser is installed, as PNG and PDF.
public struct ReportFolder: Sendable {
  /// What was written.
  public struct Written: Sendable, Equatable {
    /// Path of the page.
    public var page: String
    /// Paths of the figures' files.
    public var figures: [String]
    /// What could not be done and why, for the person at the terminal.
    public var notes: [String]

    /// The notes, without those on pictures that nobody wanted.
    public func notes(wantsPictures: Bool) -> [String] {
      notes.filter { wantsPictures || !$0.hasPrefix("no PNG") }
    }
  }

  public let path: String

  /// Where `make setup` is told about; named in the note when plotly.min.js is not there.
  public static let setup = "make setup"

  public init(path: String) { self.path = path }

  /// Writes a report with its numbers: a JSON file for programs and `tables/*.csv` before the rest.
  ///
  /// - Parameters:
  ///   - json: name and bytes of the JSON file.
  ///   - tables: the files' names without their ending.
  /// - Throws: as `write(_:plotlyPath:browser:)`.
  public func write(
    _ report: Report, json: (name: String, bytes: [UInt8]),
    tables: [(name: String, table: TidyTable)], plotlyPath: String?, browser: Browser?
  ) throws -> Written {
    try report.validate()
    try Folder.create(path)
    try DurableFile.write(json.bytes, to: path + "/" + json.name)
    try Folder.create(path + "/tables")
    for (name, table) in tables { try table.write(to: path + "/tables/\(name).csv") }
    return try write(report, plotlyPath: plotlyPath, browser: browser)
  }

  /// Writes everything; the page comes last, so a page that is there has all its files.
  ///
  /// - Parameters:
  ///   - plotlyPath: where plotly.min.js is; without it the page shows tables.
  ///   - browser: makes the pictures; none are made without it.
  /// - Throws: `ReportingError` for a report that contradicts itself, `FileError` for the disk. A
  ///   browser that fails is a note, not an error.
  public func write(
    _ report: Report, plotlyPath: String?, browser: Browser? = Browser.find()
  ) throws -> Written {
    try report.validate()
    let plotly = try PlotlyScript.bytes(at: plotlyPath)
    let folder = path + "/" + HTMLReport.figureFolder
    try Folder.create(path)
    if !report.figures.isEmpty { try Folder.create(folder) }
    var written = Written(page: path + "/report.html", figures: [], notes: [])
    for figure in report.figures {
      let file = "\(folder)/\(figure.id).json"
      try PlotlyFigure(figure).write(to: file)
      written.figures.append(file)
    }
    var pictures: [String] = []
    if let plotly, let browser {
      do {
        try browser.exportPictures(of: report.figures, to: folder, plotly: plotly)
        pictures = ["png", "pdf"]
        written.figures += report.figures.flatMap { figure in
          pictures.map { "\(folder)/\(figure.id).\($0)" }
        }
      } catch let error as ReportingError {
        written.notes.append(error.description)
      }
    } else if plotly != nil, !report.figures.isEmpty {
      written.notes.append(
        "no PNG and PDF figures: no chromium, chromium-browser or google-chrome found; "
          + "install one, or name it in \(Browser.variable)")
    }
    if plotly == nil, !report.figures.isEmpty {
      let place = plotlyPath.map { "was not found at \($0)" } ?? "was not found"
      written.notes.append(
        "figures are written as tables and Plotly JSON only: plotly.min.js \(place); "
          + "run `\(Self.setup)`, or name it with --plotly")
    }
    try HTMLReport(report, pictures: pictures).write(to: written.page, plotly: plotly)
    return written
  }
}
