import Checkpoints
import Foundation
import Learning
import Reporting

extension TrainingReport {
  /// The routers of each MoHD run: Fig. 11 of the paper, and how it came to that.
  var routers: [Section] {
    runs.enumerated().compactMap { index, run in
      guard run.isMoHD, let last = run.steps.last, last.load != nil else { return nil }
      return section(run, index)
    }
  }

  private func section(_ run: ReportedRun, _ index: Int) -> Section {
    let tail = run.steps.suffix(max(1, min(50, run.steps.count / 10)))
    let components = MoHDComponent.allCases.map { $0 == .attention ? "attention" : "FFN" }
    let maps = components.enumerated().map { place, name in
      Panel(
        title: name, x: Axis("sub-dimension", scale: .category),
        y: Axis("layer", scale: .category),
        series: [
          Series(
            name, role: .observed,
            mark: .heatMap(
              HeatMap(
                rows: (0..<run.plan.model.layerCount).map { "\($0)" },
                columns: (0..<widest(run, place)).map { "\($0)" },
                values: (0..<run.plan.model.layerCount).map { layer in
                  mean(tail.compactMap { $0.load?[layer][place] }, count: widest(run, place))
                }, title: "share of tokens", format: .percent(0), low: 0, high: 1)))
        ])
    }
    let layers = run.plan.model.layerCount
    let evenness = components.enumerated().map { place, name in
      Panel(
        title: name, x: Axis("tokens"), y: Axis("evenness of the choice", low: 0, high: 1),
        series: (0..<layers).map { layer in
          let settings = run.plan.model.mohd?[MoHDComponent.allCases[place]][layer]
          let points = curve(run, x: { run.tokens(step: $0) }) { record in
            record.load.flatMap { load in
              settings.flatMap { Self.evenness(load[layer][place], $0) }
            }
          }
          return Series(
            "layer \(layer)", role: .ordered(Double(layer) / Double(max(1, layers - 1))),
            mark: .line(x: .numbers(points.x), y: points.y))
        }.filter { series in
          if case .line(let x, _, _, _) = series.mark { x.count > 0 } else { false }
        })
    }.filter { !$0.series.isEmpty }
    let alphas: [(String, SeriesRole, (StepRecord.Alpha) -> Double)] = [
      ("largest", .reference, { $0.greatest }), ("mean", .observed, { $0.mean }),
      ("smallest", .reference, { $0.least }),
    ]
    let alpha = alphas.map { name, role, value in
      let points = curve(run, x: { run.tokens(step: $0) }) { $0.alpha.map(value) }
      return Series(name, role: role, mark: .line(x: .numbers(points.x), y: points.y))
    }
    let id = "routers-\(index)"
    var blocks: [Block] = [
      .figure(
        Figure(
          id: id + "-load", title: "Which sub-dimensions tokens use",
          caption:
            "The share of tokens of the last \(tail.count) steps, as the paper's Fig. 11; shared "
            + "sub-dimensions come first and are used by all.",
          altText: "Share of tokens by layer and sub-dimension.", panels: maps, height: 320))
    ]
    if !evenness.isEmpty {
      blocks.append(
        .figure(
          Figure(
            id: id + "-evenness", title: "How evenly specialised sub-dimensions are used",
            caption:
              "The entropy of their shares of a step's tokens, as a part of the largest that "
              + "there can be: 1 is even, 0 a single choice for all.",
            altText: "Evenness of the choice over the run, by layer.", panels: evenness,
            height: 320)))
    }
    blocks.append(
      .figure(
        Figure(
          id: id + "-alpha", title: "α",
          caption: "Section 4.2's factor over all tokens and routers of a step. Near 0 a component "
            + "writes nothing; as printed N is the most.",
          altText: "Smallest, mean and largest α over the run.", x: Axis("tokens"), y: Axis("α"),
          series: alpha, height: 320)))
    blocks.append(
      .figure(
        Figure(
          id: id + "-balance", title: "Balance loss",
          caption: "β included, all routers together.", altText: "Balance loss over the run.",
          x: Axis("tokens"), y: Axis("balance loss", unit: "nats"),
          series: [
            {
              let points = curve(run, x: { run.tokens(step: $0) }) { $0.balanceLoss }
              return Series(
                "balance loss", role: .observed, mark: .line(x: .numbers(points.x), y: points.y))
            }()
          ], height: 280)))
    return Section(
      id: id, title: runs.count == 1 ? "Routers" : "Routers of \(run.name)", blocks: blocks)
  }

  /// The entropy of the specialised shares over that of even ones; nil: nothing is chosen.
  static func evenness(_ load: [Double], _ settings: SubDimensions) -> Double? {
    let chosen = load.dropFirst(settings.sharedCount)
    let total = chosen.reduce(0, +)
    guard chosen.count > 1, total > 0, !settings.isStatic else { return nil }
    let entropy = chosen.reduce(0.0) { $1 > 0 ? $0 - $1 / total * log($1 / total) : $0 }
    return entropy / log(Double(chosen.count))
  }

  private func widest(_ run: ReportedRun, _ component: Int) -> Int {
    run.plan.model.mohd?[MoHDComponent.allCases[component]].map(\.count).max() ?? 0
  }

  private func mean(_ rows: [[Double]], count: Int) -> [Double] {
    (0..<count).map { i in
      let values = rows.compactMap { i < $0.count ? $0[i] : nil }
      return values.isEmpty ? .nan : values.reduce(0, +) / Double(values.count)
    }
  }

  /// Where the time went, and what it would be at the paper's size; nil where no time is known.
  var cost: Section? {
    let timed = runs.filter { $0.rate != nil }
    guard !timed.isEmpty else { return nil }
    let parts = timed.flatMap { run in
      let parts = run.parts
      let total = parts.reduce(0) { $0 + $1.seconds }
      return parts.map { part -> [Cell] in
        [
          .text(run.name), .text(part.name), .number(part.seconds),
          .number(part.seconds / max(total, 1e-9)),
        ]
      }
    }
    var blocks: [Block] = []
    if !parts.isEmpty {
      blocks.append(
        .table(
          Table(
            id: "parts", title: "Where the time went",
            columns: [
              Column("run"), Column("part"), Column("time", unit: "s", format: .significant(3)),
              Column("share", format: .percent(1)),
            ], rows: parts)))
    }
    let paper = ["355m", "355m-50%", "355m-x2", "1.13b"].compactMap { TrainingPreset($0) }
    let rows = timed.flatMap { run -> [[Cell]] in
      guard let rate = run.rate else { return [] }
      let speed =
        rate * Double(run.cost.stepMultiplyAdds(sequenceLength: run.plan.options.sequenceLength))
      return [
        [.text(run.name), .text("this run's"), .number(rate), .number(speed), .missing("it ran")]
      ]
        + paper.map { preset in
          let work =
            Double(preset.tokens ?? 0)
            * Double(
              TrainingCost(preset.model).stepMultiplyAdds(sequenceLength: preset.sequenceLength))
          return [
            .text(run.name), .text(preset.name), .missing("not run"), .number(speed),
            .number(work / speed / 86400 / 365.25),
          ]
        }
    }
    blocks.append(
      .table(
        Table(
          id: "paper-size", title: "At the paper's size",
          caption: "How long the paper's models and recipe (50,000 steps of 256 sequences of 4096) "
            + "would take this machine at the rate that each run had: why they go to a cluster "
            + "(mohd-train export).",
          columns: [
            Column("run"), Column("model"),
            Column("tokens/s", format: .significant(3)),
            Column("multiply-adds/s", format: .scientific(2)),
            Column("time", unit: "years", format: .significant(3)),
          ], rows: rows)))
    return Section(id: "cost", title: "Time", blocks: blocks)
  }
}
