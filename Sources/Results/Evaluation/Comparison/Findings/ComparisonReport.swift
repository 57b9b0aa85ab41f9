import Foundation
import Reporting

/// The report on one conversion: verdicts first, then what was lost and where, speed, and routers.
package struct ComparisonReport {
  let result: ModelComparison
  let command: String

  package init(_ result: ModelComparison, command: String) {
    self.result = result
    self.command = command
  }

  /// The report as a value.
  package var report: Report {
    let routers = RouterFindings(result: result).section
    return Report(
      title: "\(result.convertedName) beside \(result.denseName)",
      subtitle: "What the converted model lost, where, and whether it is faster",
      facts: facts,
      callouts: result.warnings.map {
        Callout(.warning, title: $0.kind.title, text: $0.text)
      },
      verdicts: verdicts,
      verdictTerms: VerdictTerms(
        heading: "In short",
        introduction: "Each card: the dense model's number, the converted model's, and the change.",
        paper: "dense", model: "converted", null: "change"),
      sections: [
        DivergenceFindings(result: result).section,
        ReconstructionFindings(result: result).section, speed,
      ] + (result.training.map { [TrainingFindings(training: $0).section] } ?? [])
        + (routers.map { [$0] } ?? []),
      provenance: result.provenance.sorted { $0.key < $1.key }.map {
        Fact($0.key.replacing("_", with: " "), $0.value)
      } + [Fact("schema", result.schema)],
      reproduction: Reproduction(text: "From the folder in which it was made:", commands: [command])
    )
  }

  private var facts: [Fact] {
    let integer = NumberFormat.integer
    return [
      Fact("tokens", integer.text(Double(result.all.tokenCount))),
      Fact("documents", integer.text(Double(result.all.documentCount))),
      Fact("domains", "\(result.domains.count)"),
      Fact("layers", "\(Set(result.reconstruction.map(\.layer)).count)"),
    ] + recipe + [
      Fact(
        "perplexity ratio",
        Quantity(result.geometricMeanRatio?.value, format: .significant(4)).text)
    ]
  }

  /// What the converted model is; nothing for one that is no MoHD model.
  private var recipe: [Fact] {
    guard !result.routers.isEmpty else { return [] }
    let counts = Set(result.routers.map(\.subDimensionCount)).sorted()
    let active = result.routers.reduce(0) {
      $0 + Double($1.activeCount) / Double(max($1.subDimensionCount, 1))
    }
    return [
      Fact("sub-dimensions", counts.map(String.init).joined(separator: ", ")),
      Fact("choice", result.routers.contains(where: \.hasChoice) ? "by token" : "static"),
      // Components count alike here; the parameters below weigh them.
      Fact(
        "active, mean of components",
        NumberFormat.percent(0).text(active / Double(result.routers.count))),
    ]
  }

  // MARK: - Verdicts

  /// Up to this ratio a model counts as nearly as good; the aim at 75 % active.
  private static let nearlyAsGood = 1.1
  /// From this agreement on two models count as saying the same.
  private static let nearlySame = 0.9
  /// Speeds nearer than this are the same.
  private static let noticeablyFaster = 1.05

  private var verdicts: [Verdict] {
    [
      perplexity, agreement, speedVerdict, parameters, RouterEvenness(result.routers).verdict,
    ].compactMap { $0 }
  }

  private var perplexity: Verdict? {
    guard let ratio = result.geometricMeanRatio, let dense = result.all.dense,
      let converted = result.all.converted
    else { return nil }
    var change = ratio.multiplicativeQuantity(.significant(4))
    change.unit = "times"
    return Verdict(
      claim: "It predicts text nearly as well as the dense model",
      measure: "token perplexity over all text; the change is the geometric mean of the domains' "
        + "ratios, over all text "
        + Quantity(result.all.perplexityRatio?.value, format: .significant(4)).text,
      paper: dense.multiplicativeQuantity(.significant(4)),
      model: converted.multiplicativeQuantity(.significant(4)),
      null: change, status: ratio.value <= Self.nearlyAsGood ? .holds : .doesNotHold,
      sentence: "Perplexity is \(NumberFormat.significant(4).text(ratio.value)) times the dense "
        + "model's over \(result.domains.count) domains; up to "
        + "\(NumberFormat.significant(2).text(Self.nearlyAsGood)) times counts as nearly as good."
        + (ratio.standardError == nil
          ? " No error: a domain is a single sequence, so that text of the same kind may differ."
          : ""),
      details: "divergence")
  }

  private var agreement: Verdict {
    let agreement = result.all.agreement
    return Verdict(
      claim: "It finds the same next token most likely",
      measure: "positions at which both models' most likely token is the same",
      paper: Quantity(1, format: .percent(1)), model: agreement.quantity(.percent(1)),
      null: Quantity(100 * (agreement.value - 1), format: .fixed(1), unit: "points"),
      status: agreement.value >= Self.nearlySame ? .holds : .doesNotHold,
      sentence: "From \(NumberFormat.percent(0).text(Self.nearlySame)) on they count as saying the "
        + "same. KL(dense‖converted) is "
        + "\(NumberFormat.significant(3).text(result.all.divergence.value)) nats a position.",
      details: "divergence")
  }

  private var speedVerdict: Verdict {
    let claim = "It is faster"
    guard let speed = result.throughput else {
      return Verdict(
        claim: claim, paper: .missing(), model: .missing(), null: .missing(),
        status: .notMeasured, sentence: "`--rounds 0` left the measurement out.")
    }
    let three = NumberFormat.significant(3)
    func rate(_ value: Double) -> Quantity {
      Quantity(value, format: .significant(3), unit: "tokens/s")
    }
    return Verdict(
      claim: claim,
      measure: "prefill of \(speed.tokenCount) tokens, median of "
        + "\(speed.denseSeconds.count) rounds in turns",
      // Not the median of its own rounds: the three numbers would not fit each other.
      paper: rate(speed.denseRate), model: rate(speed.denseRate * speed.speedup),
      null: Quantity(speed.speedup - 1, format: .percent(1)),
      status: speed.isBusy
        ? .notMeasured : speed.speedup >= Self.noticeablyFaster ? .holds : .doesNotHold,
      sentence: "\(three.text(speed.speedup)) times as fast (rounds from "
        + "\(three.text(speed.roundSpeedups.min() ?? .nan)) to "
        + "\(three.text(speed.roundSpeedups.max() ?? .nan))), with \(speed.threadCount) threads"
        + (speed.isBusy
          ? ", but others were using the machine: measure again."
          : "; from \(three.text(Self.noticeablyFaster)) times on we call it faster."),
      details: "speed")
  }

  private var parameters: Verdict {
    let (dense, converted) = (result.parameters.dense, result.parameters.convertedAll)
    return Verdict(
      claim: "It uses fewer parameters for a token",
      measure: "everything multiplied or added per token outside the embeddings",
      paper: Quantity(Double(dense), format: .integer),
      model: Quantity(Double(converted), format: .integer),
      null: Quantity(Double(converted) / Double(max(dense, 1)) - 1, format: .percent(1)),
      status: converted < dense ? .holds : .doesNotHold,
      sentence: "Projections alone, as the paper counts: "
        + "\(NumberFormat.integer.text(Double(result.parameters.convertedPaper))) of "
        + "\(NumberFormat.integer.text(Double(result.parameters.densePaper))).",
      details: "speed")
  }

  // MARK: - Speed

  private var speed: Section {
    let parameters = result.parameters
    var blocks: [Block] = [
      .table(
        Table(
          id: "parameters", title: "Parameters that one token uses",
          columns: [
            Column("count"), Column("dense", format: .integer),
            Column("converted", format: .integer), Column("share", format: .percent(1)),
          ],
          rows: [
            ("projections (paper)", parameters.densePaper, parameters.convertedPaper),
            ("everything (all)", parameters.dense, parameters.convertedAll),
          ].map { name, dense, converted in
            [
              .text(name), .integer(dense), .integer(converted),
              .number(Double(converted) / Double(max(dense, 1))),
            ]
          }))
    ]
    if !result.routers.isEmpty, !result.routers.contains(where: \.hasChoice) {
      blocks.append(.paragraph("Every token uses the same dimensions: there is nothing to route."))
    }
    if let speed = result.throughput {
      let others = speed.otherProcessors.map { NumberFormat.fixed(2).text($0) } ?? "unknown"
      blocks.append(
        .paragraph(
          "Prefill of \(speed.sequenceCount) sequences of \(speed.sequenceLength) tokens through all "
            + "layers, each layer's weights read and unpacked anew, without embedding and output "
            + "projection"
            + (speed.processor.map { ", on \($0) with \(speed.threadCount) threads" } ?? "")
            + ". Both models run in one process and take turns layer by layer; the first round is "
            + "thrown away. Other programs used \(others) processors meanwhile."))
      blocks.append(
        .table(
          Table(
            id: "rounds", title: "Seconds of each round",
            columns: [
              Column("round"), Column("dense", unit: "s"), Column("converted", unit: "s"),
              Column("times as fast", format: .significant(3)),
            ],
            rows: zip(speed.denseSeconds, speed.convertedSeconds).enumerated().map {
              index, seconds in
              [
                .text("\(index + 1)"), .number(seconds.0), .number(seconds.1),
                .number(seconds.0 / seconds.1),
              ]
            })))
    }
    return Section(id: "speed", title: "Was it worth it? Parameters and speed", blocks: blocks)
  }
}

extension EvaluationWarning.Kind {
  var title: String {
    switch self {
    case .calibrationOverlap: "Calibration text in the evaluation"
    case .routerCollapse: "Routers have collapsed"
    case .informationLoss: "Information is lost"
    case .unstableScaling: "Scaling is unstable"
    case .busyMachine: "The machine was busy"
    case .littleText: "Little text"
    }
  }
}

extension Estimate {
  func quantity(_ format: NumberFormat) -> Quantity {
    Quantity(value, low: interval?.low, high: interval?.high, format: format)
  }

  func multiplicativeQuantity(_ format: NumberFormat) -> Quantity {
    let interval = multiplicativeInterval
    return Quantity(value, low: interval?.low, high: interval?.high, format: format)
  }
}
