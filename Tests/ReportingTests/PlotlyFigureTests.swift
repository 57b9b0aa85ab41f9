import Foundation
import Reporting
import Testing

/// The golden files are recorded by these tests themselves: `MOHD_RECORD=1 swift test --filter
/// PlotlyFigureTests`, then `sha256sum *.json > SHA256SUMS` in their folder.
@Suite("Plotly figure")
struct PlotlyFigureTests {
  static let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Fixtures/reporting")

  static func decode(_ bytes: [UInt8]) throws -> JSONValue {
    try JSONDecoder().decode(JSONValue.self, from: Data(bytes))
  }

  /// What a golden file and a figure must agree on: integers and numbers are one kind.
  static func normal(_ value: JSONValue) -> JSONValue {
    switch value {
    case .integer(let number): .number(Double(number))
    case .array(let values): .array(values.map(normal))
    case .object(let members): .object(members.mapValues(normal))
    default: value
    }
  }

  /// Every mark once, small enough to read.
  static var small: Figure {
    Figure(
      id: "small", title: "Small", caption: "", altText: "Two panels.",
      panels: [
        Panel(
          title: "a", x: Axis("window", unit: "tokens"),
          y: Axis("share", scale: .logarithmic, low: 0.01, high: 1, format: .percent(1)),
          series: [
            Series(
              "observed", role: .observed,
              mark: .line(
                x: .numbers([2, 3, 4]), y: [0.5, .nan, 0.25],
                band: Band(lower: [0.4, .nan, 0.2], upper: [0.6, .nan, 0.3])), choice: 0),
            Series(
              "shuffled", role: .null(.shuffled), mark: .step(x: .numbers([2, 3]), y: [0.4, 0.1]),
              choice: 1),
            Series(
              "paper", role: .paper,
              mark: .scatter(x: .numbers([2]), y: [1.0 / 3], labels: ["p < 1"])),
          ], rules: [Rule(.horizontal, at: 0.1, label: "limit")]),
        Panel(
          x: Axis("", scale: .category, categories: ["x", "y"]), y: Axis("count"),
          series: [
            Series(
              "bars", role: .null(.gaussian),
              mark: .bar(
                x: .categories(["x", "y"]), y: [1, 2],
                interval: Band(lower: [0.5, 1.5], upper: [2, 3]))
            ),
            Series(
              "boxes", role: .category(1),
              mark: .box(
                x: ["x"],
                values: [
                  FiveNumbers(low: 0, lowerQuartile: 1, median: 2, upperQuartile: 3, high: 4)
                ])),
            Series("strip", role: .ordered(0.5), mark: .strip(x: ["x", "x"], y: [1, 2])),
          ]),
        Panel(
          x: Axis("", scale: .category), y: Axis("", scale: .category),
          series: [
            Series(
              "map", role: .observed,
              mark: .heatMap(
                HeatMap(
                  rows: ["the", "the"], columns: ["0", "1"], values: [[-1, 0], [.infinity, 2]],
                  scale: .diverging(middle: 0), title: "excess")))
          ]),
      ], chooser: Chooser("layer", choices: ["0", "1"]))
  }

  static var flow: Figure {
    Figure(
      id: "flow", title: "Flow", caption: "", altText: "A block.",
      flow: .transformerBlock(valueTitle: "size") { name in
        name == "attention_output" ? (0.25, 0.125, 0.5) : name == "query" ? (2, nil, nil) : nil
      })
  }

  @Test("Figures equal their golden files by value", arguments: ["small", "flow"])
  func golden(name: String) throws {
    let bytes = PlotlyFigure(name == "small" ? Self.small : Self.flow).bytes
    let url = Self.golden.appendingPathComponent("\(name).json")
    if ProcessInfo.processInfo.environment["MOHD_RECORD"] != nil {
      try Data(bytes).write(to: url)
    }
    let expected = try Self.decode([UInt8](Data(contentsOf: url)))
    #expect(try Self.normal(Self.decode(bytes)) == Self.normal(expected))
  }

  @Test("Equal figures give equal bytes, with sorted keys and one newline at the end")
  func deterministic() {
    for figure in DemoReport.report.figures {
      let bytes = PlotlyFigure(figure).bytes
      #expect(bytes == PlotlyFigure(figure).bytes)
      #expect(bytes.starts(with: Array("{\"data\":[".utf8)))
      #expect(bytes.last == UInt8(ascii: "\n"))
      #expect(bytes.count { $0 == UInt8(ascii: "\n") } == 1)
    }
  }

  @Test("What is not finite is null, and a line breaks there")
  func gaps() throws {
    let json = try Self.decode(PlotlyFigure(Self.small).bytes)
    #expect(json["data"][1]["y"] == [0.5, nil, 0.25])
    #expect(json["data"][1]["connectgaps"] != true)
    // The band has two runs of one point each, a gap between them.
    #expect(json["data"][0]["x"] == [2, 2, nil, 4, 4])
  }

  @Test("The menu shows the chosen series and all that belong to none")
  func menu() throws {
    let json = try Self.decode(PlotlyFigure(Self.small).bytes)
    let visible = json["layout"]["updatemenus"][0]["buttons"][1]["args"][0]["visible"]
    #expect(visible == [false, false, true, true, true, true, true, true])
    #expect(json["data"][2]["visible"] == false)
  }

  @Test("Labels of points are hover texts, and stand beside the points where asked")
  func labels() throws {
    for shown in [false, true] {
      let json = try Self.decode(
        PlotlyFigure(
          Figure(
            id: "a", title: "", caption: "", altText: "", x: Axis(""), y: Axis(""),
            series: [
              Series(
                "n", role: .observed, mark: .scatter(x: .numbers([0]), y: [1], labels: ["one"]),
                showsLabels: shown)
            ])
        ).bytes)
      #expect(json["data"][0]["text"] == ["one"])
      #expect(json["data"][0]["mode"].text == (shown ? "markers+text" : "markers"))
    }
  }

  @Test("A null looks like a null in every figure: grey, broken, hatched")
  func nulls() {
    let styles = NullKind.allCases.map { SeriesRole.null($0) }
    let json = styles.map { role in
      PlotlyFigure(
        Figure(
          id: "a", title: "", caption: "", altText: "", x: Axis(""), y: Axis(""),
          series: [
            Series("n", role: role, mark: .line(x: .numbers([0, 1]), y: [0, 1])),
            Series("n", role: role, mark: .bar(x: .numbers([0, 1]), y: [0, 1])),
          ])
      ).json["data"]
    }
    #expect(Set(json.map { $0[0]["line"]["color"].text }).count == 1)
    #expect(Set(json.map { $0[0]["line"]["dash"].text }).count == NullKind.allCases.count)
    #expect(json.allSatisfy { $0[0]["line"]["dash"] != "solid" })
    #expect(json.allSatisfy { ["/", "-", "x"].contains($0[1]["marker"]["pattern"]["shape"].text) })
  }
}
