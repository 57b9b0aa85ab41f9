/// The numbers of a figure as small tables, for those who read them better than lines.
struct FigureData {
  var tables: [Table] = []
  /// What is left out; empty when nothing is.
  var note = ""

  /// More rows or columns than these belong in the JSON file.
  static let rowLimit = 60
  static let columnLimit = 40

  init(_ figure: Figure) {
    switch figure.content {
    case .flow(let flow): tables = [Self.flow(flow)]
    case .panels(let panels, _):
      for panel in panels {
        let shown = panel.series.filter { $0.choice == nil || $0.choice == figure.chooser?.initial }
        tables += Self.wide(panel, shown) + shown.flatMap { Self.own(panel, $0) }
      }
      if let chooser = figure.chooser {
        note = "The table shows \(chooser.title) \(chooser.choices[chooser.initial]). "
      }
    }
    if tables.contains(where: {
      $0.rows.count > Self.rowLimit || $0.columns.count > Self.columnLimit
    }) {
      note += "Long tables are cut; the file holds every number. "
      tables = tables.map { table in
        var table = table
        table.rows = table.rows.prefix(Self.rowLimit).map { Array($0.prefix(Self.columnLimit)) }
        table.columns = Array(table.columns.prefix(Self.columnLimit))
        return table
      }
    }
  }

  /// Lines, steps, bars and points with whiskers of a panel side by side, one row for each place.
  private static func wide(_ panel: Panel, _ series: [Series]) -> [Table] {
    var columns = [Column(panel.x.heading, format: panel.x.format ?? .significant(5))]
    var places: [Cell] = []
    var found: [[Cell: Double]] = []
    for item in series {
      let x: Coordinates
      let y: [Double]
      var band: Band?
      switch item.mark {
      case .line(let xs, let ys, let limits, _): (x, y, band) = (xs, ys, limits)
      case .bar(let xs, let ys, let limits): (x, y, band) = (xs, ys, limits)
      case .step(let xs, let ys, _): (x, y) = (xs, ys)
      case .scatter(let xs, let ys, _, let limits?): (x, y, band) = (xs, ys, limits)
      default: continue
      }
      let cells = Self.cells(x)
      func add(_ title: String, _ values: [Double]) {
        columns.append(Column(title, format: panel.y.format ?? .significant(4)))
        found.append(Dictionary(zip(cells, values)) { first, _ in first })
      }
      add(item.name, y)
      if let band {
        add("\(item.name), lower", band.lower)
        add("\(item.name), upper", band.upper)
      }
      places += cells
    }
    guard !found.isEmpty else { return [] }
    var seen: Set<Cell> = []
    places = places.filter { seen.insert($0).inserted }
    if places.allSatisfy({ if case .number = $0 { true } else { false } }) {
      places.sort { Self.number($0) < Self.number($1) }
    }
    let rows = places.map { place in
      [place] + found.map { values in values[place].map { Cell.number($0) } ?? .missing("") }
    }
    return [Table(id: "", title: title(panel), columns: columns, rows: rows)]
  }

  /// Marks that make a table of their own.
  private static func own(_ panel: Panel, _ series: Series) -> [Table] {
    let format = panel.y.format ?? .significant(4)
    let x = Column(panel.x.heading, format: panel.x.format ?? .significant(4))
    let y = Column(panel.y.heading, format: format)
    let heading = [title(panel), series.name].filter { !$0.isEmpty }.joined(separator: ": ")
    switch series.mark {
    case .scatter(let xs, let ys, let labels, nil):
      var rows = zip(cells(xs), ys).map { [$0, .number($1)] }
      var columns = [x, y]
      if !labels.isEmpty {
        columns.insert(Column("name"), at: 0)
        rows = zip(labels, rows).map { [.text($0)] + $1 }
      }
      return [Table(id: "", title: heading, columns: columns, rows: rows)]
    case .strip(let xs, let ys):
      let rows = zip(xs, ys).map { [Cell.text($0), .number($1)] }
      return [Table(id: "", title: heading, columns: [x, y], rows: rows)]
    case .box(let xs, let values):
      let names = ["low", "lower quartile", "median", "upper quartile", "high"]
      let rows = zip(xs, values).map { name, five in
        [Cell.text(name)]
          + [five.low, five.lowerQuartile, five.median, five.upperQuartile, five.high]
          .map { Cell.number($0) }
      }
      return [
        Table(
          id: "", title: heading, columns: [x] + names.map { Column($0, format: format) },
          rows: rows)
      ]
    case .heatMap(let map):
      let rows = zip(map.rows, map.values).map { name, values in
        [Cell.text(name)] + values.map { Cell.number($0) }
      }
      let columns = [Column(map.title)] + map.columns.map { Column($0, format: map.format) }
      return [Table(id: "", title: heading, columns: columns, rows: rows)]
    case .line, .step, .bar, .scatter: return []
    }
  }

  private static func flow(_ flow: FlowDiagram) -> Table {
    func cell(_ value: Double?) -> Cell { value.map { .number($0) } ?? .missing("") }
    return Table(
      id: "", title: flow.valueTitle,
      columns: [
        Column("station"), Column("value", format: .percent(1)),
        Column("smallest", format: .percent(1)), Column("largest", format: .percent(1)),
      ],
      rows: flow.nodes.map {
        [.text($0.label), .number($0.value), cell($0.low), cell($0.high)]
      })
  }

  private static func title(_ panel: Panel) -> String {
    panel.title.isEmpty ? panel.y.heading : panel.title
  }

  private static func cells(_ x: Coordinates) -> [Cell] {
    switch x {
    case .numbers(let values): values.map { .number($0) }
    case .categories(let names): names.map { .text($0) }
    }
  }

  private static func number(_ cell: Cell) -> Double {
    if case .number(let value) = cell { value } else { .nan }
  }
}
