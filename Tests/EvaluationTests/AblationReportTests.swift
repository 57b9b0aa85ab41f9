import Corpora
import Evaluation
import Foundation
import Kernels
import Models
import Reporting
import Testing

@Suite("Reports on ablations")
struct AblationReportTests {
  private func result(_ model: String = "paper", dense: Bool = true) throws -> AblationResult {
    let pico = try Pico("../mohd/pico-mohd-\(model)")
    let text = try AblationText(
      pico.corpus([("a", prose(60, seed: 1)), ("b", prose(60, seed: 2))], sequenceLength: 16))
    let ablation = try Ablation(
      converted: pico.checkpoint, dense: dense ? Pico().checkpoint : nil, text: text,
      options: .init(knockOutCount: 6), pool: pico.pool, shelf: nil)
    return AblationResult(
      convertedName: model, denseName: dense ? "dense" : nil, provenance: ["seed": "0"],
      measurements: try ablation.run(), overlap: nil)
  }

  private func verdict(_ result: AblationResult, _ claim: String) throws -> Verdict {
    try #require(
      AblationReport(result, command: "x").report.verdicts.first { $0.claim.contains(claim) },
      "no verdict on \(claim)")
  }

  @Test("The report of every model is whole", arguments: ["paper", "converted", "per-layer"])
  func validity(model: String) throws {
    for dense in [true, false] {
      let report = AblationReport(try result(model, dense: dense), command: "x").report
      try report.validate()
      #expect(
        report.figures.map(\.id) == ["routing-variants"]
          + (dense ? ["information-layers"] : [])
          + ["load-balancing", "knock-out-loss", "magnitude-zeroed"])
      #expect(report.verdicts.count >= 11)
    }
  }

  @Test("A difference beyond its error is a verdict, one within it is chance")
  func routing() throws {
    var result = try result()
    let row = try #require(result.routing.firstIndex { $0.variant == .random })
    for (ratio, error, status, words) in [
      (
        1.5, 0.01, VerdictStatus.holds,
        "1.50 times the perplexity of the router's: the routing matters"
      ),
      (1.5, 0.8, .undecided, "within the error"),
      (1.001, 0.0001, .doesNotHold, "does not matter"),
      (0.8, 0.01, .doesNotHold, "chance routes better"),
    ] {
      result.routing[row].score?.ratio = Estimate(ratio, standardError: error)
      let verdict = try verdict(result, "router's choice matters")
      #expect(verdict.status == status && verdict.sentence.contains(words), "\(verdict.sentence)")
    }
  }

  @Test("Even loads are free, dear, or chance; a model without a choice has none to even")
  func balance() throws {
    var result = try result()
    for (ratio, error, status, words) in [
      (1.0, 0.001, VerdictStatus.holds, "evenness costs nothing"),
      (0.9, 0.001, .holds, "evenness helps"),
      (1.2, 0.01, .doesNotHold, "1.20 times the model's: uneven loads are worth something"),
      (1.2, 0.5, .undecided, "within the error"),
    ] {
      result.balances[result.balances.count - 1].score.ratio = Estimate(
        ratio, standardError: error)
      let verdict = try verdict(result, "evenly at no cost")
      #expect(verdict.status == status && verdict.sentence.contains(words), "\(verdict.sentence)")
    }
    result.balances = []
    #expect(try verdict(result, "evenly at no cost").status == .notMeasured)
    let report = AblationReport(result, command: "x").report
    try report.validate()
    #expect(!report.figures.map(\.id).contains("load-balancing"))
  }

  @Test("What a model has not is said, not guessed")
  func absence() throws {
    let converted = try result("converted", dense: false)
    #expect(try verdict(converted, "Group fusion").sentence == "This model has none.")
    #expect(try verdict(converted, "Group fusion").status == .notMeasured)
    #expect(try verdict(converted, "energies would").sentence.contains("are the oracle"))
    #expect(try verdict(converted, "comes back").sentence == "No dense model was given.")
  }

  @Test("Magnitude means importance only in the order largest, random, smallest")
  func magnitude() throws {
    var result = try result()
    func set(_ top: Double, _ random: Double, _ bottom: Double) {
      for index in result.zeroings.indices {
        let ratio: Double =
          switch result.zeroings[index].zeroed.order {
          case .top: top
          case .random: random
          case .bottom: bottom
          }
        result.zeroings[index].score.ratio = Estimate(ratio, standardError: 0.01)
      }
    }
    set(9, 3, 1.1)
    #expect(try verdict(result, "Large dimensions").status == .holds)
    set(3, 9, 1.1)
    #expect(try verdict(result, "Large dimensions").status == .doesNotHold)
    #expect(try verdict(result, "Large dimensions").sentence.contains("does not mean importance"))
  }
}
