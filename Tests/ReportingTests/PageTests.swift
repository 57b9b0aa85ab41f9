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
          try Self.checkControls(page)
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

  /// A legend's button hides its lines and shows them again; the chooser changes what is drawn.
  static func checkControls(_ page: BrowserPage) throws {
    let visible =
      "document.querySelector('#figure-long-tail-curves .canvas').data"
      + ".filter(trace => trace.visible).length"
    let before = try #require(page.evaluate(visible).double)
    let button = "document.querySelector('#figure-long-tail-curves .legend button')"
    try page.evaluate("\(button).click()")
    #expect(try page.evaluate("\(button).getAttribute('aria-pressed')") == "false")
    #expect(try #require(page.evaluate(visible).double) < before)
    try page.evaluate("\(button).click()")
    #expect(try page.evaluate(visible).double == before)
    let first =
      "document.querySelector('#figure-long-tail-curves .canvas').data"
      + ".findIndex(trace => trace.visible)"
    let chosen = try page.evaluate(first)
    let slider = "document.querySelector('#figure-long-tail-curves input')"
    for value in ["3", "16"] {
      try page.evaluate("\(slider).value = \(value); \(slider).dispatchEvent(new Event('input'))")
      #expect(try (page.evaluate(first) == chosen) == (value == "16"))
    }
  }

  @Test("The reader's preference chooses the theme, and figures follow it")
  func preference() throws {
    let browser = try #require(Browser.find())
    let folder = try Self.folder()
    let plotly = try PlotlyScript.bytes(at: Self.environment["MOHD_PLOTLY"])
    try HTMLReport(DemoReport.report).write(to: folder + "/preference.html", plotly: plotly)
    try BrowserSession.run(browser, timeout: Self.patience) { session in
      let page = try session.open(file: folder + "/preference.html")
      let colour = "document.querySelector('#figure-shared-window .canvas').data[1].line.color"
      #expect(try page.evaluate(colour).text == Palette.observed.light)
      try page.prefer(colourScheme: "dark")
      try page.evaluate("new Promise(resolve => setTimeout(resolve, 1500))")
      #expect(try page.evaluate(colour).text == Palette.observed.dark)
      #expect(page.consoleErrors == [])
    }
  }

  @Test("Each figure becomes a PNG and a PDF, the same bytes twice")
  func pictures() throws {
    let browser = try #require(Browser.find())
    let folder = try Self.folder() + "/pictures"
    let written = try ReportFolder(path: folder).write(
      DemoReport.report, plotlyPath: Self.environment["MOHD_PLOTLY"], browser: browser)
    #expect(written.notes == [])
    let figures = DemoReport.report.figures
    #expect(written.figures.count == 3 * figures.count)
    let first = figures[3].id
    let before = try [".png", ".pdf"].map {
      try MappedFile(path: "\(folder)/figures/\(first)\($0)").copyBytes()
    }
    #expect(before[0].starts(with: [0x89, 0x50, 0x4E, 0x47]))
    #expect(before[1].starts(with: Array("%PDF-".utf8)))
    let plotly = try #require(try PlotlyScript.bytes(at: Self.environment["MOHD_PLOTLY"]))
    try browser.exportPictures(of: [figures[3]], to: folder, plotly: plotly)
    let after = try [".png", ".pdf"].map {
      try MappedFile(path: "\(folder)/\(first)\($0)").copyBytes()
    }
    #expect(before[0] == after[0], "PNG")
    #expect(before[1] == after[1], "PDF")
  }

  @Test("A browser that cannot work is an error with a reason, soon")
  func brokenBrowser() throws {
    for path in ["/bin/false", "/nonexistent/chromium", "/bin/cat"] {
      #expect(throws: ReportingError.self) {
        try BrowserSession.run(Browser(path: path), timeout: 2) { session in
          _ = try session.open(Array("<html></html>".utf8))
        }
      }
    }
  }
}
