import Foundation
import Reporting
import Testing

@Suite("Report")
struct ReportTests {
  @Test("A report survives encoding, NaN and all")
  func codable() throws {
    let bytes = try DemoReport.report.encoded()
    let again = try Report(decoding: bytes, path: "report.json")
    #expect(try again.encoded() == bytes)
    #expect(throws: ReportingError.self) { try Report(decoding: Array("{}".utf8), path: "x") }
  }

  @Test("The demonstration is a valid report")
  func valid() throws { try DemoReport.report.validate() }

  static func report(_ blocks: [Block], verdicts: [Verdict] = []) -> Report {
    Report(title: "t", verdicts: verdicts, sections: [Section(id: "s", title: "s", blocks: blocks)])
  }

  static func figure(_ id: String = "f", _ mark: Mark, choice: Int? = nil) -> Block {
    .figure(
      Figure(
        id: id, title: "", caption: "", altText: "", x: Axis(""), y: Axis(""),
        series: [Series("one", role: .observed, mark: mark, choice: choice)]))
  }

  @Test("Each mistake has its error")
  func mistakes() {
    let good = Mark.line(x: .numbers([1]), y: [1])
    let cases: [(Report, ReportingError)] = [
      (Self.report([Self.figure("../f", good)]), .badIdentifier("../f")),
      (Self.report([Self.figure("s", good)]), .duplicateIdentifier("s")),
      (
        Self.report([Self.figure("f", .line(x: .numbers([1, 2]), y: [1]))]),
        .unequalCounts(subject: "figure f, series \"one\"", expected: 2, found: 1)
      ),
      (
        Self.report([Self.figure("f", good, choice: 3)]),
        .badChoice(figure: "f", choice: 3, count: 0)
      ),
      (
        Self.report([
          .table(
            Table(id: "t", title: "", columns: [Column("a")], rows: [[.integer(1), .integer(2)]]))
        ]), .unequalCounts(subject: "table t, row 0", expected: 1, found: 2)
      ),
      (
        Self.report([
          .figure(
            Figure(
              id: "f", title: "", caption: "", altText: "",
              flow: FlowDiagram(nodes: [], edges: [.init("a", "b")], valueTitle: "")))
        ]), .unknownNode(figure: "f", node: "a")
      ),
      (
        Self.report(
          [],
          verdicts: [
            Verdict(
              claim: "c", paper: .missing(), model: .missing(), null: .missing(),
              status: .notMeasured, sentence: "", details: "nowhere")
          ]), .unknownReference(verdict: "c", reference: "nowhere")
      ),
    ]
    for (report, error) in cases {
      #expect(throws: error) { try report.validate() }
      #expect(error.exitStatus == .bug)
    }
  }

  @Test(
    "Numbers read as people write them",
    arguments: [
      (NumberFormat.percent(2), 0.71958, "71.96\u{202F}%"),
      (.integer, 16384, "16\u{202F}384"), (.integer, 9999, "9999"), (.integer, -0.2, "0"),
      (.fixed(3), -0.0524, "\u{2212}0.052"), (.significant(3), 9.996, "10.0"),
      (.significant(3), 0.0123456, "0.0123"), (.significant(3), 0, "0"),
      (.significant(3), 1.234e-5, "1.23\u{202F}×\u{202F}10⁻⁵"),
      (.significant(3), 123456.7, "1.23\u{202F}×\u{202F}10⁵"),
      (.significant(3), 12345.6, "12\u{202F}300"),
      (.significant(3), 99999, "1.00\u{202F}×\u{202F}10⁵"),
      (.scientific(1), 12345, "1.2\u{202F}×\u{202F}10⁴"),
      (.fixed(2), .nan, "–"), (.fixed(2), -.infinity, "\u{2212}∞"),
    ])
  func numbers(format: NumberFormat, value: Double, text: String) {
    #expect(format.text(value) == text)
  }

  @Test("JSON numbers carry eight significant digits and no more")
  func jsonNumbers() {
    let values: [Double] = [0, -0.0, 1.0 / 3, 1e-7, 123456789, 2.5, 1e300, .nan, .infinity]
    let text = String(decoding: JSONValue.numbers(values).bytes, as: UTF8.self)
    #expect(text == "[0,0,0.33333333,1e-07,123456789,2.5,1e+300,null,null]")
  }

  @Test("A tidy table quotes what it must, and leaves a missing number empty")
  func tidy() throws {
    var table = TidyTable(columns: ["layer", "hook point", "value", "sparse"])
    try table.append([.integer(0), .text("a,\"b\""), .number(1.0 / 3), .truth(true)])
    try table.append([.integer(1), .text("line\nbreak"), .number(.nan), .missing("why")])
    #expect(
      String(decoding: table.bytes, as: UTF8.self)
        == "layer,hook point,value,sparse\r\n0,\"a,\"\"b\"\"\",0.3333333333333333,True\r\n"
        + "1,\"line\nbreak\",,\r\n")
    #expect(throws: ReportingError.self) { try table.append([.integer(1)]) }
  }
}
