import Foundation

/// Where the names of points stand, so that neighbours do not cover one another at the width of a
/// desktop's page.
struct PlotlyLabels {
  private struct Box {
    var x: ClosedRange<Double>
    var y: ClosedRange<Double>

    init(_ x: Double, _ y: Double, width: Double, height: Double) {
      self.x = x...(x + width)
      self.y = y...(y + height)
    }

    func overlap(_ other: Box) -> Double {
      let width = min(x.upperBound, other.x.upperBound) - max(x.lowerBound, other.x.lowerBound)
      let height = min(y.upperBound, other.y.upperBound) - max(y.lowerBound, other.y.lowerBound)
      return max(0, width) * max(0, height)
    }
  }

  /// Plotly's names for a place beside a point, the preferred ones first.
  private static let places = [
    "bottom right", "top right", "bottom left", "top left", "top center", "bottom center",
  ]
  /// Pixels of a letter, of a line, of a point, and from a point to its name.
  private static let (letter, line, point, gap) = (6.2, 13.0, 8.0, 4.0)

  /// For each series of the panel that shows labels, the place of each of them.
  let positions: [Int: [String]]

  /// - Parameters:
  ///   - width: of the panel in pixels.
  ///   - height: of the panel in pixels.
  init(_ panel: Panel, width: Double, height: Double) {
    let points = panel.series.map { Self.points($0.mark) }
    let drawn = points.flatMap { $0 }
    guard panel.series.contains(where: \.showsLabels),
      let x = Self.scale(panel.x, drawn.map(\.x), length: width),
      let y = Self.scale(panel.y, drawn.map(\.y), length: height)
    else {
      positions = [:]
      return
    }
    func pixels(_ point: (x: Double, y: Double)) -> (x: Double, y: Double)? {
      let (px, py) = (x(point.x), height - y(point.y))
      return px.isFinite && py.isFinite ? (px, py) : nil
    }
    var obstacles = drawn.compactMap(pixels).map {
      Box($0.x - Self.point / 2, $0.y - Self.point / 2, width: Self.point, height: Self.point)
    }
    let frame = Box(0, 0, width: width, height: height)
    var known: [String: String] = [:]
    var positions: [Int: [String]] = [:]
    for (index, series) in panel.series.enumerated() where series.showsLabels {
      guard case .scatter(_, _, let labels, _) = series.mark else { continue }
      positions[index] = zip(points[index], labels).map { point, label in
        guard let centre = pixels(point), !label.isEmpty else { return Self.places[0] }
        // The same name at the same point stands on itself.
        let key = "\(centre) \(label)"
        if let place = known[key] { return place }
        let boxes = Self.places.map { Self.box($0, at: centre, label) }
        let costs = boxes.map { box in
          obstacles.reduce(0) { $0 + $1.overlap(box) }
            + Double(label.count) * Self.letter * Self.line - frame.overlap(box)
        }
        let best = costs.indices.min { costs[$0] < costs[$1] } ?? 0
        obstacles.append(boxes[best])
        known[key] = Self.places[best]
        return Self.places[best]
      }
    }
    self.positions = positions
  }

  private static func box(_ place: String, at centre: (x: Double, y: Double), _ label: String)
    -> Box
  {
    let width = Double(label.count) * letter
    let x =
      place.hasSuffix("right")
      ? centre.x + gap : place.hasSuffix("left") ? centre.x - gap - width : centre.x - width / 2
    let y = place.hasPrefix("bottom") ? centre.y + gap : centre.y - gap - line
    return Box(x, y, width: width, height: line)
  }

  private static func points(_ mark: Mark) -> [(x: Double, y: Double)] {
    switch mark {
    case .scatter(.numbers(let x), let y, _, _), .line(.numbers(let x), let y, _, _):
      zip(x, y).map { ($0, $1) }
    default: []
    }
  }

  /// From data units to pixels; NaN for what the axis does not show. nil without an extent.
  private static func scale(
    _ axis: Axis, _ values: [Double], length: Double
  ) -> ((Double) -> Double)? {
    guard axis.scale != .category else { return nil }
    let isLogarithmic = axis.scale == .logarithmic
    func place(_ value: Double) -> Double {
      isLogarithmic ? (value > 0 ? log10(value) : .nan) : value
    }
    let places = values.map(place).filter(\.isFinite)
    guard let low = axis.low.map(place) ?? places.min(),
      let high = axis.high.map(place) ?? places.max(), low < high
    else { return nil }
    return { value in
      let share = (place(value) - low) / (high - low)
      return (0...1).contains(share) ? (axis.isReversed ? 1 - share : share) * length : .nan
    }
  }
}
