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
      let place = Self.place(index, panels.count, columns, height: Double(figure.height))
      let traces = PlotlyTraces(
        axes: suffix, namesSeries: Set(panel.series.map(\.name)).count > 1)
      // Less the margins.
      let labels = PlotlyLabels(
        panel,
        width: (PlotlyFigure.nominalWidth - 92) * (place.x.upperBound - place.x.lowerBound),
        height: Double(figure.height))
      for (number, series) in panel.series.enumerated() {
        data += traces.traces(
          series, panel, textPositions: labels.positions[number], &legend)
        if case .heatMap(let map) = series.mark {
          layout["coloraxis"] = Self.colourAxis(map)
        }
      }
      lineCount = max(lineCount, panel.series.count)
      if panel.x.scale == .category { isNumeric = false }
      let heat = Self.heatMap(panel)
      layout["xaxis" + suffix] = PlotlyAxis.json(
        panel.x, domain: place.x, anchor: "y" + suffix, names: heat?.columns,
        extent: PlotlyAxis.extent(panel, isHorizontal: true))
      layout["yaxis" + suffix] = PlotlyAxis.json(
        Self.vertical(panel, isMoved: Self.movesPoints(panels)), domain: place.y,
        anchor: "x" + suffix, names: heat?.rows,
        isHeat: heat != nil, extent: PlotlyAxis.extent(panel, isHorizontal: false))
      if !panel.title.isEmpty { annotations.append(Self.title(panel.title, suffix)) }
      for rule in panel.rules {
        shapes.append(Self.shape(rule, suffix, panel))
      }
      annotations += Self.labels(panel, suffix, isBeside: columns == 1)
    }
    layout["annotations"] = .array(annotations)
    let outside = columns == 1 ? Self.labelWidth(panels) : 0
    let hasTitles = panels.contains { panel in
      !panel.title.isEmpty || columns > 1 && panel.rules.contains { !$0.label.isEmpty }
    }
    let top = hasTitles ? 84 : 64
    layout["margin"] = ["l": 68, "r": .integer(max(24, outside)), "t": .integer(top), "b": 64]
    layout["shapes"] = .array(shapes)
    // Long names of categories turn, and then reach down to where the legend would be.
    let longest = panels.flatMap(\.x.categories).map(\.count).max() ?? 0
    if longest > 10, case .object(var own) = layout["legend"] {
      let plot = Double(figure.height * max(1, rows) + 110 - 84 - 64)
      own["y"] = .number(-(60 + Double(longest) * 3.5) / plot)
      layout["legend"] = .object(own)
    }
    layout["barmode"] = "group"
    if Self.movesPoints(panels) { layout["scattermode"] = "group" }
    layout["boxmode"] = "group"
    // One hover box for all lines at a place, as long as it stays readable.
    layout["hovermode"] = .string(isNumeric && lineCount <= 9 ? "x unified" : "closest")
    var meta: [String: JSONValue] = [
      "kind": "panels", "columns": .integer(columns), "count": .integer(panels.count),
      "height": .integer(figure.height), "labelWidth": .integer(outside),
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

  private static func hasWhiskers(_ panel: Panel) -> Bool {
    panel.series.contains {
      if case .scatter(_, _, _, .some) = $0.mark { true } else { false }
    }
  }

  /// Whether points of one category move sideways, where their whiskers would hide one another. At
  /// numbers they must stay where they are.
  private static func movesPoints(_ panels: [Panel]) -> Bool {
    panels.contains(where: hasWhiskers) && panels.allSatisfy { $0.x.scale == .category }
  }

  /// The vertical axis of a panel. Plotly lets it begin at 0 where it moves points; bars do, ratios
  /// do not.
  private static func vertical(_ panel: Panel, isMoved: Bool) -> Axis {
    var axis = panel.y
    let hasBars = panel.series.contains { if case .bar = $0.mark { true } else { false } }
    guard isMoved, hasWhiskers(panel), !hasBars, axis.low == nil, axis.high == nil else {
      return axis
    }
    let isLogarithmic = axis.scale == .logarithmic
    let places = PlotlyAxis.values(panel, isHorizontal: false)
      .filter { $0.isFinite && (!isLogarithmic || $0 > 0) }
      .map { isLogarithmic ? log10($0) : $0 }
    guard let low = places.min(), let high = places.max(), low < high else { return axis }
    let margin = 0.06 * (high - low)
    axis.low = isLogarithmic ? pow(10, low - margin) : low - margin
    axis.high = isLogarithmic ? pow(10, high + margin) : high + margin
    return axis
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
