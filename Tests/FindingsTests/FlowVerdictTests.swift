import Activations
import Findings
import Reporting
import Testing

/// A block whose sizes are known: the claims of Section 3.2 and those about layers.
@Suite("Verdicts on a block of known sizes")
struct FlowVerdictTests {
  private static let layerCount = 6

  /// Gaussian rows of each hook point with a size for each layer.
  private func report(_ sizes: [HookPoint: (_ layer: Int) -> Float]) throws -> Report {
    var process = KnownProcess()
    for layer in 0..<Self.layerCount {
      for (index, point) in sizes.keys.sorted(by: { $0.rawValue < $1.rawValue }).enumerated() {
        let size = sizes[point]?(layer) ?? 0
        process.sites[ActivationSite(layer: layer, hookPoint: point)] =
          KnownProcess.gaussian(UInt64(layer * 20 + index + 1)).map { $0 * size }
      }
    }
    return try process.report()
  }

  private func status(_ report: Report, _ words: String) throws -> VerdictStatus {
    try #require(report.verdicts.first { $0.claim.contains(words) }).status
  }

  @Test("a block as the paper draws it: every claim about sizes holds")
  func asDrawn() throws {
    let report = try report([
      .attentionInput: { _ in 4 }, .attentionOutput: { _ in 0.3 }, .residualMid: { _ in 3 },
      .ffnInput: { _ in 2 }, .ffnOutput: { _ in 0.2 },
    ])
    for words in [
      "compresses", "the same in every block", "Inputs are large", "Outputs are small",
      "larger activations than the FFN", "residual add restores",
    ] {
      #expect(try status(report, words) == .holds, "\(words)")
    }
    let compresses = try #require(report.verdicts.first { $0.claim.contains("compresses") })
    #expect(abs(try #require(compresses.model.value) - 0.075) < 0.001)
    #expect(compresses.sentence.contains("The median layer's output has 7.5"))
    let same = try #require(report.verdicts.first { $0.claim.contains("same in every block") })
    #expect(abs(try #require(same.model.value) - 1) < 1e-12)
    let flow = try #require(report.figures.first { $0.id == "activation-flow" })
    guard case .flow(let diagram) = flow.content else {
      Issue.record("the flow is a diagram")
      return
    }
    let output = try #require(diagram.nodes.first { $0.label.contains("attention_output") })
    #expect(abs(output.value - 0.075) < 0.001)
  }

  @Test("a block that does the opposite: none of them holds")
  func opposite() throws {
    let report = try report([
      .attentionInput: { _ in 0.3 }, .attentionOutput: { _ in 0.9 }, .residualMid: { _ in 0.5 },
      .ffnInput: { _ in 0.6 }, .ffnOutput: { _ in 2 },
    ])
    for words in [
      "compresses", "Inputs are large", "Outputs are small", "larger activations than the FFN",
      "residual add restores",
    ] {
      #expect(try status(report, words) == .doesNotHold, "\(words)")
    }
  }

  @Test("layers that order their hook points at random have no flow in common")
  func unordered() throws {
    func turning(_ offset: Int) -> (Int) -> Float {
      { layer in Float(1 + (layer * 2 + offset * (layer % 2 == 0 ? 1 : 4)) % 5) }
    }
    let report = try report([
      .attentionInput: { _ in 1 }, .attentionOutput: turning(0), .residualMid: turning(1),
      .ffnInput: turning(2), .ffnOutput: turning(3),
    ])
    #expect(try status(report, "the same in every block") != .holds)
  }

  @Test("without the other hook points the report says what it needs, and how to take it")
  func notMeasured() throws {
    let report = try report([.attentionInput: { _ in 1 }])
    for words in ["compresses", "residual add restores", "equally sparse", "fluctuates"] {
      let verdict = try #require(report.verdicts.first { $0.claim.contains(words) })
      #expect(verdict.status == .notMeasured && verdict.sentence.contains("It needs"), "\(words)")
    }
    #expect(
      try #require(report.verdicts.first { $0.claim.contains("compresses") }).sentence
        .contains("--hook-points all"))
  }
}
