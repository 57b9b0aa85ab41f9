import Checkpoints
import Evaluation
import Reporting
import Testing

@Suite("Speeds measured on a busy machine")
struct ThroughputTests {
  private func throughput(others: Double?) -> Throughput {
    var speed = Throughput(
      sequenceCount: 4, sequenceLength: 512, threadCount: 2, denseSeconds: [2],
      convertedSeconds: [1])
    speed.otherProcessors = others
    return speed
  }

  @Test(
    "More than a tenth of a processor is busy; what nobody knows is not",
    arguments: [(nil, false), (0, false), (0.1, false), (0.11, true), (3.96, true)]
      as [(Double?, Bool)])
  func isBusy(others: Double?, isBusy: Bool) throws {
    #expect(throughput(others: others).isBusy == isBusy)
    let pico = try Pico()
    let paired = try PairedComparison(
      dense: pico.checkpoint, converted: pico.checkpoint,
      corpus: pico.corpus([("a", prose(40, seed: 1))]), pool: pico.pool
    ).run()
    let configuration = pico.checkpoint.configuration
    let result = ModelComparison(
      denseName: "dense", convertedName: "mohd", provenance: [:], result: paired,
      throughput: throughput(others: others),
      parameters: .init(dense: configuration, converted: configuration), overlap: nil)
    let warning = result.warnings.first { $0.kind == .busyMachine }
    #expect((warning != nil) == isBusy)
    let verdict = ComparisonReport(result, command: "").report.verdicts.first {
      $0.claim == "It is faster"
    }
    #expect(verdict?.status == (isBusy ? .notMeasured : .holds))
    if let warning, let others {
      let rounded = (others * 10).rounded() / 10
      #expect(warning.text.hasPrefix("Other programs used \(rounded) processors"))
    }
  }

  @Test("A series says how many of its speeds were measured on a busy machine, and how busy")
  func series() throws {
    func warning(_ others: [Double?]) -> EvaluationWarning? {
      let settings = others.enumerated().map { index, others in
        var made = MadeUpSetting(Setting("\(index)", series: "x"), nats: 1)
        made.otherProcessors = others
        return made
      }
      return MadeUpSetting.result(.headline, settings).warnings.first { $0.kind == .busyMachine }
    }
    #expect(warning([0, 0.1, nil]) == nil)
    let text = try #require(warning([0, 0.54, nil, 1.26])).text
    #expect(text.contains("up to 1.3 processors") && text.contains("2 of 4 settings"))
  }
}
