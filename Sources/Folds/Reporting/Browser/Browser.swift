import Files
import Foundation

/// A Chromium that was found on this machine; it turns figures into pictures.
public struct Browser: Sendable, Equatable {
  public let path: String

  /// Names this program in the environment when it is not on the search path.
  public static let variable = "MOHD_BROWSER"

  public init(path: String) { self.path = path }

  /// The browser that `MOHD_BROWSER` names, or the first Chromium or Chrome on the search path; nil
  /// when there is none, or when `MOHD_BROWSER` names nothing that can be run.
  public static func find(
    in environment: [String: String] = ProcessInfo.processInfo.environment
  ) -> Browser? {
    let files = FileManager.default
    if let named = environment[variable], !named.isEmpty {
      return files.isExecutableFile(atPath: named) ? Browser(path: named) : nil
    }
    let folders = (environment["PATH"] ?? "").split(separator: ":")
    for name in ["chromium", "chromium-browser", "google-chrome"] {
      for folder in folders {
        let path = "\(folder)/\(name)"
        if files.isExecutableFile(atPath: path) { return Browser(path: path) }
      }
    }
    return nil
  }

  /// Draws each figure in the light theme and publishes `ID.png` (two pixels per CSS pixel) and
  /// `ID.pdf` (vectors) in `folder`.
  ///
  /// - Parameters:
  ///   - plotly: the text of plotly.min.js.
  ///   - timeout: seconds that each single step of the browser may take.
  /// - Throws: `ReportingError.browserFailed`, or `FileError` when a picture cannot be written.
  public func exportPictures(
    of figures: [Figure], to folder: String, plotly: [UInt8], timeout: Double = 60
  ) throws {
    guard !figures.isEmpty else { return }
    try BrowserSession.run(self, timeout: timeout) { session throws in
      let page = try session.open(Self.sheet(plotly))
      for figure in figures {
        let json = PlotlyFigure(figure).json
        let height = json["layout"]["height"].double ?? 480
        let width = PlotlyFigure.nominalWidth
        try page.resize(width: width, height: height)
        let drawing = String(decoding: json.bytes, as: UTF8.self)
        _ = try page.evaluate("draw(\(drawing),\(Int(width)),\(Int(height)))")
        try DurableFile.write(
          page.screenshot(width: width, height: height, scale: 2), to: "\(folder)/\(figure.id).png")
        try DurableFile.write(
          page.print(width: width, height: height), to: "\(folder)/\(figure.id).pdf")
      }
    }
  }

  /// An empty page with Plotly and one function that draws.
  private static func sheet(_ plotly: [UInt8]) -> [UInt8] {
    Array(
      """
      <!DOCTYPE html><html><head><meta charset="utf-8"><title>figure</title>
      <style>body{margin:0;overflow:hidden}</style></head><body><div id="figure"></div>
      <script>
      """.utf8) + HTMLText.script(plotly)
      + Array(
        """
        </script>
        <script>
        const draw = async (figure, width, height) => {
          Object.assign(figure.layout, { width, height });
          delete figure.layout.updatemenus;
          await Plotly.newPlot("figure", figure.data, figure.layout, { staticPlot: true });
        };
        document.documentElement.dataset.ready = "true";
        </script></body></html>

        """.utf8)
  }
}
