import Checkpoints
import Evaluation
import Models
import Reporting
import Testing

@Suite("What a comparison says of routers")
struct RouterFindingsTests {
  /// A router whose tokens choose by these scores.
  private func router(
    _ component: String, _ settings: SubDimensions, scores: [[Float]]
  ) -> RouterResult {
    var sums = RouterSums(count: settings.count)
    let routing = Routing(settings: settings, scores: scores.flatMap { $0 })
    for token in scores.indices { sums.add(routing, token: token) }
    return RouterResult(
      layer: 0, component: component, settings: settings, parts: [("a", sums)])
  }

  private let fixed = SubDimensions(count: 4, sharedCount: 2, activeCount: 2)
  private let routed = SubDimensions(count: 3, sharedCount: 1, activeCount: 2)

  private func report(_ routers: [RouterResult]) throws -> (Report, [EvaluationWarning]) {
    // Everything but the routers is that of a model beside itself.
    let pico = try Pico()
    let corpus = try pico.corpus([("a", prose(40, seed: 1)), ("a", prose(20, seed: 2))])
    var paired = try PairedComparison(
      dense: pico.checkpoint, converted: pico.checkpoint, corpus: corpus, pool: pico.pool
    ).run()
    paired.routers = routers
    let configuration = pico.checkpoint.configuration
    let result = ModelComparison(
      denseName: "dense", convertedName: "mohd", provenance: [:], result: paired,
      throughput: nil, parameters: .init(dense: configuration, converted: configuration),
      overlap: nil)
    let report = ComparisonReport(result, command: "").report
    try report.validate()
    return (report, result.warnings)
  }

  @Test("A model whose tokens all use the same dimensions has no section on routers")
  func withoutChoice() throws {
    let everything = SubDimensions(count: 2, sharedCount: 0, activeCount: 2)
    let (report, _) = try report([
      router("attention", everything, scores: [[1, 0]]),
      router("ffn", fixed, scores: [[1, 0, 0, 0]]),
    ])
    #expect(!report.sections.map(\.id).contains("routers"))
    let texts = report.sections.flatMap(\.blocks).compactMap { block -> String? in
      if case .paragraph(let text) = block { text } else { nil }
    }
    #expect(texts.contains { $0.contains("Every token uses the same dimensions") })
  }

  @Test("Components without a choice are left out of the figures of those that have one")
  func someChoice() throws {
    let (report, _) = try report([
      router("attention", fixed, scores: [[1, 0, 0, 0]]),
      router("ffn", routed, scores: [[0, 1, 0], [0, 0, 1]]),
    ])
    let section = try #require(report.sections.first { $0.id == "routers" })
    for case .figure(let figure) in section.blocks {
      guard case .panels(let panels, _) = figure.content else { continue }
      #expect(panels.flatMap(\.series).allSatisfy { $0.name != "attention" })
      #expect(panels.allSatisfy { $0.title != "attention" && !$0.series.isEmpty })
    }
  }

  /// A router of one chosen and `shares.count` specialised ones that have these shares of ten tokens.
  private func loaded(_ shares: [Int]) -> RouterResult {
    let settings = SubDimensions(count: shares.count, sharedCount: 0, activeCount: 1)
    let scores = shares.enumerated().flatMap { index, count in
      [[Float]](repeating: shares.indices.map { $0 == index ? 1 : 0 }, count: count)
    }
    return router("ffn", settings, scores: scores)
  }

  @Test(
    "A router is even while no load is beyond 1.5 times even use, above or below",
    arguments: [
      ([2, 2, 2, 2, 2], true), ([3, 2, 2, 2, 1], false), ([3, 3, 2, 2], true), ([4, 3, 3], true),
      ([10, 0], false),
    ])
  func even(shares: [Int], isEven: Bool) throws {
    let (report, _) = try report([loaded(shares)])
    let verdict = try #require(report.verdicts.first { $0.claim.contains("evenly") })
    #expect(verdict.status == (isEven ? .holds : .doesNotHold), "\(verdict.sentence)")
    #expect(verdict.sentence.hasPrefix(isEven ? "1 of 1" : "0 of 1"))
  }

  @Test("Collapsed routers are counted by the warning's rule, static ones not at all")
  func collapsed() throws {
    let (report, warnings) = try report([
      loaded([10, 0, 0]), loaded([4, 3, 3]), router("attention", fixed, scores: [[1, 0, 0, 0]]),
    ])
    let verdict = try #require(report.verdicts.first { $0.claim.contains("evenly") })
    #expect(verdict.sentence.contains("1 of 2 routers do; 1 collapsed"))
    let warning = try #require(warnings.first { $0.kind == .routerCollapse })
    #expect(warning.text.hasPrefix("1 of 2 routers"))
    let withoutChoice = try self.report([router("ffn", fixed, scores: [[1, 0, 0, 0]])]).0
    #expect(!withoutChoice.verdicts.contains { $0.claim.contains("evenly") })
  }

  @Test("The healthy band of a load figure is from 1 to 1.5 times even use")
  func band() throws {
    let (report, _) = try report([loaded([2, 2, 2, 2, 2])])
    let figures = report.sections.flatMap(\.blocks).compactMap { block -> Figure? in
      if case .figure(let figure) = block { figure } else { nil }
    }
    let figure = try #require(figures.first { $0.id == "router-load" })
    guard case .panels(let panels, _) = figure.content else { return }
    let even = try #require(panels[0].series.first { $0.name == "even use" })
    guard case .line(_, let y, let band, _) = even.mark else { return }
    #expect(y == [0.2, 0.2] && band?.lower == y)
    #expect(band?.upper.allSatisfy { abs($0 - 0.3) < 1e-12 } == true)
  }
}
