/// Series → Plotly traces.
struct PlotlyTraces {
  /// Suffix of the panel's axes: "", "2", "3", …
  let axes: String
  /// Whether the panel's series need names to be told apart.
  let namesSeries: Bool

  /// - Parameter textPositions: where the labels of a scatter stand, point by point.
  func traces(
    _ series: Series, _ panel: Panel, textPositions: [String]?, _ legend: inout LegendBook
  ) -> [JSONValue] {
    let style = SeriesStyle(series.role)
    let colour = JSONValue.string(style.paint.light)
    let line: JSONValue = [
      "color": colour, "dash": .string(style.dash), "width": .number(style.width),
    ]
    let marker: JSONValue = [
      "color": colour, "symbol": .string(style.symbol), "size": 7,
      "line": ["color": colour, "width": 1],
    ]
    var trace: [String: JSONValue] = [:]
    var extra: [JSONValue] = []
    switch series.mark {
    case .line(let x, let y, let band, let showsPoints):
      if let band {
        extra.append(
          base(
            series, &legend, isLegendCandidate: false,
            Self.area(x, band).merging([
              "type": "scatter", "mode": "lines", "fill": "toself", "hoverinfo": "skip",
              "fillcolor": .string(style.paint.wash.light), "line": ["width": 0],
            ]) { first, _ in first }))
      }
      // A single point has no line to show.
      let mode = showsPoints || y.count < 2 ? "lines+markers" : "lines"
      trace = [
        "type": "scatter", "mode": .string(mode), "x": Self.values(x), "y": .numbers(y),
        "line": line,
      ]
      if mode != "lines" {
        trace["marker"] = marker
        trace["cliponaxis"] = false
      }
    case .step(let x, let y, let direction):
      trace = [
        "type": "scatter", "mode": "lines", "x": Self.values(x), "y": .numbers(y),
        "line": [
          "color": colour, "dash": .string(style.dash), "width": .number(style.width),
          "shape": .string(direction.rawValue),
        ],
      ]
    case .scatter(let x, let y, let labels, let interval):
      trace = [
        "type": "scatter", "mode": "markers", "x": Self.values(x), "y": .numbers(y),
        "marker": marker, "cliponaxis": false,
      ]
      if !labels.isEmpty {
        trace["text"] = .strings(labels.map(PlotlyStyle.markupFree))
        trace["hovertemplate"] = "%{text}<br>%{x}, %{y}<extra></extra>"
        if series.showsLabels {
          trace["mode"] = "markers+text"
          trace["textposition"] = textPositions.map { .strings($0) } ?? "bottom right"
          trace["textfont"] = ["size": 11]
        }
      }
      trace["error_y"] = interval.flatMap { Self.whiskers(y, $0, colour, thickness: 1.75) }
    case .bar(let x, let y, let interval):
      trace = [
        "type": "bar", "x": Self.values(x), "y": .numbers(y),
        "marker": [
          "color": colour, "line": ["color": colour, "width": 1],
          "pattern": [
            "shape": .string(style.pattern), "fgcolor": colour,
            "bgcolor": .string(Palette.surface.light), "size": 6, "fillmode": "replace",
          ],
        ],
      ]
      trace["error_y"] = interval.flatMap {
        Self.whiskers(y, $0, .string(Palette.text.light), thickness: 1.25)
      }
    case .box(let x, let values):
      trace = [
        "type": "box", "x": .strings(x), "lowerfence": .numbers(values.map(\.low)),
        "q1": .numbers(values.map(\.lowerQuartile)), "median": .numbers(values.map(\.median)),
        "q3": .numbers(values.map(\.upperQuartile)), "upperfence": .numbers(values.map(\.high)),
        "line": ["color": colour, "width": 1.5], "fillcolor": .string(style.paint.wash.light),
        "offsetgroup": .string(series.name),
      ]
    case .strip(let x, let y):
      trace = [
        "type": "box", "x": .strings(x), "y": .numbers(y), "boxpoints": "all", "pointpos": 0,
        "jitter": 0.6, "hoveron": "points", "fillcolor": "rgba(0,0,0,0)",
        "line": ["color": "rgba(0,0,0,0)", "width": 0],
        "marker": ["color": colour, "size": 5, "opacity": 0.75],
        "offsetgroup": .string(series.name),
      ]
    case .heatMap(let map):
      trace = [
        "type": "heatmap", "x": .strings(Self.distinct(map.columns)),
        "y": .strings(Self.distinct(map.rows)), "z": .array(map.values.map { .numbers($0) }),
        "coloraxis": "coloraxis", "hoverongaps": false,
        "hovertemplate": .string("%{y} · %{x}: <b>%{z:\(map.format.d3)}</b><extra></extra>"),
      ]
      if map.columns.count <= 80 && map.rows.count <= 80 {
        trace["xgap"] = 1
        trace["ygap"] = 1
      }
      if map.showsValues {
        trace["texttemplate"] = .string("%{z:\(map.format.d3)}")
        trace["textfont"] = ["size": 13, "weight": 600]
      }
      return [base(series, &legend, isLegendCandidate: false, trace)]
    }
    let isNamed = namesSeries && Self.isDrawn(series.mark, panel)
    return extra + [base(series, &legend, isLegendCandidate: isNamed, trace)]
  }

  private func base(
    _ series: Series, _ legend: inout LegendBook, isLegendCandidate: Bool,
    _ trace: [String: JSONValue]
  ) -> JSONValue {
    var result = trace
    result["name"] = .string(PlotlyStyle.markupFree(series.name))
    result["legendgroup"] = .string(series.name)
    result["showlegend"] = .bool(legend.add(series, isLegendCandidate: isLegendCandidate))
    result["xaxis"] = .string("x" + axes)
    result["yaxis"] = .string("y" + axes)
    if let choice = series.choice {
      result["meta"] = ["choice": .integer(choice)]
      result["visible"] = .bool(choice == legend.initialChoice)
    }
    return .object(result)
  }

  /// Whether any point of a mark lies where its axes can show it.
  private static func isDrawn(_ mark: Mark, _ panel: Panel) -> Bool {
    func shows(_ axis: Axis, _ value: Double, within: Bool = false) -> Bool {
      value.isFinite && (axis.scale != .logarithmic || value > 0)
        && (!within || value >= axis.low ?? value && value <= axis.high ?? value)
    }
    func any(_ x: Coordinates, _ y: [Double], within: Bool = false) -> Bool {
      guard case .numbers(let x) = x else {
        return y.contains { shows(panel.y, $0, within: within) }
      }
      return zip(x, y).contains {
        shows(panel.x, $0, within: within) && shows(panel.y, $1, within: within)
      }
    }
    return switch mark {
    case .line(let x, let y, _, _), .step(let x, let y, _), .bar(let x, let y, _): any(x, y)
    // A line may cross the panel between points that lie outside; points may not.
    case .scatter(let x, let y, _, _): any(x, y, within: true)
    case .strip(_, let y): y.contains { shows(panel.y, $0) }
    case .box(_, let values): values.contains { shows(panel.y, $0.median) }
    case .heatMap: false
    }
  }

  /// nil where no interval is known.
  private static func whiskers(
    _ y: [Double], _ interval: Band, _ colour: JSONValue, thickness: Double
  ) -> JSONValue? {
    let known = y.indices.map {
      interval.lower[$0].isFinite && interval.upper[$0].isFinite && y[$0].isFinite
    }
    guard known.contains(true) else { return nil }
    // Plotly takes null for an error of 0 and draws a cap; what is no number it does not draw.
    func lengths(_ length: (Int) -> Double) -> JSONValue {
      .array(y.indices.map { known[$0] ? .number(length($0)) : "none" })
    }
    return [
      "type": "data", "symmetric": false, "thickness": .number(thickness), "width": 3,
      "color": colour, "array": lengths { interval.upper[$0] - y[$0] },
      "arrayminus": lengths { y[$0] - interval.lower[$0] },
    ]
  }

  /// The closed outline between two limits, one for each unbroken run of finite points.
  private static func area(_ x: Coordinates, _ band: Band) -> [String: JSONValue] {
    var xs: [JSONValue] = []
    var ys: [JSONValue] = []
    var run: [Int] = []
    func close() {
      guard !run.isEmpty else { return }
      if !xs.isEmpty {
        xs.append(.null)
        ys.append(.null)
      }
      xs += run.map { value(x, $0) } + run.reversed().map { value(x, $0) }
      ys += run.map { .number(band.upper[$0]) } + run.reversed().map { .number(band.lower[$0]) }
      run = []
    }
    for index in 0..<x.count {
      if band.lower[index].isFinite && band.upper[index].isFinite {
        run.append(index)
      } else {
        close()
      }
    }
    close()
    return ["x": .array(xs), "y": .array(ys)]
  }

  private static func value(_ x: Coordinates, _ index: Int) -> JSONValue {
    switch x {
    case .numbers(let values): .number(values[index])
    case .categories(let names): .string(names[index])
    }
  }

  private static func values(_ x: Coordinates) -> JSONValue {
    switch x {
    case .numbers(let values): .numbers(values)
    case .categories(let names): .strings(names)
    }
  }

  /// Labels on a category axis must differ, and the tokens of a text do not: equal ones get
  /// zero-width spaces, which nobody sees.
  static func distinct(_ labels: [String]) -> [String] {
    var seen: [String: Int] = [:]
    return labels.map { label in
      let count = seen[label, default: 0]
      seen[label] = count + 1
      return PlotlyStyle.markupFree(label) + String(repeating: "\u{200B}", count: count)
    }
  }
}
