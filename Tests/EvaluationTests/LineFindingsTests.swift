import Evaluation
import Reporting
import Testing

@Suite("What a sweep over values says")
struct LineFindingsTests {
  private func made(_ position: Double, _ nats: Double, noise: Double = 0) -> MadeUpSetting {
    MadeUpSetting(
      Setting("\(position)", series: "x", position: position), nats: nats, noise: noise)
  }

  private func verdict(_ kind: SweepResult.Kind, _ settings: [MadeUpSetting]) throws -> Verdict {
    let report = SweepReport(MadeUpSetting.result(kind, settings), command: "").report
    try report.validate()
    return try #require(report.verdicts.first)
  }

  @Test("A best setting that its error does not tell from another decides nothing")
  func undecided() throws {
    let near = try verdict(.shared, [made(0, 0.51, noise: 0.1), made(0.5, 0.5), made(1, 1)])
    #expect(near.status == .undecided)
    #expect(near.sentence.contains("Within error of the best: 0.0"))
    #expect(near.sentence.contains("not decided"))
    // An order needs its ends apart, not its neighbours.
    let order = try verdict(
      .subDimensions, [made(8, 1), made(16, 0.51, noise: 0.1), made(36, 0.5)])
    #expect(order.status == .holds && order.sentence.contains("Within error of the best: 16.0"))
    let flat = try verdict(.subDimensions, [made(8, 0.51, noise: 0.1), made(36, 0.5)])
    #expect(flat.status == .undecided)
    let clear = try verdict(.subDimensions, [made(8, 1), made(16, 0.6), made(36, 0.5)])
    #expect(clear.status == .holds && !clear.sentence.contains("error"))
  }

  @Test("Two settings of which the claim says the same decide it together")
  func agreeing() throws {
    // Both are below an even share, which is 0.5.
    let settings = [made(0.25, 0.5), made(0.375, 0.51, noise: 0.1), made(0.5, 1)]
    let found = try verdict(.budget, settings)
    #expect(found.status == .holds && !found.sentence.contains("not decided"))
    #expect(found.sentence.contains("Within error of the best: 0.375"))
  }

  @Test("One setting decides nothing, nor do shares without both ends")
  func tooFew() throws {
    #expect(try verdict(.subDimensions, [made(8, 1)]).status == .notMeasured)
    let middle = try verdict(.shared, [made(0.5, 0.5), made(0.75, 0.6)])
    #expect(middle.status == .notMeasured && middle.sentence.contains("both ends"))
    let whole = try verdict(.shared, [made(0, 1), made(0.5, 0.5), made(1, 0.9)])
    #expect(whole.status == .holds)
  }

  @Test("More must lose less at each step, not at the end alone")
  func order() throws {
    let falling = try verdict(.active, [made(0.25, 2), made(0.5, 1), made(0.75, 0.5)])
    #expect(falling.status == .holds)
    let uneven = try verdict(.active, [made(0.25, 1), made(0.5, 2), made(0.75, 0.5)])
    #expect(uneven.status == .doesNotHold && uneven.sentence.contains("not each step"))
    let noisy = try verdict(
      .active, [made(0.25, 1), made(0.5, 1.01, noise: 0.1), made(0.75, 0.5)])
    #expect(noisy.status == .holds)
  }

  @Test("Settings that have all lost the model rank nothing")
  func lost() throws {
    func setting(_ gate: String, _ nats: Double) -> MadeUpSetting {
      MadeUpSetting(Setting(gate, series: "x", options: ["gate": gate]), nats: nats)
    }
    let lost = try verdict(.scaling, [setting("unit", 5), setting("softmax", 6)])
    #expect(lost.status == .undecided && lost.sentence.contains("rank nothing"))
    // exp(2 + 3) is more than an even guess over 96 tokens.
    let guess = try verdict(.scaling, [setting("unit", 3), setting("softmax", 3.5)])
    #expect(guess.status == .undecided && guess.sentence.contains("rank nothing"))
    let kept = try verdict(.scaling, [setting("unit", 1), setting("softmax", 6)])
    #expect(kept.status == .holds && !kept.sentence.contains("nothing"))
  }

  @Test(
    "Whether calibration carries over is decided beyond its error only",
    arguments: [(0.0, VerdictStatus.holds), (0.5, .undecided)])
  func domains(noise: Double, status: VerdictStatus) throws {
    var result = MadeUpSetting.result(
      .domains,
      [
        MadeUpSetting(Setting("a", series: "one domain"), nats: 0.5),
        MadeUpSetting(Setting("b", series: "one domain"), nats: 0.6, noise: noise),
      ])
    // "b" loses 0.1 nats more on a; "a" loses 0.1 nats less on b.
    #expect(abs((result.carryOver?.value ?? 0) - 1) < 1e-12)
    result.carryOver?.value = 1.2
    result.settings[1].domains[0].ratio?.value *= 1.2
    let verdict = try #require(SweepReport(result, command: "").report.verdicts.first)
    #expect(verdict.status == status && verdict.sentence.contains("within error") == (noise > 0))
  }
}
