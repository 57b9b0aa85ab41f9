/// The first thing a reader sees: the claims and what became of them.
extension HTMLReport {
  var verdicts: String {
    guard !report.verdicts.isEmpty else { return "" }
    let introduction = report.verdictTerms.introduction
    return """
      <section id="verdicts" aria-labelledby="verdicts-title">
      <h2 id="verdicts-title">\(HTMLText.escape(report.verdictTerms.heading))</h2>
      \(introduction.isEmpty ? "" : "<p>\(HTMLText.prose(introduction))</p>")
      \(tally)
      <div class="verdicts">
      \(report.verdicts.map(card).joined(separator: "\n"))
      </div>
      </section>
      """
  }

  /// How many claims came out which way.
  private var tally: String {
    let items = VerdictStatus.allCases.compactMap { status -> String? in
      let count = report.verdicts.count { $0.status == status }
      return count == 0
        ? nil
        : "<li class=\"status\" data-status=\"\(status.rawValue)\">\(Self.icon(status))"
          + "<span>\(count) \(Self.plural(status, count))</span></li>"
    }
    return "<ul class=\"tally\" aria-label=\"Summary of the verdicts\">\(items.joined())</ul>"
  }

  private static func plural(_ status: VerdictStatus, _ count: Int) -> String {
    switch status {
    case .holds: count == 1 ? "holds" : "hold"
    case .doesNotHold: count == 1 ? "does not hold" : "do not hold"
    case .explainedByChance, .undecided, .notMeasured: status.title
    }
  }

  private func card(_ verdict: Verdict) -> String {
    let terms = report.verdictTerms
    let numbers = [
      (terms.paper, verdict.paper, "paper"), (terms.model, verdict.model, "model"),
      (terms.null, verdict.null, "null"),
    ].map { number($0.0, $0.1, $0.2) }
    let source =
      verdict.source.isEmpty
      ? "" : "<span class=\"source\">\(HTMLText.escape(verdict.source))</span>"
    let measure =
      verdict.measure.isEmpty
      ? "" : "<p class=\"measure\">\(HTMLText.prose(verdict.measure))</p>"
    let details =
      anchor(verdict.details).map { "<a class=\"more\" href=\"#\($0)\">See the details</a>" } ?? ""
    return """
      <article class="verdict" data-status="\(verdict.status.rawValue)">
      <p class="top"><span class="status" data-status="\(verdict.status.rawValue)">\
      \(Self.icon(verdict.status))<span>\(verdict.status.title)</span></span>\(source)</p>
      <h3>\(HTMLText.prose(verdict.claim))</h3>
      \(measure)
      <dl class="numbers">\(numbers.joined())</dl>
      <p class="sentence">\(HTMLText.prose(verdict.sentence)) \(details)</p>
      </article>
      """
  }

  private func number(_ term: String, _ quantity: Quantity, _ kind: String) -> String {
    let interval = quantity.intervalText.map {
      "<span class=\"interval\">\(HTMLText.escape($0))</span>"
    }
    let note =
      quantity.note.isEmpty
      ? nil : "<span class=\"note\">\(HTMLText.escape(quantity.note))</span>"
    let text =
      quantity.text == NumberFormat.missing
      ? "<span aria-label=\"no number\">\(NumberFormat.missing)</span>"
      : HTMLText.escape(quantity.text)
    return "<div class=\"\(kind)\"><dt>\(HTMLText.escape(term))</dt><dd>"
      + "<span class=\"value\">\(text)</span>" + [interval, note].compactMap { $0 }.joined()
      + "</dd></div>"
  }

  /// The page's anchor for an identifier of a section, table or figure.
  private func anchor(_ id: String?) -> String? {
    guard let id else { return nil }
    if report.sections.contains(where: { $0.id == id }) { return "section-" + id }
    if report.figures.contains(where: { $0.id == id }) { return "figure-" + id }
    if report.tables.contains(where: { $0.id == id }) { return "table-" + id }
    return nil
  }

  /// A sign for each status, so that colour is never alone.
  static func icon(_ status: VerdictStatus) -> String {
    let path =
      switch status {
      case .holds: "M3 8.5 6.5 12 13 4.5"
      case .doesNotHold: "M4 4 12 12M12 4 4 12"
      case .explainedByChance:
        "M2.5 6.2C5 3.6 7.500 8.400 13.500 5.400M2.5 11.2C5 8.600 7.500 13.400 13.500 10.400"
      // A question mark.
      case .undecided:
        "M5.2 5.4C5.2 1.900 10.800 1.900 10.800 5.400C10.800 7.800 8 7.600 8 9.800M8 13V13.100"
      case .notMeasured: "M3.500 8H12.500"
      }
    return "<svg viewBox=\"0 0 16 16\" width=\"14\" height=\"14\" aria-hidden=\"true\" "
      + "focusable=\"false\"><path d=\"\(path)\" fill=\"none\" stroke=\"currentColor\" "
      + "stroke-width=\"2.2\" stroke-linecap=\"round\" stroke-linejoin=\"round\"/></svg>"
  }
}
