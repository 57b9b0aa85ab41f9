import Files
import Foundation
import Reporting
import Testing

@Suite("HTML report")
struct HTMLReportTests {
  /// Stands for plotly.min.js where nothing is drawn.
  static let stub = Array("/* </script><script>alert(1)</script><!-- */".utf8)

  static func page(_ report: Report, plotly: [UInt8]? = stub) -> String {
    String(decoding: HTMLReport(report, pictures: ["png"]).bytes(plotly: plotly), as: UTF8.self)
  }

  @Test(
    "The page closes what it opens, names nothing twice and asks for nothing",
    arguments: [true, false])
  func balanced(hasPlotly: Bool) throws {
    let scan = TagBalance(Self.page(DemoReport.report, plotly: hasPlotly ? Self.stub : nil))
    #expect(scan.problems == [])
    #expect(Set(scan.identifiers).count == scan.identifiers.count)
    for address in scan.addresses {
      let isLocal =
        address == "data:," || address.hasPrefix("figures/")
        || address.hasPrefix("#") && scan.identifiers.contains(String(address.dropFirst()))
      #expect(isLocal, "\(address)")
    }
  }

  @Test("Headings begin at one and never skip a level on the way down")
  func headings() {
    let levels = TagBalance(Self.page(DemoReport.report)).headings
    #expect(levels.first == 1)
    #expect(levels.count { $0 == 1 } == 1)
    for (before, after) in zip(levels, levels.dropFirst()) { #expect(after <= before + 1) }
  }

  @Test("Equal reports give equal bytes")
  func deterministic() {
    #expect(Self.page(DemoReport.report) == Self.page(DemoReport.report))
  }

  @Test("Text from outside stays text, wherever it stands")
  func escapes() throws {
    let evil = "</script><script>alert('x')</script><!--\"&\u{0}"
    let figure = Figure(
      id: "evil", title: evil, caption: evil, altText: evil,
      x: Axis(evil, unit: evil), y: Axis(evil),
      series: [
        Series(evil, role: .observed, mark: .line(x: .numbers([1, 2]), y: [1, 2]), choice: 0),
        Series(
          evil, role: .paper, mark: .scatter(x: .numbers([1]), y: [1], labels: [evil])),
      ],
      rules: [Rule(.horizontal, at: 1, label: evil)], chooser: Chooser(evil, choices: [evil]))
    let report = Report(
      title: evil, subtitle: evil, facts: [Fact(evil, evil)],
      callouts: [Callout(.warning, title: evil, text: evil)],
      verdicts: [
        Verdict(
          claim: evil, source: evil, measure: evil,
          paper: Quantity(1, format: .integer, unit: evil, note: evil), model: .missing(evil),
          null: .missing(evil), status: .holds, sentence: evil)
      ],
      verdictTerms: VerdictTerms(
        heading: evil, introduction: evil, paper: evil, model: evil, null: evil),
      sections: [
        Section(
          id: "one", title: evil,
          blocks: [
            .paragraph(evil), .heading(evil), .list([evil]), .figure(figure),
            .table(
              Table(
                id: "table", title: evil, caption: evil, columns: [Column(evil, unit: evil)],
                rows: [[.text(evil)], [.missing(evil)]])),
          ])
      ], provenance: [Fact(evil, evil)],
      reproduction: Reproduction(text: evil, commands: [evil]))
    let page = Self.page(report, plotly: Array("/* </script> <!-- */".utf8))
    #expect(TagBalance(page).problems == [])
    let holdsScript = page.contains("<script>alert")
    #expect(!holdsScript)
    let holdsZero = page.contains("\u{0}")
    #expect(!holdsZero)
    // The figure's data, the colours, Plotly, our own program.
    #expect(page.components(separatedBy: "<script").count - 1 == 4)
    let escapesPlotly = page.contains("/* <\\/script> <\\!-- */")
    #expect(escapesPlotly)
  }

  @Test("Without Plotly the page says so and shows the numbers")
  func withoutPlotly() {
    let page = Self.page(DemoReport.report, plotly: nil)
    #expect(page.contains("plotly.min.js</code> was not available"))
    #expect(page.contains("<details open>"))
    #expect(!page.contains("class=\"canvas\""))
  }

  @Test("Every figure has its alternative text and its numbers")
  func alternatives() {
    let page = Self.page(DemoReport.report)
    for figure in DemoReport.report.figures {
      #expect(page.contains("aria-label=\"\(HTMLText.escape(figure.altText))\""))
      #expect(page.contains("href=\"figures/\(figure.id).json\""))
    }
  }

  @Test("Prose knows code and strong words, and an unpaired mark stands for itself")
  func prose() {
    #expect(HTMLText.prose("a `b<c` **d**") == "a <code>b&lt;c</code> <strong>d</strong>")
    #expect(HTMLText.prose("2 ** 3 and a ` tick") == "2 ** 3 and a ` tick")
    #expect(HTMLText.prose("**50 %** of 3 %d") == "<strong>50\u{202F}%</strong> of 3\u{202F}%d")
    #expect(HTMLText.prose("`a**b**`") == "<code>a**b**</code>")
  }

  @Test("A folder without Plotly or a browser holds the page, the JSON and a note")
  func folder() throws {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("mohd-report-" + ProcessInfo.processInfo.globallyUniqueString).path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let written = try ReportFolder(path: path).write(
      DemoReport.report, plotlyPath: path + "/plotly.min.js", browser: nil)
    #expect(written.notes.count == 1)
    #expect(try Folder.names(in: path) == ["figures", "report.html"])
    #expect(
      try Folder.names(in: path + "/figures")
        == DemoReport.report.figures.map { $0.id + ".json" }.sorted())
  }
}
