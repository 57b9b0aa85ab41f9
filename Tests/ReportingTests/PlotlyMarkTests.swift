import Reporting
import Testing

/// What a figure's JSON says of single marks and axes.
@Suite("Plotly marks")
struct PlotlyMarkTests {
  /// Whole numbers are integers, as in the file.
  static func json(_ panels: [Panel]) throws -> JSONValue {
    try PlotlyFigureTests.decode(
      PlotlyFigure(Figure(id: "a", title: "", caption: "", altText: "", panels: panels)).bytes)
  }

  static func json(_ marks: [(String, Mark)], x: Axis = Axis(""), y: Axis = Axis("")) throws
    -> JSONValue
  {
    try json([Panel(x: x, y: y, series: marks.map { Series($0, role: .observed, mark: $1) })])
  }

  static let line = Mark.line(x: .numbers([1, 2]), y: [1, 2])

  @Test("A step goes sideways first, or up first where asked")
  func steps() throws {
    let json = try Self.json([
      ("a", .step(x: .numbers([0, 1]), y: [0, 1])),
      ("b", .step(x: .numbers([0, 1]), y: [0, 1], direction: .verticalFirst)),
    ])
    #expect(json["data"][0]["line"]["shape"] == "hv")
    #expect(json["data"][1]["line"]["shape"] == "vh")
  }

  @Test("An unknown interval has no whisker, not one of length zero")
  func whiskers() throws {
    let band = Band(lower: [0.5, .nan], upper: [2, 3])
    let unknown = Band(lower: [.nan, .nan], upper: [.nan, .nan])
    let x = Coordinates.categories(["x", "y"])
    let category = Axis("", scale: .category, categories: ["x", "y"])
    let json = try Self.json(
      [
        ("a", .bar(x: x, y: [1, 2], interval: band)),
        ("b", .scatter(x: x, y: [1, 2], interval: band)),
        ("c", .scatter(x: x, y: [1, 2], interval: unknown)),
      ], x: category)
    for trace in [0, 1] {
      #expect(json["data"][trace]["error_y"]["array"] == [1, "none"])
      #expect(json["data"][trace]["error_y"]["arrayminus"] == [0.5, "none"])
    }
    #expect(json["data"][2]["error_y"]["array"] == .null)
    #expect(json["layout"]["scattermode"] == "group")
    #expect(json["layout"]["yaxis"]["range"] == .null)
    // Without bars it is 0.5 to 3 and a margin, not from 0.
    let points = try Self.json([("b", .scatter(x: x, y: [1, 1], interval: band))], x: category)
    #expect(points["layout"]["yaxis"]["range"] == [0.35, 3.15])
  }

  @Test("An axis with one end given leaves only the other to Plotly")
  func ranges() throws {
    func axis(_ axis: Axis) throws -> JSONValue {
      try Self.json([("a", Self.line)], y: axis)["layout"]["yaxis"]
    }
    let low = try axis(Axis("", low: 0))
    #expect(low["autorangeoptions"] == ["minallowed": 0] && low["autorange"] == true)
    let high = try axis(Axis("", scale: .logarithmic, high: 100))
    #expect(high["autorangeoptions"] == ["maxallowed": 2] && high["range"] == .null)
    let reversed = try axis(Axis("", low: 0, isReversed: true))
    #expect(reversed["autorangeoptions"] == ["minallowed": 0])
    #expect(reversed["autorange"] == "reversed")
    let both = try axis(Axis("", low: 0, high: 1))
    #expect(both["range"] == [0, 1] && both["autorange"] == .null)
  }

  @Test(
    "Logarithmic axes name their ticks in one size",
    arguments: [
      (
        [0.02, 0.3], NumberFormat.percent(0),
        ["2\u{202F}%", "5\u{202F}%", "10\u{202F}%", "20\u{202F}%"]
      ),
      ([1, 9], nil, ["1", "2", "5", "10"]),
      ([1e-6, 1e6], nil, ["10⁻⁶", "10⁻⁴", "0.01", "1", "100", "10\u{202F}000", "10⁶"]),
      ([3, 4], nil, []),
    ])
  func ticks(y: [Double], format: NumberFormat?, texts: [String]) throws {
    let axis = Axis("", scale: .logarithmic, format: format)
    let json = try Self.json([("a", .line(x: .numbers([0, 1]), y: y))], y: axis)["layout"]["yaxis"]
    #expect(json["ticktext"] == (texts.isEmpty ? .null : .strings(texts)))
  }

  @Test("Only what is drawn and not alone in its panel stands in the legend")
  func legend() throws {
    let empty = Mark.line(x: .numbers([1, 2]), y: [.nan, .nan])
    let outside = Mark.scatter(x: .numbers([1]), y: [9])
    let json = try Self.json([
      Panel(x: Axis(""), y: Axis(""), series: [Series("one", role: .observed, mark: Self.line)]),
      Panel(
        x: Axis(""), y: Axis("", high: 5),
        series: [("two", Self.line), ("three", empty), ("four", outside)].map {
          Series($0, role: .observed, mark: $1)
        }),
    ])
    #expect((0..<4).map { json["data"][$0]["showlegend"] } == [false, true, false, false])
  }

  @Test("Names of neighbours stand on different sides, and the line's name has no ground")
  func names() throws {
    let json = try Self.json([
      Panel(
        x: Axis("", low: 0, high: 1), y: Axis("", low: 0, high: 1),
        series: [
          Series(
            "n", role: .observed,
            mark: .scatter(
              x: .numbers([0.5, 0.51]), y: [0.5, 0.5], labels: ["a long name", "another name"]),
            showsLabels: true)
        ], rules: [Rule(.horizontal, at: 0.5, label: "limit")])
    ])
    let places = json["data"][0]["textposition"]
    #expect(places[0] == "bottom right")
    #expect(places[1] != "bottom right")
    let note = json["layout"]["annotations"][0]
    #expect(note["bgcolor"] == .null)
    #expect(note["xanchor"] == "left" && note["x"] == 1)
  }
}
