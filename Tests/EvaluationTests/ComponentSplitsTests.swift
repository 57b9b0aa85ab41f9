import Evaluation
import Reporting
import Testing

@Suite("The paper's Table 5, asked of a conversion")
struct ComponentSplitsTests {
  private func report(attention: Double, ffn: Double, noise: Double = 0) throws -> Report {
    func made(_ name: String, _ position: Double, _ nats: Double, _ series: String, _ noise: Double)
      -> MadeUpSetting
    {
      MadeUpSetting(Setting(name, series: series, position: position), nats: nats, noise: noise)
    }
    let settings = [
      made("even", 0.5, 0.5, "x", 0), made("less", 0.25, 0.4, "x", 0),
      made("half of the attention", 0.5, attention, ComponentSplits.series, noise),
      made("half of the FFN", 1, ffn, ComponentSplits.series, 0),
    ]
    let report = SweepReport(MadeUpSetting.result(.budget, settings), command: "").report
    try report.validate()
    return report
  }

  @Test("What half of each component costs decides, beyond its error")
  func halves() throws {
    func verdict(_ report: Report) throws -> Verdict {
      try #require(report.verdicts.first { $0.claim.hasPrefix("A sparse attention") })
    }
    #expect(try verdict(report(attention: 0.1, ffn: 0.4)).status == .doesNotHold)
    #expect(try verdict(report(attention: 0.4, ffn: 0.1)).status == .holds)
    let near = try verdict(report(attention: 0.11, ffn: 0.1, noise: 0.1))
    #expect(near.status == .undecided && near.sentence.contains("within error"))
  }

  @Test("Its settings leave the claim about equal shares of the weights alone")
  func apart() throws {
    let found = try report(attention: 0, ffn: 0)
    let budget = try #require(found.verdicts.first)
    #expect(budget.sentence.hasPrefix("less is best") && budget.status == .holds)
  }
}
