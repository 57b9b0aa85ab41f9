import Foundation

/// Panels with axes, as Plotly JSON.
struct PlotlyPanels {
  let json: JSONValue

  init(_ figure: Figure, _ panels: [Panel], columnCount: Int) {
    let columns = min(columnCount, max(1, panels.count))
    let rows = (panels.count + columns - 1) / columns
    var layout = PlotlyStyle.layout(figure, height: 110 + figure.height * max(1, rows))
    var legend = LegendBook(initialChoice: figure.chooser?.initial)
    var data: [JSONValue] = []
    var annotations: [JSONValue] = []
    var shapes: [JSONValue] = []
    var lineCount = 0
    var isNumeric = true

    for (index, panel) in panels.enumerated() {
      let suffix = index == 0 ? "" : String(index + 1)
      let traces = PlotlyTraces(axes: suffix)
      for series in panel.series {
        data += traces.traces(series, panel, &legend)
        if case .heatMap(let map) = series.mark {
          layout["coloraxis"] = Self.colourAxis(map)
        }
      }
      lineCount = max(lineCount, panel.series.count)
      if panel.x.scale == .category { isNumeric = false }
      let place = Self.place(index, panels.count, columns, height: Double(figure.height))
      let heat = Self.heatMap(panel)
      layout["xaxis" + suffix] = PlotlyAxis.json(
        panel.x, domain: place.x, anchor: "y" + suffix, names: heat?.columns,
        extent: PlotlyAxis.extent(panel, isHorizontal: true))
      layout["yaxis" + suffix] = PlotlyAxis.json(
        panel.y, domain: place.y, anchor: "x" + suffix, names: heat?.rows,
        isHeat: heat != nil, extent: PlotlyAxis.extent(panel, isHorizontal: false))
      if !panel.title.isEmpty { annotations.append(Self.title(panel.title, suffix)) }
      for rule in panel.rules {
        shapes.append(Self.shape(rule, suffix, panel))
        if !rule.label.isEmpty { annotations.append(Self.label(rule, suffix, panel)) }
      }
    }
    layout["annotations"] = .array(annotations)
    if panels.contains(where: { !$0.title.isEmpty }) {
      layout["margin"] = ["l": 68, "r": 24, "t": 84, "b": 64]
    }
    layout["shapes"] = .array(shapes)
    // Long names of categories turn, and then reach down to where the legend would be.
    let longest = panels.flatMap(\.x.categories).map(\.count).max() ?? 0
    if longest > 10, case .object(var own) = layout["legend"] {
      let plot = Double(figure.height * max(1, rows) + 110 - 84 - 64)
      own["y"] = .number(-(60 + Double(longest) * 3.5) / plot)
      layout["legend"] = .object(own)
    }
    layout["barmode"] = "group"
    layout["boxmode"] = "group"
    // One hover box for all lines at a place, as long as it stays readable.
    layout["hovermode"] = .string(isNumeric && lineCount <= 9 ? "x unified" : "closest")
    var meta: [String: JSONValue] = [
      "kind": "panels", "columns": .integer(columns), "count": .integer(panels.count),
      "height": .integer(figure.height),
    ]
    if let chooser = figure.chooser {
      meta["chooser"] = [
        "title": .string(chooser.title), "choices": .strings(chooser.choices),
        "initial": .integer(chooser.initial),
      ]
      layout["updatemenus"] = [Self.menu(chooser, legend)]
    }
    layout["meta"] = .object(meta)
    json = ["data": .array(data), "layout": .object(layout)]
  }

  private static func heatMap(_ panel: Panel) -> (rows: [String], columns: [String])? {
    for series in panel.series {
      if case .heatMap(let map) = series.mark {
        return (PlotlyTraces.distinct(map.rows), PlotlyTraces.distinct(map.columns))
      }
    }
    return nil
  }

  /// Where panel `index` lies, as fractions of the drawing; 84 pixels between columns and 96
  /// between rows leave room for the axes' titles.
  private static func place(
    _ index: Int, _ count: Int, _ columns: Int, height: Double
  ) -> (x: ClosedRange<Double>, y: ClosedRange<Double>) {
    func part(_ position: Int, of count: Int, gap: Double) -> ClosedRange<Double> {
      let size = (1 - gap * Double(count - 1)) / Double(count)
      let start = Double(position) * (size + gap)
      return start...min(1, start + size)
    }
    let rows = (count + columns - 1) / columns
    let row = rows - 1 - index / columns
    return (
      part(index % columns, of: columns, gap: 84 / PlotlyFigure.nominalWidth),
      part(row, of: rows, gap: min(0.5, 96 / (height * Double(rows))))
    )
  }

  private static func colourAxis(_ map: HeatMap) -> JSONValue {
    var bar: [String: JSONValue] = [
      "title": ["text": .string(PlotlyStyle.markupFree(map.title)), "side": "right"],
      "thickness": 14, "outlinewidth": 0, "tickformat": .string(PlotlyAxis.tickFormat(map.format)),
    ]
    bar["tickfont"] = ["color": .string(Palette.muted.light)]
    var result: [String: JSONValue] = ["colorbar": .object(bar)]
    switch map.scale {
    case .sequential: result["colorscale"] = PlotlyStyle.colourScale(Palette.sequential)
    case .diverging(let middle):
      result["colorscale"] = PlotlyStyle.colourScale(Palette.diverging)
      result["cmid"] = .number(middle)
    }
    if let low = map.low, let high = map.high, low.isFinite, high.isFinite {
      result["cmin"] = .number(low)
      result["cmax"] = .number(high)
      result["cmid"] = nil
    }
    return .object(result)
  }

  private static func title(_ text: String, _ suffix: String) -> JSONValue {
    [
      "text": .string("<b>" + PlotlyStyle.markupFree(text) + "</b>"), "showarrow": false,
      "xref": .string("x\(suffix) domain"), "yref": .string("y\(suffix) domain"),
      "x": 0, "y": 1, "xanchor": "left", "yanchor": "bottom", "yshift": 4,
      "font": ["size": 13],
    ]
  }

  private static func position(_ rule: Rule, _ panel: Panel) -> JSONValue {
    let axis = rule.direction == .horizontal ? panel.y : panel.x
    return .number(rule.value).logarithm(when: axis.scale == .logarithmic)
  }

  private static func shape(_ rule: Rule, _ suffix: String, _ panel: Panel) -> JSONValue {
    let style = SeriesStyle(rule.role)
    let isHorizontal = rule.direction == .horizontal
    let value = JSONValue.number(rule.value)
    return [
      "type": "line", "layer": "below",
      "xref": .string("x\(suffix)" + (isHorizontal ? " domain" : "")),
      "yref": .string("y\(suffix)" + (isHorizontal ? "" : " domain")),
      "x0": isHorizontal ? 0 : value, "x1": isHorizontal ? 1 : value,
      "y0": isHorizontal ? value : 0, "y1": isHorizontal ? value : 1,
      "line": [
        "color": .string(style.paint.light), "width": 1.25,
        "dash": .string(style.dash == "solid" ? "dash" : style.dash),
      ],
    ]
  }

  private static func label(_ rule: Rule, _ suffix: String, _ panel: Panel) -> JSONValue {
    let isHorizontal = rule.direction == .horizontal
    let value = position(rule, panel)
    return [
      "text": .string(PlotlyStyle.markupFree(rule.label)), "showarrow": false,
      "xref": .string("x\(suffix)" + (isHorizontal ? " domain" : "")),
      "yref": .string("y\(suffix)" + (isHorizontal ? "" : " domain")),
      "x": isHorizontal ? 1 : value, "y": isHorizontal ? value : 1,
      "xanchor": isHorizontal ? "right" : "left", "yanchor": isHorizontal ? "bottom" : "top",
      "font": ["size": 11, "color": .string(SeriesStyle(rule.role).paint.light)],
      "bgcolor": .string(Palette.surface.light), "borderpad": 1,
    ]
  }

  /// The menu of a figure that is opened outside our page; it switches what is visible.
  private static func menu(_ chooser: Chooser, _ legend: LegendBook) -> JSONValue {
    let buttons = chooser.choices.enumerated().map { index, name -> JSONValue in
      let visible = legend.choices.map { JSONValue.bool($0 == nil || $0 == index) }
      return [
        "label": .string(PlotlyStyle.markupFree("\(chooser.title) \(name)")), "method": "restyle",
        "args": [["visible": .array(visible)]],
      ]
    }
    return [
      "buttons": .array(buttons), "active": .integer(chooser.initial), "x": 1, "xanchor": "right",
      "y": 1.04, "yanchor": "bottom", "direction": "down", "type": "dropdown",
    ]
  }
}

extension JSONValue {
  /// Annotations on logarithmic axes are placed by the logarithm, shapes by the value.
  fileprivate func logarithm(when isLogarithmic: Bool) -> JSONValue {
    guard isLogarithmic, case .number(let value) = self, value > 0 else { return self }
    return .number(log10(value))
  }
}

/// Keeps account of which series already stand in the legend, and which choice shows which trace.
struct LegendBook {
  let initialChoice: Int?
  /// For each trace, the choice that shows it; nil for always.
  private(set) var choices: [Int?] = []
  private var entries: Set<String> = []

  init(initialChoice: Int?) { self.initialChoice = initialChoice }

  /// Notes one trace of a series.
  ///
  /// - Returns: whether this trace is the one that stands in the legend for its name.
  mutating func add(_ series: Series, isLegendCandidate: Bool) -> Bool {
    choices.append(series.choice)
    guard isLegendCandidate else { return false }
    return entries.insert("\(series.choice ?? -1) \(series.name)").inserted
  }
}
