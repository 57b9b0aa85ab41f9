import Foundation

/// Axes of panels, as Plotly JSON.
enum PlotlyAxis {
  /// One axis of a panel.
  ///
  /// - Parameters:
  ///   - domain: where it lies, as fractions of the drawing.
  ///   - anchor: name of the axis that it stands on.
  ///   - names: the labels of a heat map along this axis; nil for other marks.
  ///   - extent: smallest and largest number drawn; decides the ticks of logarithms.
  static func json(
    _ axis: Axis, domain: ClosedRange<Double>, anchor: String, names: [String]?,
    isHeat: Bool = false, extent: ClosedRange<Double>? = nil
  ) -> JSONValue {
    var result = PlotlyStyle.axis(axis.heading)
    result["domain"] = [.number(domain.lowerBound), .number(domain.upperBound)]
    result["anchor"] = .string(anchor)
    if let format = axis.format {
      result["tickformat"] = .string(tickFormat(format))
      result["hoverformat"] = .string(format.d3)
    }
    let categories = names ?? (axis.scale == .category ? axis.categories : nil)
    if let categories {
      result["type"] = "category"
      result["showgrid"] = false
      if !categories.isEmpty {
        result["categoryorder"] = "array"
        result["categoryarray"] = .strings(categories)
      }
      if axis.isReversed || isHeat { result["autorange"] = "reversed" }
      // Numbers of columns stay upright, as many as there is room for.
      if categories.count > 12, categories.allSatisfy({ $0.utf8.count <= 4 }) {
        result["tickangle"] = 0
        result["nticks"] = isHeat ? 12 : 16
      }
      return .object(result)
    }
    result["type"] = axis.scale == .logarithmic ? "log" : "linear"
    if axis.scale == .logarithmic {
      if axis.format == nil { result["exponentformat"] = "power" }
      let low = axis.low ?? extent?.lowerBound ?? 1
      let high = axis.high ?? extent?.upperBound ?? 1
      if low < high {
        result.merge(PlotlyTicks.logarithmic(low...high, format: axis.format)) { $1 }
      }
    }
    result.merge(range(axis)) { $1 }
    return .object(result)
  }

  /// The ends of an axis. Plotly finds one that is not given; a range with a gap for it would be lost
  /// when the figure is drawn again.
  private static func range(_ axis: Axis) -> [String: JSONValue] {
    func end(_ value: Double?) -> JSONValue {
      guard let value, value.isFinite else { return .null }
      guard axis.scale == .logarithmic else { return .number(value) }
      return value > 0 ? .number(log10(value)) : .null
    }
    let (low, high) = (end(axis.low), end(axis.high))
    if low == .null, high == .null { return axis.isReversed ? ["autorange": "reversed"] : [:] }
    if low != .null, high != .null {
      return ["range": .array(axis.isReversed ? [high, low] : [low, high])]
    }
    return [
      "autorange": axis.isReversed ? "reversed" : true,
      "autorangeoptions": low == .null ? ["maxallowed": high] : ["minallowed": low],
    ]
  }

  /// Ticks drop zeros that a hover keeps.
  static func tickFormat(_ format: NumberFormat) -> String {
    switch format {
    case .percent: ".6~%"
    case .fixed(let decimals): ",.\(decimals)~f"
    default: format.d3
    }
  }

  /// Smallest and largest positive number along one axis of what the panel draws.
  static func extent(_ panel: Panel, isHorizontal: Bool) -> ClosedRange<Double>? {
    let values = values(panel, isHorizontal: isHorizontal).filter { $0.isFinite && $0 > 0 }
    guard let low = values.min(), let high = values.max() else { return nil }
    return low...high
  }

  /// The numbers along one axis of what the panel draws, lines of reference too.
  static func values(_ panel: Panel, isHorizontal: Bool) -> [Double] {
    var values = panel.rules.filter { ($0.direction == .vertical) == isHorizontal }.map(\.value)
    func add(_ x: Coordinates, _ y: [Double], _ band: Band? = nil) {
      if !isHorizontal {
        values += y + (band.map { $0.lower + $0.upper } ?? [])
      } else if case .numbers(let x) = x {
        values += x
      }
    }
    for series in panel.series {
      switch series.mark {
      case .line(let x, let y, let band, _), .bar(let x, let y, let band),
        .scatter(let x, let y, _, let band):
        add(x, y, band)
      case .step(let x, let y, _): add(x, y)
      case .strip(_, let y): if !isHorizontal { values += y }
      case .box(_, let boxes): if !isHorizontal { values += boxes.flatMap { [$0.low, $0.high] } }
      case .heatMap: break
      }
    }
    return values
  }
}
