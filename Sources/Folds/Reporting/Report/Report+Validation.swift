extension Report {
  /// Checks what a drawing could not survive: identifiers, counts, choices, references.
  ///
  /// - Throws: `ReportingError` for the first mistake.
  public func validate() throws(ReportingError) {
    var identifiers: Set<String> = []
    func claim(_ id: String) throws(ReportingError) {
      let isSafe =
        id.utf8.first.map { Self.isLetter($0) } == true
        && id.utf8.allSatisfy {
          Self.isLetter($0) || (0x30...0x39).contains($0) || $0 == 0x2D || $0 == 0x5F
        }
      guard isSafe else { throw .badIdentifier(id) }
      guard identifiers.insert(id).inserted else { throw .duplicateIdentifier(id) }
    }
    for section in sections {
      try claim(section.id)
      for block in section.blocks {
        switch block {
        case .table(let table):
          try claim(table.id)
          for (index, row) in table.rows.enumerated() {
            try Self.expect(
              table.columns.count, row.count, "table \(table.id), row \(index)")
          }
        case .figure(let figure):
          try claim(figure.id)
          try figure.validate()
        default: break
        }
      }
    }
    for verdict in verdicts {
      if let details = verdict.details, !identifiers.contains(details) {
        throw .unknownReference(verdict: verdict.claim, reference: details)
      }
    }
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
  }

  fileprivate static func expect(
    _ expected: Int, _ found: Int, _ subject: String
  ) throws(ReportingError) {
    if expected != found {
      throw .unequalCounts(subject: subject, expected: expected, found: found)
    }
  }
}

extension Figure {
  /// Checks one figure: counts within each series, choices, the nodes that edges name.
  ///
  /// - Throws: `ReportingError` for the first mistake.
  public func validate() throws(ReportingError) {
    if let chooser, !chooser.choices.indices.contains(chooser.initial) {
      throw .badChoice(figure: id, choice: chooser.initial, count: chooser.choices.count)
    }
    switch content {
    case .flow(let flow):
      let names = Set(flow.nodes.map(\.id))
      for edge in flow.edges {
        for name in [edge.from, edge.to] where !names.contains(name) {
          throw .unknownNode(figure: id, node: name)
        }
      }
    case .panels(let panels, _):
      for series in panels.flatMap(\.series) {
        if let choice = series.choice {
          let count = chooser?.choices.count ?? 0
          guard (0..<count).contains(choice) else {
            throw .badChoice(figure: id, choice: choice, count: count)
          }
        }
        try validate(series.mark, "figure \(id), series \"\(series.name)\"")
      }
    }
  }

  private func validate(_ mark: Mark, _ subject: String) throws(ReportingError) {
    func expect(_ expected: Int, _ found: Int, _ part: String = "") throws(ReportingError) {
      try Report.expect(expected, found, part.isEmpty ? subject : "\(subject), \(part)")
    }
    func expect(_ band: Band?, _ count: Int) throws(ReportingError) {
      guard let band else { return }
      try expect(count, band.lower.count, "lower")
      try expect(count, band.upper.count, "upper")
    }
    switch mark {
    case .line(let x, let y, let band, _), .bar(let x, let y, let band):
      try expect(x.count, y.count)
      try expect(band, x.count)
    case .step(let x, let y, _): try expect(x.count, y.count)
    case .scatter(let x, let y, let labels, let interval):
      try expect(x.count, y.count)
      if !labels.isEmpty { try expect(x.count, labels.count, "labels") }
      try expect(interval, x.count)
    case .box(let x, let values): try expect(x.count, values.count)
    case .strip(let x, let y): try expect(x.count, y.count)
    case .heatMap(let map):
      try expect(map.rows.count, map.values.count, "rows")
      for row in map.values { try expect(map.columns.count, row.count, "columns") }
    }
  }
}
