import Evaluation
import Reporting
import Testing

@Suite("Headline verdicts are robust to noise")
struct SpeedNoiseTests {
  private func made(
    _ name: String, _ nats: Double, noise: Double = 0, speed: Double, isDefault: Bool = false,
    isTrained: Bool = false
  ) -> MadeUpSetting {
    MadeUpSetting(
      Setting(
        name, series: "x", isDefault: isDefault, options: isTrained ? ["distill": "1000"] : [:]),
      nats: nats, noise: noise, speed: speed)
  }

  private func verdict(_ settings: [MadeUpSetting], about claim: String) throws -> Verdict {
    let report = SweepReport(MadeUpSetting.result(.headline, settings), command: "").report
    try report.validate()
    return try #require(report.verdicts.first { $0.claim.contains(claim) })
  }

  @Test(
    "A setting that is faster and better by no more than noise does not beat the default",
    arguments: [
      // Faster by noise, as good but for its error.
      (1.215, 0.49, 0.1, false),
      // Clearly faster, as good.
      (1.3, 0.49, 0.1, true),
      // Faster by noise, clearly better.
      (1.215, 0.4, 0, true),
      // Slower by noise, clearly better.
      (1.185, 0.4, 0, true),
      // Clearly slower.
      (1.1, 0.4, 0, false),
      // Clearly worse.
      (1.3, 0.6, 0, false),
    ])
  func defaults(speed: Double, nats: Double, noise: Double, beats: Bool) throws {
    let settings = [
      made("other", nats, noise: noise, speed: speed),
      made("standard", 0.5, speed: 1.2, isDefault: true),
    ]
    let found = try verdict(settings, about: "beats the default")
    #expect(found.status == (beats ? .doesNotHold : .holds), "\(found.sentence)")
    // The one that would have decided it without regard to noise.
    let isWithin = speed == 1.215 && noise > 0
    #expect(found.sentence.contains("within noise") == isWithin, "\(found.sentence)")
  }

  /// A front that bends most at "knee", and the default beside it.
  private func front(_ nats: Double, noise: Double = 0, speed: Double) -> [MadeUpSetting] {
    [
      made("knee", 0.1, speed: 1.5), made("end", 2, speed: 1.6),
      made("standard", nats, noise: noise, speed: speed, isDefault: true),
    ]
  }

  @Test("The default is at the knee when nothing but noise tells it from it")
  func knee() throws {
    let near = try verdict(front(0.11, noise: 0.1, speed: 1.49), about: "knee")
    #expect(near.status == .holds && near.sentence.contains("within noise"))
    let slow = try verdict(front(0.11, noise: 0.1, speed: 1.4), about: "knee")
    #expect(slow.status == .doesNotHold && !slow.sentence.contains("noise"))
    let worse = try verdict(front(0.2, speed: 1.49), about: "knee")
    #expect(worse.status == .doesNotHold)
  }

  @Test("What was trained does not move the knee")
  func trained() throws {
    let settings = [
      made("standard", 0.3, speed: 1.3, isDefault: true), made("end", 2, speed: 1.6),
      made("trained", 0.1, speed: 1.5, isTrained: true),
    ]
    let found = try verdict(settings, about: "knee")
    #expect(found.status == .holds && !found.sentence.contains("trained:"), "\(found.sentence)")
    let beaten = try verdict(settings, about: "beats the default")
    #expect(beaten.status == .holds, "training is not held against it")
    #expect(beaten.sentence.contains("With training, trained: 1.11 times"), "\(beaten.sentence)")
  }
}
