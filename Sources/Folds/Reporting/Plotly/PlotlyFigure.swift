import Files

/// A figure as Plotly JSON, `{"data": […], "layout": {…}}`, which `plotly.io.read_json` opens.
///
/// Equal figures give equal bytes. The colours are those of the light theme. `layout.meta` and each
/// trace's `meta` carry what the report's page needs to arrange the same figure on a narrow
/// screen and to build its own legend and menu.
public struct PlotlyFigure: Sendable, Equatable {
  package let json: JSONValue

  /// Width for which the file's layout is arranged, in CSS pixels; the page arranges its own.
  package static let nominalWidth = 960.0

  /// Translates a figure that `Figure.validate()` accepts.
  public init(_ figure: Figure) {
    switch figure.content {
    case .flow(let flow): json = PlotlyFlow(figure, flow).json
    case .panels(let panels, let columnCount):
      json = PlotlyPanels(figure, panels, columnCount: max(1, columnCount)).json
    }
  }

  /// The file's bytes, ending in a newline.
  public var bytes: [UInt8] { json.bytes + [UInt8(ascii: "\n")] }

  /// Publishes the JSON file at `path`.
  public func write(to path: String) throws(FileError) {
    try DurableFile.write(bytes, to: path)
  }
}

/// What panels and flows share of Plotly's vocabulary.
enum PlotlyStyle {
  static let fontFamily =
    "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

  /// Layout common to all figures.
  static func layout(_ figure: Figure, height: Int) -> [String: JSONValue] {
    [
      "title": [
        "text": .string(markupFree(figure.title)), "x": 0.01, "xanchor": "left",
        "font": ["size": 17],
      ],
      "height": .integer(height),
      "font": [
        "family": .string(fontFamily), "size": 12, "color": .string(Palette.text.light),
      ],
      "paper_bgcolor": .string(Palette.surface.light),
      "plot_bgcolor": .string(Palette.surface.light),
      "hoverlabel": [
        "namelength": -1, "align": "left", "bgcolor": .string(Palette.surface.light),
        "bordercolor": .string(Palette.frame.light),
        "font": ["color": .string(Palette.text.light)],
      ],
      "legend": [
        "orientation": "h", "x": 0, "xanchor": "left", "y": -0.16, "yanchor": "top",
        "tracegroupgap": 0, "font": ["size": 12],
      ],
      "margin": ["l": 68, "r": 24, "t": 64, "b": 64],
      "template": ["layout": [:]],
    ]
  }

  /// An axis with a thin frame and a quiet grid.
  static func axis(_ title: String) -> [String: JSONValue] {
    [
      "title": ["text": .string(markupFree(title)), "font": ["size": 13], "standoff": 10],
      "gridcolor": .string(Palette.grid.light),
      "linecolor": .string(Palette.frame.light),
      "tickcolor": .string(Palette.frame.light),
      "tickfont": ["color": .string(Palette.muted.light)],
      "ticks": "outside", "ticklen": 4, "showline": true, "zeroline": false, "automargin": true,
    ]
  }

  /// Plotly reads a small HTML in its texts; ours are plain.
  static func markupFree(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
  }

  static func colourScale(_ stops: [(Double, Paint)]) -> JSONValue {
    .array(stops.map { [.number($0.0), .string($0.1.light)] })
  }
}
