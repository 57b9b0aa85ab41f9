import Files
import Foundation
import Reporting
import Testing

/// The page in a real browser. Needs a Chromium and `MOHD_PLOTLY`, which names plotly.min.js;
/// `MOHD_SCREENSHOTS` names a folder that keeps the pictures for people to look at.
@Suite(
  "Page", .serialized,
  .enabled(
    if: Browser.find() != nil && ProcessInfo.processInfo.environment["MOHD_PLOTLY"] != nil,
    "needs Chromium, and MOHD_PLOTLY naming plotly.min.js"))
struct PageTests {
  static let environment = ProcessInfo.processInfo.environment
  /// Seconds for one step of the browser on a busy machine.
  static let patience = 120.0

  static func folder() throws -> String {
    let path =
      environment["MOHD_SCREENSHOTS"]
      ?? FileManager.default.temporaryDirectory
      .appendingPathComponent("mohd-page-" + ProcessInfo.processInfo.globallyUniqueString).path
    try Folder.create(path)
    return path
  }

  @Test("The page draws every figure without an error or a request, at each width and theme")
  func draws() throws {
    let browser = try #require(Browser.find())
    let folder = try Self.folder()
    let report = DemoReport.report
    let plotly = try PlotlyScript.bytes(at: Self.environment["MOHD_PLOTLY"])
    try HTMLReport(report).write(to: folder + "/report.html", plotly: plotly)
    try BrowserSession.run(browser, timeout: Self.patience) { session in
      for width in [1440.0, 390.0] {
        for theme in ["light", "dark"] {
          let page = try session.open(
            file: folder + "/report.html", query: "theme=\(theme)", width: width, height: 900)
          #expect(page.consoleErrors == [])
          #expect(page.networkRequests == [])
          let drawn = try page.evaluate("document.querySelectorAll('[data-drawn=true]').length")
          #expect(drawn == .integer(report.figures.count))
          let scroll = try page.evaluate("document.documentElement.scrollWidth")
          #expect(try #require(scroll.double) <= width, "no sideways scrolling at \(width)")
          if Self.environment["MOHD_SCREENSHOTS"] != nil {
            let height = try #require(
              page.evaluate("document.documentElement.scrollHeight").double)
            let picture = try page.screenshot(width: width, height: height, scale: 1)
            try DurableFile.write(picture, to: "\(folder)/page-\(Int(width))-\(theme).png")
            if width > 1000 && theme == "light" {
              try DurableFile.write(page.printSheets(), to: folder + "/page.pdf")
            }
          }
        }
      }
    }
  }
}
