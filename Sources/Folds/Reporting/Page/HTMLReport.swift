import Files

/// A report as one self-contained HTML file: no request leaves the page, and it can be read
/// without JavaScript, without Plotly, on paper, and by a screen reader.
///
/// The page sets `data-drawn="true"` on each figure that Plotly has drawn, and
/// `data-ready="true"` on the root element when all are; `?theme=light` and `?theme=dark`
/// overrule the reader's preference.
public struct HTMLReport: Sendable {
  let report: Report
  /// Endings of the picture files beside each figure's JSON ("png", "pdf").
  let pictures: [String]
  /// Folder of the figures' files, relative to the page.
  static let figureFolder = "figures"

  /// - Parameters:
  ///   - report: one that `Report.validate()` accepts.
  ///   - pictures: endings of the picture files that stand beside each figure's JSON.
  public init(_ report: Report, pictures: [String] = []) {
    self.report = report
    self.pictures = pictures
  }

  /// The page.
  ///
  /// - Parameter plotly: the text of plotly.min.js, embedded whole; without it the figures'
  ///   numbers are shown as tables.
  public func bytes(plotly: [UInt8]?) -> [UInt8] {
    let hasPlotly = plotly != nil
    var page: [UInt8] = []
    page += head.utf8
    page += body(hasPlotly: hasPlotly).utf8
    for figure in report.figures where hasPlotly {
      page += "<script type=\"application/json\" id=\"data-\(figure.id)\">".utf8
      page += PlotlyFigure(figure).json.bytes
      page += "</script>\n".utf8
    }
    if let plotly {
      page += "<script type=\"application/json\" id=\"dark-colours\">".utf8
      page += JSONValue.object(Palette.darkEquivalents.mapValues { .string($0) }).bytes
      page += "</script>\n<script>\n".utf8
      page += HTMLText.script(plotly)
      page += "\n</script>\n".utf8
    }
    page += "<script>\n".utf8
    page += HTMLText.script(Array(ReportScript.text.utf8))
    page += "</script>\n</body>\n</html>\n".utf8
    return page
  }

  /// Publishes the page at `path`.
  public func write(to path: String, plotly: [UInt8]?) throws(FileError) {
    try DurableFile.write(bytes(plotly: plotly), to: path)
  }

  // MARK: Page

  private var head: String {
    // The policy makes the browser hold the promise: nothing is fetched, from anywhere.
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="default-src 'none'; \
    script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>\(HTMLText.escape(report.title))</title>
    <link rel="icon" href="data:,">
    <style>
    \(ReportStyle.text)</style>
    </head>

    """
  }

  private func body(hasPlotly: Bool) -> String {
    var numbers = Numbering()
    let sections = report.sections.map { section($0, hasPlotly: hasPlotly, &numbers) }
    return """
      <body>
      <a class="skip" href="#content">Skip to the content</a>
      <header class="title">
      <h1>\(HTMLText.escape(report.title))</h1>
      \(report.subtitle.isEmpty ? "" : "<p class=\"subtitle\">\(HTMLText.prose(report.subtitle))</p>")
      \(facts)
      </header>
      <div class="columns">
      \(contents)
      <main id="content" tabindex="-1">
      \(hasPlotly || report.figures.isEmpty ? "" : missingPlotly)
      \(report.callouts.map(callout).joined(separator: "\n"))
      \(verdicts)
      \(sections.joined(separator: "\n"))
      \(reproduction)
      \(provenance)
      </main>
      </div>

      """
  }

  private var facts: String {
    guard !report.facts.isEmpty else { return "" }
    return "<dl class=\"facts\">"
      + report.facts.map {
        "<div><dt>\(HTMLText.escape($0.name))</dt><dd>\(HTMLText.escape($0.value))</dd></div>"
      }.joined() + "</dl>"
  }

  private var contents: String {
    var entries: [(id: String, title: String)] = []
    if !report.verdicts.isEmpty { entries.append(("verdicts", report.verdictTerms.heading)) }
    entries += report.sections.map { ("section-" + $0.id, $0.title) }
    if report.reproduction != nil { entries.append(("reproduction", "How to make this again")) }
    if !report.provenance.isEmpty { entries.append(("provenance", "Provenance")) }
    let items = entries.map { "<li><a href=\"#\($0.id)\">\(HTMLText.escape($0.title))</a></li>" }
    return """
      <nav class="contents" aria-label="Contents">
      <p class="contents-title">Contents</p>
      <ol>\(items.joined())</ol>
      </nav>
      """
  }

  private var missingPlotly: String {
    callout(
      Callout(
        .warning, title: "The figures are not drawn",
        text: "`plotly.min.js` was not available when this report was made. The numbers of each "
          + "figure stand below as tables, and whole in `\(Self.figureFolder)/NAME.json`; run "
          + "`make setup` and make the report again to see them drawn."))
  }

  private var reproduction: String {
    guard let reproduction = report.reproduction else { return "" }
    // A browser would break a line after any hyphen; words that are whole can be copied as well.
    let commands = reproduction.commands.map { command in
      let words = command.split(separator: " ", omittingEmptySubsequences: false).map {
        "<span class=\"word\">\(HTMLText.escape(String($0)))</span>"
      }
      return "<span class=\"command\">\(words.joined(separator: " "))\n</span>"
    }.joined()
    return """
      <section id="reproduction" aria-labelledby="reproduction-title">
      <h2 id="reproduction-title">How to make this again</h2>
      <p>\(HTMLText.prose(reproduction.text))</p>
      <div class="commands"><pre tabindex="0"><code>\(commands)</code></pre></div>
      </section>
      """
  }

  private var provenance: String {
    guard !report.provenance.isEmpty else { return "" }
    let rows = report.provenance.map {
      "<tr><th scope=\"row\">\(HTMLText.escape($0.name))</th>"
        + "<td>\(HTMLText.escape($0.value))</td></tr>"
    }
    return """
      <section id="provenance" aria-labelledby="provenance-title">
      <h2 id="provenance-title">Provenance</h2>
      <div class="scroll" tabindex="0" role="region" aria-label="Provenance">
      <table class="pairs"><tbody>\(rows.joined())</tbody></table></div>
      </section>
      """
  }
}

/// Counts figures and tables through the whole report.
struct Numbering {
  var figures = 0
  var tables = 0
}
