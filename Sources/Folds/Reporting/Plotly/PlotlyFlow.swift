import Foundation

/// A flow diagram as Plotly JSON: the railway map on the left, one number per station on the right.
struct PlotlyFlow {
  let json: JSONValue

  /// Share of the width that the map takes, and where the numbers begin after the names.
  private static let mapEnd = 0.2
  private static let plotStart = 0.4

  init(_ figure: Figure, _ flow: FlowDiagram) {
    let count = flow.nodes.count
    var layout = PlotlyStyle.layout(figure, height: figure.height + 60)
    let rows = [JSONValue.number(Double(count) - 0.4), -0.6]
    let tracks = Double(flow.nodes.map(\.track).max() ?? 0)

    layout["xaxis"] = [
      "domain": [0, .number(Self.mapEnd)], "range": [-0.6, .number(tracks + 0.6)],
      "visible": false, "fixedrange": true,
    ]
    layout["yaxis"] = ["range": .array(rows), "visible": false, "fixedrange": true]
    var numbers = PlotlyStyle.axis(flow.valueTitle)
    numbers["domain"] = [.number(Self.plotStart), 1]
    numbers["anchor"] = "y2"
    numbers["type"] = "log"
    numbers["tickformat"] = ",~%"
    numbers["tickangle"] = 0
    numbers["range"] = Self.range(flow)
    numbers["dtick"] = Self.decades(flow) > 1.2 ? 1 : .string("D2")
    layout["xaxis2"] = .object(numbers)
    var names = PlotlyStyle.axis("")
    names["range"] = .array(rows)
    names["anchor"] = "x2"
    names["tickmode"] = "array"
    names["tickvals"] = .array((0..<count).map { .integer($0) })
    names["ticktext"] = .strings(flow.nodes.map { PlotlyStyle.markupFree($0.label) })
    names["ticks"] = ""
    names["automargin"] = false
    names["fixedrange"] = true
    names["tickfont"] = ["color": .string(Palette.text.light)]
    layout["yaxis2"] = .object(names)
    layout["margin"] = ["l": 16, "r": 76, "t": 64, "b": 64]
    layout["hovermode"] = "closest"
    layout["meta"] = [
      "kind": "flow", "count": 1, "columns": 1, "height": .integer(figure.height),
    ]
    layout["shapes"] = .array(Self.tracks(flow) + [Self.reference])
    layout["annotations"] = .array(Self.percentages(flow))
    json = ["data": .array(Self.traces(flow)), "layout": .object(layout)]
  }

  private static func paint(_ kind: FlowDiagram.NodeKind) -> Paint {
    switch kind {
    case .stream, .junction: Palette.text
    case .input: Palette.categories[0]
    case .inside: Palette.null
    case .output: Palette.categories[1]
    }
  }

  // MARK: The map

  private static func tracks(_ flow: FlowDiagram) -> [JSONValue] {
    var rows: [String: Int] = [:]
    for (index, node) in flow.nodes.enumerated() { rows[node.id] = index }
    return flow.edges.compactMap { edge in
      guard let start = rows[edge.from], let end = rows[edge.to] else { return nil }
      let from = flow.nodes[start].track
      let to = flow.nodes[end].track
      let isMain = from == 0 && to == 0
      return [
        "type": "path", "xref": "x", "yref": "y", "layer": "below",
        "path": .string(path(from, start, to, end)),
        "line": [
          "color": .string(isMain ? Palette.text.light : Palette.frame.light),
          "width": isMain ? 4 : 2,
        ],
      ]
    }
  }

  /// A branch leaves at its first row and returns at its last, in a smooth curve of one row.
  private static func path(_ from: Int, _ start: Int, _ to: Int, _ end: Int) -> String {
    if from == to { return "M\(from),\(start)L\(to),\(end)" }
    if to > from {
      return "M\(from),\(start)C\(from),\(Double(start) + 0.6),\(to),\(Double(start) + 0.4),"
        + "\(to),\(start + 1)L\(to),\(end)"
    }
    return "M\(from),\(start)L\(from),\(end - 1)C\(from),\(Double(end) - 0.4),"
      + "\(to),\(Double(end) - 0.6),\(to),\(end)"
  }

  // MARK: The numbers

  private static func finite(_ value: Double?) -> Double? {
    guard let value, value.isFinite, value > 0 else { return nil }
    return value
  }

  private static func extent(_ flow: FlowDiagram) -> (low: Double, high: Double) {
    let values = flow.nodes.flatMap { [finite($0.value), finite($0.low), finite($0.high)] }
      .compactMap { $0 }
    let low = min(values.min() ?? 1, 0.5)
    let high = max(values.max() ?? 1, 2)
    return (log10(low) - 0.1, log10(high) + 0.1)
  }

  private static func decades(_ flow: FlowDiagram) -> Double {
    let (low, high) = extent(flow)
    return high - low
  }

  private static func range(_ flow: FlowDiagram) -> JSONValue {
    let (low, high) = extent(flow)
    return [.number(low), .number(high)]
  }

  private static var reference: JSONValue {
    [
      "type": "line", "xref": "x2", "yref": "y2 domain", "x0": 1, "x1": 1, "y0": 0, "y1": 1,
      "layer": "below", "line": ["color": .string(Palette.muted.light), "width": 1.25],
    ]
  }

  /// The numbers as a column at the right edge.
  private static func percentages(_ flow: FlowDiagram) -> [JSONValue] {
    flow.nodes.enumerated().map { index, node in
      [
        "text": .string(percentage(node.value)), "showarrow": false, "xref": "x2 domain",
        "yref": "y2", "x": 1, "y": .integer(index), "xanchor": "left", "xshift": 8,
        "font": ["size": 12, "color": .string(paint(node.kind).light)],
      ]
    }
  }

  static func percentage(_ value: Double) -> String {
    guard value.isFinite else { return NumberFormat.missing }
    return NumberFormat.percent(abs(value) < 0.0995 ? (abs(value) < 0.00995 ? 2 : 1) : 0)
      .text(value)
  }

  private static func traces(_ flow: FlowDiagram) -> [JSONValue] {
    let kinds: [(FlowDiagram.NodeKind, String)] = [
      (.stream, "residual stream"), (.input, "enters a branch"), (.inside, "inside a branch"),
      (.output, "leaves a branch"),
    ]
    var stations: [JSONValue] = []
    var ranges: [JSONValue] = []
    var points: [JSONValue] = []
    for (kind, name) in kinds {
      let members = flow.nodes.enumerated().filter { _, node in
        node.kind == kind || (kind == .stream && node.kind == .junction)
      }
      guard !members.isEmpty else { continue }
      let colour = JSONValue.string(paint(kind).light)
      let common: [String: JSONValue] = [
        "type": "scatter", "name": .string(name), "legendgroup": .string(name),
      ]
      stations.append(
        .object(
          common.merging([
            "mode": "markers+text", "x": .array(members.map { .integer($0.element.track) }),
            "y": .array(members.map { .integer($0.offset) }), "xaxis": "x", "yaxis": "y",
            "showlegend": false,
            "text": .strings(members.map { $0.element.kind == .junction ? "+" : "" }),
            "textfont": ["size": 13, "color": colour],
            "hovertext": .strings(members.map { PlotlyStyle.markupFree($0.element.label) }),
            "hovertemplate": "%{hovertext}<extra></extra>",
            "marker": [
              "size": .array(members.map { $0.element.kind == .junction ? 17 : 11 }),
              "color": .string(Palette.surface.light), "line": ["color": colour, "width": 2.5],
            ],
          ]) { first, _ in first }))
      ranges.append(
        .object(
          common.merging(stems(members, colour)) { first, _ in first }))
      points.append(
        .object(
          common.merging([
            "mode": "markers", "x": .numbers(members.map { $0.element.value }),
            "y": .array(members.map { .integer($0.offset) }), "xaxis": "x2", "yaxis": "y2",
            "showlegend": true, "marker": ["color": colour, "size": 10],
            "text": .strings(members.map { hover($0.element, flow) }),
            "hovertemplate": "%{text}<extra></extra>",
          ]) { first, _ in first }))
    }
    return stations + ranges + points
  }

  /// From 100 % to the value a stem; from the smallest to the largest a thin line with ends.
  private static func stems(
    _ members: [(offset: Int, element: FlowDiagram.Node)], _ colour: JSONValue
  ) -> [String: JSONValue] {
    var x: [JSONValue] = []
    var y: [JSONValue] = []
    func draw(_ points: [(Double, Double)]) {
      for (a, b) in points {
        x.append(.number(a))
        y.append(.number(b))
      }
      x.append(.null)
      y.append(.null)
    }
    for (row, node) in members {
      let row = Double(row)
      if let low = finite(node.low), let high = finite(node.high) {
        draw([
          (low, row - 0.16), (low, row + 0.16), (low, row), (high, row), (high, row - 0.16),
          (high, row + 0.16),
        ])
      } else if let value = finite(node.value) {
        draw([(1, row), (value, row)])
      }
    }
    return [
      "mode": "lines", "x": .array(x), "y": .array(y), "xaxis": "x2", "yaxis": "y2",
      "showlegend": false, "hoverinfo": "skip", "line": ["color": colour, "width": 1.75],
    ]
  }

  private static func hover(_ node: FlowDiagram.Node, _ flow: FlowDiagram) -> String {
    var text = "<b>\(PlotlyStyle.markupFree(node.label))</b>: \(percentage(node.value))"
    if let low = finite(node.low), let high = finite(node.high) {
      text +=
        "<br>\(PlotlyStyle.markupFree(flow.rangeTitle)): \(percentage(low)) … "
        + percentage(high)
    }
    return text
  }
}
