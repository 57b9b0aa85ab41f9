import Evaluation
import Reporting
import Testing

@Suite("Ladders and sweeps")
struct SweepResultTests {
  private func result(
    _ kind: SweepResult.Kind, _ settings: [(Setting, Double?, Double)]
  ) -> SweepResult {
    MadeUpSetting.result(kind, settings.map { MadeUpSetting($0.0, nats: $0.1, speed: $0.2) })
  }

  private func rung(_ name: String, _ role: Setting.Role = .other) -> Setting {
    Setting(name, series: "attention and FFN", role: role, options: ["components": "both"])
  }

  @Test("A host that slows down between rounds does not change how models compare")
  func speedup() {
    func speedup(_ dense: [Double], _ converted: [Double]) -> Double {
      Throughput(
        sequenceCount: 4, sequenceLength: 512, threadCount: 2, denseSeconds: dense,
        convertedSeconds: converted
      ).speedup
    }
    #expect(speedup([2, 4, 8], [1, 2, 4]) == 2)
    // Medians of each model alone, 4 and 5, would say 0.8.
    #expect(speedup([2, 4, 10], [1, 5, 5]) == 2)
    #expect(speedup([3, 2], [1, 1]) == 2.5)
  }

  @Test("A ladder that goes down holds; one that goes up by more than chance does not")
  func order() throws {
    let down = result(.ladder, [(rung("1"), 3, 1), (rung("2"), 2, 1), (rung("3"), 1, 1)])
    #expect(LadderOrder(down.settings, vocabularySize: 96).holds)
    #expect(LadderOrder(down.settings, vocabularySize: 96).steps.map(\.to) == ["2", "3"])
    let up = result(.ladder, [(rung("1"), 1, 1), (rung("2"), 2, 1)])
    #expect(!LadderOrder(up.settings, vocabularySize: 96).holds)
    #expect(LadderOrder(up.settings, vocabularySize: 96).inversions.map(\.from) == ["1"])
    let verdicts = SweepReport(up, command: "").report.verdicts
    #expect(verdicts.first?.status == .doesNotHold)
    #expect(verdicts.first?.sentence.contains("2 after 1") == true)
  }

  @Test("The order of rungs that are worse than an even guess says nothing")
  func lost() {
    // exp(2 + 3) and exp(2 + 4) are more than 96.
    let ladder = result(.ladder, [(rung("1"), 3, 1), (rung("2"), 4, 1), (rung("3"), 1, 1)])
    let order = LadderOrder(ladder.settings, vocabularySize: 96)
    #expect(order.holds && order.inversions.isEmpty && order.lost.map(\.to) == ["2"])
    let sentence = SweepReport(ladder, command: "").report.verdicts.first?.sentence
    #expect(sentence?.contains("1 and 2 says nothing") == true)
  }

  @Test("A step up that its error explains is named, and the order still holds")
  func noise() {
    var up = result(.ladder, [(rung("1"), 1, 1), (rung("2"), 1.01, 1)])
    up.settings[1].step?.standardError = 0.1
    let order = LadderOrder(up.settings, vocabularySize: 96)
    #expect(order.holds && order.inversions.count == 1 && !order.inversions[0].isCertain)
  }

  @Test("A router outside the two lines is named")
  func lines() throws {
    let settings: [(Setting, Double?, Double)] = [
      (rung("slice", .staticSlice), 2, 1), (rung("router", .router), 2.5, 1),
      (rung("oracle", .oracle), 1, 1),
    ]
    let verdicts = SweepReport(result(.ladder, settings), command: "").report.verdicts
    let verdict = try #require(verdicts.first { $0.claim.contains("between") })
    #expect(verdict.status == .doesNotHold && verdict.sentence.contains("router"))
  }

  @Test(
    "The FFN needs more when the best share of attention is below an even one",
    arguments: [
      (0.25, VerdictStatus.holds), (0.5, .doesNotHold), (0.75, .doesNotHold),
    ])
  func budget(best: Double, status: VerdictStatus) throws {
    // The middle of what was tried, 0.6, says nothing.
    let settings = [0.25, 0.5, 0.75, 0.9].map { share in
      (Setting("\(share)", series: "x", position: share), Double?(share == best ? 0.5 : 1), 1.0)
    }
    let report = SweepReport(result(.budget, settings), command: "").report
    #expect(report.verdicts.first?.status == status)
  }

  @Test("The headline names the lowest ratio at 1.15 times the dense speed or more")
  func headline() throws {
    var standard = Setting("default", series: "fine")
    standard.isDefault = true
    let settings: [(Setting, Double?, Double)] = [
      (Setting("quick", series: "x"), 3, 1.5), (Setting("best", series: "x"), 0.5, 1.2),
      (Setting("slow", series: "x"), 0.2, 1.1), (standard, 0.3, 0.7),
    ]
    let report = SweepReport(result(.headline, settings), command: "").report
    try report.validate()
    #expect(report.verdicts[0].status == .holds)
    #expect(
      report.verdicts[0].sentence.contains("2 of 4 settings")
        && report.verdicts[0].sentence.contains("**best**"))
    #expect(report.verdicts[2].status == .doesNotHold)
    #expect(report.verdicts[2].sentence.contains("slow"))
  }

  @Test("Every kind gives a valid report, also when nothing finite came out")
  func reports() throws {
    for kind in SweepResult.Kind.allCases {
      var setting = Setting("one", series: "x", position: 0.5)
      setting.isDefault = true
      for nats in [1, nil] as [Double?] {
        let result = result(kind, [(setting, nats, 1.2), (Setting("a", series: "y"), nats, 1)])
        let report = SweepReport(result, command: "mohd-eval").report
        try report.validate()
        #expect(!report.sections.isEmpty)
        #expect(result.schema == (kind == .ladder ? "mohd-ladder/1" : "mohd-sweep/1"))
        #expect(result.warnings.contains { $0.kind == .informationLoss } == (nats == nil))
      }
    }
  }
}
