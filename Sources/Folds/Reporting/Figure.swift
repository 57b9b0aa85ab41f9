/// One axis of a panel.
public struct Axis: Codable, Sendable, Hashable {
  public enum Scale: String, Codable, Sendable { case linear, logarithmic, category }
  public var title: String
  /// Follows the title, in brackets; may be empty.
  public var unit: String
  public var scale: Scale
  /// Ends of the axis in data units; taken from the data when absent.
  public var low: Double?
  public var high: Double?
  /// The categories in their order; only for `.category`.
  public var categories: [String]
  public var format: NumberFormat?
  /// Begins at the top (vertical) or on the right (horizontal).
  public var isReversed: Bool

  public init(
    _ title: String, unit: String = "", scale: Scale = .linear, low: Double? = nil,
    high: Double? = nil, categories: [String] = [], format: NumberFormat? = nil,
    isReversed: Bool = false
  ) {
    self.title = title
    self.unit = unit
    self.scale = scale
    self.low = low
    self.high = high
    self.categories = categories
    self.format = format
    self.isReversed = isReversed
  }

  /// "energy share [%]"
  public var heading: String { unit.isEmpty ? title : "\(title) [\(unit)]" }
}

/// A thin straight line at one value of an axis, with a label.
public struct Rule: Codable, Sendable, Hashable {
  public enum Direction: String, Codable, Sendable { case horizontal, vertical }
  public var direction: Direction
  public var value: Double
  public var label: String
  public var role: SeriesRole

  public init(
    _ direction: Direction, at value: Double, label: String, role: SeriesRole = .reference
  ) {
    self.direction = direction
    self.value = value
    self.label = label
    self.role = role
  }
}

/// One pair of axes with what is drawn on them.
public struct Panel: Codable, Sendable, Hashable {
  /// Stands above the panel; empty when the figure has only one.
  public var title: String
  public var x: Axis
  public var y: Axis
  public var series: [Series]
  public var rules: [Rule]

  public init(title: String = "", x: Axis, y: Axis, series: [Series], rules: [Rule] = []) {
    self.title = title
    self.x = x
    self.y = y
    self.series = series
    self.rules = rules
  }
}

/// A menu over a figure: series that name a choice are shown only while it is chosen.
public struct Chooser: Codable, Sendable, Hashable {
  /// What is being chosen ("layer").
  public var title: String
  public var choices: [String]
  public var initial: Int

  public init(_ title: String, choices: [String], initial: Int = 0) {
    self.title = title
    self.choices = choices
    self.initial = initial
  }
}

/// A drawing with a title, a caption and a text for those who cannot see it.
public struct Figure: Codable, Sendable, Equatable {
  public enum Content: Codable, Sendable, Equatable {
    /// Panels in reading order, in rows of `columnCount` where there is room.
    case panels([Panel], columnCount: Int)
    case flow(FlowDiagram)
  }

  /// Letters, digits, "-" and "_": names `figures/ID.json` and the anchor in the page.
  public var id: String
  public var title: String
  public var caption: String
  /// What the figure shows, in words.
  public var altText: String
  public var content: Content
  public var chooser: Chooser?
  /// Height of one row of panels in CSS pixels.
  public var height: Int

  public init(
    id: String, title: String, caption: String, altText: String, panels: [Panel],
    columnCount: Int? = nil, chooser: Chooser? = nil, height: Int = 400
  ) {
    self.id = id
    self.title = title
    self.caption = caption
    self.altText = altText
    self.content = .panels(panels, columnCount: columnCount ?? min(2, max(1, panels.count)))
    self.chooser = chooser
    self.height = height
  }

  /// A figure with a single pair of axes.
  public init(
    id: String, title: String, caption: String, altText: String, x: Axis, y: Axis,
    series: [Series], rules: [Rule] = [], chooser: Chooser? = nil, height: Int = 400
  ) {
    self.init(
      id: id, title: title, caption: caption, altText: altText,
      panels: [Panel(x: x, y: y, series: series, rules: rules)], chooser: chooser, height: height)
  }

  /// A figure of a flow.
  public init(id: String, title: String, caption: String, altText: String, flow: FlowDiagram) {
    self.id = id
    self.title = title
    self.caption = caption
    self.altText = altText
    self.content = .flow(flow)
    self.chooser = nil
    self.height = 90 + 30 * flow.nodes.count
  }
}
