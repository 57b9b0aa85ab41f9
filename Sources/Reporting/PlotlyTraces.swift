/// Series → Plotly traces.
struct PlotlyTraces {
  /// Suffix of the panel's axes: "", "2", "3", …
  let axes: String

  func traces(_ series: Series, _ panel: Panel, _ legend: inout LegendBook) -> [JSONValue] {
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
      if mode != "lines" { trace["marker"] = marker }
    case .step(let x, let y):
      trace = [
        "type": "scatter", "mode": "lines", "x": Self.values(x), "y": .numbers(y),
        "line": [
          "color": colour, "dash": .string(style.dash), "width": .number(style.width),
          "shape": "hv",
        ],
      ]
    case .scatter(let x, let y, let labels):
      trace = [
        "type": "scatter", "mode": "markers", "x": Self.values(x), "y": .numbers(y),
        "marker": marker,
      ]
      if !labels.isEmpty {
        trace["text"] = .strings(labels.map(PlotlyStyle.markupFree))
        trace["hovertemplate"] = "%{text}<br>%{x}, %{y}<extra></extra>"
        if series.showsLabels {
          trace["mode"] = "markers+text"
          trace["textposition"] = "bottom right"
          trace["textfont"] = ["size": 11]
          trace["cliponaxis"] = false
        }
      }
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
      if let interval {
        trace["error_y"] = [
          "type": "data", "symmetric": false, "thickness": 1.25, "width": 3,
          "color": .string(Palette.text.light),
          "array": .numbers(zip(interval.upper, y).map { $0 - $1 }),
          "arrayminus": .numbers(zip(y, interval.lower).map { $0 - $1 }),
        ]
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
    return extra + [base(series, &legend, isLegendCandidate: true, trace)]
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
