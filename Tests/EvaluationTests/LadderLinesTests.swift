import Evaluation
import Reporting
import Testing

@Suite("Routers between the static slice and the oracle")
struct LadderLinesTests {
  private func made(
    _ name: String, _ role: Setting.Role, _ nats: Double, of components: String = "both",
    noise: Double = 0
  ) -> MadeUpSetting {
    MadeUpSetting(
      Setting(name, series: components, role: role, options: ["components": components]),
      nats: nats, noise: noise)
  }

  private func verdict(_ settings: [MadeUpSetting], about claim: String) throws -> Verdict {
    let report = SweepReport(MadeUpSetting.result(.ladder, settings), command: "").report
    try report.validate()
    return try #require(report.verdicts.first { $0.claim.contains(claim) })
  }

  /// A slice that loses 2 nats a token and an oracle that loses 1.
  private func lines(of components: String = "both") -> [MadeUpSetting] {
    [
      made("slice", .staticSlice, 2, of: components), made("oracle", .oracle, 1, of: components),
    ]
  }

  @Test("A router is held against the lines of its own components")
  func series() throws {
    // 1.5 nats are between the lines of both, and above the slice of attention alone.
    let attention = [
      made("slice", .staticSlice, 1.2, of: "attention"),
      made("oracle", .oracle, 0.5, of: "attention"),
    ]
    let found = try verdict(
      lines() + [made("inner", .router, 1.5)] + attention
        + [made("outer", .router, 1.5, of: "attention")], about: "between")
    #expect(found.status == .doesNotHold)
    #expect(found.sentence.contains("1 of 2 do. These do not: attention: outer"))
    #expect(!found.sentence.contains("inner"))
  }

  @Test("A router that its error explains is named, and the claim still holds")
  func withinError() throws {
    let near = try verdict(
      lines() + [made("near", .router, 2.1, noise: 0.2), made("inner", .router, 1.5)],
      about: "between")
    #expect(near.status == .holds && near.sentence.contains("within error: both: near"))
    let far = try verdict(lines() + [made("far", .router, 2.1, noise: 0.01)], about: "between")
    #expect(far.status == .doesNotHold && far.sentence.contains("both: far"))
    let below = try verdict(lines() + [made("below", .router, 0.9)], about: "between")
    #expect(below.status == .doesNotHold)
  }

  @Test("A router that is the static slice but for rounding is no better than it")
  func onTheSlice() throws {
    let found = try verdict(lines() + [made("N = 8", .router, 2.00001)], about: "between")
    #expect(found.status == .holds)
    #expect(found.sentence.contains("On the static slice: both: N = 8"))
  }

  @Test("A model that is lost is not the fastest setting")
  func fastest() throws {
    let settings = [
      MadeUpSetting(Setting("lost", series: "both"), nats: 5, speed: 3),
      MadeUpSetting(Setting("kept", series: "both"), nats: 1, speed: 1.2),
    ]
    let found = try verdict(settings, about: "no slower")
    #expect(found.null.note == "both: kept")
  }
}
