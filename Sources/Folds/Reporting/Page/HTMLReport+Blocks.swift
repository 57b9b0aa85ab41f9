/// Sections and what stands in them.
extension HTMLReport {
  func section(_ section: Section, hasPlotly: Bool, _ numbers: inout Numbering) -> String {
    var parts: [String] = []
    for block in section.blocks {
      switch block {
      case .paragraph(let text): parts.append("<p>\(HTMLText.prose(text))</p>")
      case .heading(let text): parts.append("<h3>\(HTMLText.prose(text))</h3>")
      case .list(let items):
        parts.append("<ul>" + items.map { "<li>\(HTMLText.prose($0))</li>" }.joined() + "</ul>")
      case .callout(let value): parts.append(callout(value))
      case .table(let value):
        numbers.tables += 1
        parts.append(table(value, number: numbers.tables))
      case .figure(let value):
        numbers.figures += 1
        parts.append(figure(value, number: numbers.figures, hasPlotly: hasPlotly))
      }
    }
    return """
      <section id="section-\(section.id)" aria-labelledby="section-\(section.id)-title">
      <h2 id="section-\(section.id)-title">\(HTMLText.escape(section.title))</h2>
      \(parts.joined(separator: "\n"))
      </section>
      """
  }

  func callout(_ callout: Callout) -> String {
    let word = callout.kind == .warning ? "Warning" : "Note"
    return """
      <aside class="callout" data-kind="\(callout.kind.rawValue)" aria-label="\(word)">
      <p class="callout-title"><span class="kind">\(word)</span> \
      \(HTMLText.escape(callout.title))</p>
      <p>\(HTMLText.prose(callout.text))</p>
      </aside>
      """
  }

  // MARK: Tables

  private func table(_ table: Table, number: Int) -> String {
    let label = "table-\(table.id)-caption"
    return """
      <div class="table" id="table-\(table.id)">
      <p class="caption" id="\(label)"><strong>Table \(number). \(HTMLText.escape(table.title))</strong> \
      \(HTMLText.prose(table.caption))</p>
      <div class="scroll" tabindex="0" role="region" aria-labelledby="\(label)">
      \(Self.grid(table, attributes: " data-sortable aria-labelledby=\"\(label)\""))
      </div>\(Self.reasons(table))
      </div>
      """
  }

  /// The different reasons for which cells are empty, in reading order.
  private static func reasonTexts(_ table: Table) -> [String] {
    var seen: Set<String> = []
    return table.rows.flatMap { $0 }.compactMap { cell in
      guard case .missing(let reason) = cell, !reason.isEmpty else { return nil }
      return seen.insert(reason).inserted ? reason : nil
    }
  }

  /// "a" for the first reason, "b" for the second, "aa" after "z".
  private static func mark(_ index: Int) -> String {
    let letter = String(UnicodeScalar(UInt8(ascii: "a") + UInt8(index % 26)))
    return String(repeating: letter, count: index / 26 + 1)
  }

  /// Each reason once, below the table; its cells carry the mark.
  private static func reasons(_ table: Table) -> String {
    let items = reasonTexts(table).enumerated().map {
      "<li><sup>\(mark($0))</sup> \(HTMLText.escape($1))</li>"
    }
    return items.isEmpty ? "" : "\n<ul class=\"reasons\">\(items.joined())</ul>"
  }

  /// The table element itself.
  private static func grid(
    _ table: Table, caption: String = "", attributes: String = ""
  ) -> String {
    let numeric = table.columns.indices.map { column in
      column > 0
        || table.rows.contains {
          switch $0[column] {
          case .number, .integer: true
          default: false
          }
        }
    }
    let isText = table.columns.indices.map { column in
      table.rows.contains { if case .text = $0[column] { true } else { false } }
    }
    let marks = Dictionary(
      uniqueKeysWithValues: reasonTexts(table).enumerated().map { ($1, mark($0)) })
    let isSortable = attributes.contains("data-sortable")
    func kind(_ column: Int) -> String {
      numeric[column] && !isText[column] ? " class=\"number\"" : ""
    }
    let heads = table.columns.enumerated().map { index, column in
      let unit =
        column.unit.isEmpty ? "" : " <span class=\"unit\">[\(HTMLText.escape(column.unit))]</span>"
      return "<th scope=\"col\"\(kind(index))>\(HTMLText.escape(column.title))\(unit)</th>"
    }
    let rows = table.rows.map { row in
      let cells = row.enumerated().map { index, cell in
        let element = index == 0 ? "th scope=\"row\"" : "td"
        let text = Self.text(cell, table.columns[index].format, marks)
        return
          "<\(element)\(kind(index))\(isSortable ? sortKey(cell) : "")>\(text)</\(index == 0 ? "th" : "td")>"
      }
      return "<tr>\(cells.joined())</tr>"
    }
    return "<table\(attributes)>\(caption)<thead><tr>\(heads.joined())"
      + "</tr></thead><tbody>\(rows.joined(separator: "\n"))</tbody></table>"
  }

  private static func text(
    _ cell: Cell, _ format: NumberFormat, _ marks: [String: String]
  ) -> String {
    switch cell {
    case .text(let text): HTMLText.prose(text)
    case .number(let value): HTMLText.escape(format.text(value))
    case .integer(let value): NumberFormat.integer.text(Double(value))
    case .truth(let value): value ? "yes" : "no"
    case .missing(let reason):
      reason.isEmpty
        ? "<span class=\"missing\" aria-label=\"no number\">–</span>"
        : "<span class=\"missing\" title=\"\(HTMLText.escape(reason))\">–"
          + "<sup>\(marks[reason] ?? "")</sup></span>"
    }
  }

  private static func sortKey(_ cell: Cell) -> String {
    switch cell {
    case .number(let value): " data-value=\"\(JSONValue.text(value))\""
    case .integer(let value): " data-value=\"\(value)\""
    default: ""
    }
  }

  // MARK: Figures

  private func figure(_ figure: Figure, number: Int, hasPlotly: Bool) -> String {
    let file = Self.figureFolder + "/" + figure.id
    let links = (["json"] + pictures).map {
      "<a href=\"\(file).\($0)\">\($0 == "json" ? "Plotly JSON" : $0.uppercased())</a>"
    }
    let canvas =
      hasPlotly
      ? """
      <div class="controls"></div>
      <div class="canvas" role="img" aria-label="\(HTMLText.escape(figure.altText))" \
      style="min-height: \(figure.height)px"><noscript>JavaScript draws this figure; its numbers \
      are in the table below.</noscript></div>
      """ : "<p class=\"alternative\">\(HTMLText.escape(figure.altText))</p>"
    let data = FigureData(figure)
    let tables = data.tables.map { table in
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" "
        + "aria-label=\"Numbers of figure \(number)\">"
        + Self.grid(
          table, caption: "<caption>\(HTMLText.escape(table.title))</caption>")
        + "</div>"
    }
    return """
      <figure id="figure-\(figure.id)"\(hasPlotly ? " data-figure=\"\(figure.id)\"" : "")>
      <figcaption><strong>Figure \(number). \(HTMLText.escape(figure.title))</strong> \
      \(HTMLText.prose(figure.caption))</figcaption>
      \(canvas)
      <details\(hasPlotly ? "" : " open")><summary>Numbers of figure \(number)</summary>
      <p>\(HTMLText.escape(data.note))Files: \(links.joined(separator: " · "))</p>
      \(tables.joined(separator: "\n"))
      </details>
      </figure>
      """
  }
}
