import Activations
import Synchronization
import Testing

@Suite("The activation stream")
struct ActivationsTests {
  @Test("Hook points are named as captures name them, and every one has a space")
  func names() {
    #expect(HookPoint.allCases.count == 16 && HookPoint.dense.count == 14)
    #expect(HookPoint.residualPre.rawValue == "residual_pre")
    #expect(
      HookPoint.standard.map(\.rawValue) == [
        "attention_input", "attention_output", "ffn_input", "ffn_output",
      ])
    #expect(HookPoint.ffnHidden.space == .intermediate)
    #expect(HookPoint.attentionHeads.space.rawValue == "heads_feature")
  }

  @Test("Panels cover all rows in order", arguments: [0, 1, 511, 512, 513, 5000])
  func panels(tokenCount: Int) {
    let ranges = ActivationPanel.ranges(tokenCount: tokenCount)
    #expect(ranges.flatMap { Array($0) } == Array(0..<tokenCount))
    #expect(ranges.allSatisfy { $0.count <= ActivationPanel.rowCount })
  }

  @Test("A tee gives each sink what it wants, and only that")
  func tee() throws {
    let (first, second) = (Recorder(wants: .query), Recorder(wants: .ffnOutput))
    let tee = Tee([first, second])
    #expect(!tee.wants(ActivationSite(layer: 0, hookPoint: .key)))
    let batch = TokenBatch(
      tokenIDs: [1], sequences: [.init(rows: 0..<1, document: 0, index: 0)])
    try tee.begin(batch)
    let values: [Float] = [1, 2]
    tee.receive(values.span, rows: 0..<1, at: ActivationSite(layer: 0, hookPoint: .query))
    try tee.finish(layer: 0)
    try tee.end(batch)
    #expect(first.calls == ["begin", "query 2", "finish 0", "end"])
    #expect(second.calls == ["begin", "finish 0", "end"])
  }
}

private final class Recorder: ActivationSink {
  private let hookPoint: HookPoint
  private let log = Mutex<[String]>([])
  var calls: [String] { log.withLock { $0 } }

  init(wants hookPoint: HookPoint) { self.hookPoint = hookPoint }

  func wants(_ site: ActivationSite) -> Bool { site.hookPoint == hookPoint }
  func begin(_ batch: TokenBatch) { log.withLock { $0.append("begin") } }
  func receive(_ values: Span<Float>, rows: Range<Int>, at site: ActivationSite) {
    let count = values.count
    log.withLock { $0.append("\(site.hookPoint.rawValue) \(count)") }
  }
  func finish(layer: Int) { log.withLock { $0.append("finish \(layer)") } }
  func end(_ batch: TokenBatch) { log.withLock { $0.append("end") } }
}
