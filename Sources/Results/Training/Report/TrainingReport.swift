import Checkpoints
import Files
import Foundation
import Learning
import Reporting

/// One page about runs, beside each other: their losses, their held-out text, their routers, and where
/// the time went.
public struct TrainingReport {
  let runs: [ReportedRun]

  public init(_ runs: [ReportedRun]) { self.runs = runs }

  /// - Parameter plotly: plotly.min.js; nil: figures are tables.
  /// - Throws: `ReportingError`, `FileError`.
  public func write(to path: String, plotly: [UInt8]?) throws {
    let report = report
    try report.validate()
    try HTMLReport(report).write(to: path, plotly: plotly)
  }

  var report: Report {
    Report(
      title: runs.count == 1 ? "Training \(runs[0].name)" : "Training: \(runs.count) runs",
      subtitle: runs.count == 1 ? "" : runs.map(\.name).joined(separator: ", "),
      facts: facts, callouts: callouts,
      sections: [summary, losses, heldOut].compactMap { $0 } + routers + [cost].compactMap { $0 },
      provenance: runs.flatMap { run in
        [
          Fact("\(run.name): tokenizer", run.plan.tokenizer),
          Fact("\(run.name): seed", "\(run.plan.options.seed)"),
        ]
          + run.plan.domains.map {
            Fact("\(run.name): text of \($0.name)", "SHA-256 \($0.sha256)")
          }
      })
  }

  private var facts: [Fact] {
    guard runs.count == 1 else { return [Fact("runs", "\(runs.count)")] }
    let run = runs[0]
    return [
      Fact("steps", "\(run.steps.last?.step ?? 0) of \(run.plan.options.stepCount)"),
      Fact("parameters", NumberFormat.integer.text(Double(run.cost.parameterCount))),
      Fact("hidden size", "\(run.plan.model.hiddenSize)"),
      Fact("layers", "\(run.plan.model.layerCount)"),
    ]
  }

  private var callouts: [Callout] {
    runs.flatMap { run in
      let last = run.steps.last?.step ?? 0
      var found: [Callout] = []
      if last < run.plan.options.stepCount {
        found.append(
          Callout(
            .note, title: "\(run.name) is not at its end",
            text: "It has taken \(last) of \(run.plan.options.stepCount) steps."))
      }
      let repeated = run.plan.domains.filter { $0.epochs > 1 }
      if !repeated.isEmpty {
        found.append(
          Callout(
            .note, title: "\(run.name) reads text more than once",
            text: repeated.map { "\($0.name) \(NumberFormat.fixed(2).text($0.epochs)) times" }
              .joined(separator: ", ") + " in the whole run."))
      }
      let spikes = run.steps.filter { $0.spike == true }
      if !spikes.isEmpty {
        found.append(
          Callout(
            .note, title: "\(run.name): \(spikes.count) spikes",
            text: "Losses above six standard deviations of the 128 steps before, at steps "
              + spikes.prefix(20).map { "\($0.step)" }.joined(separator: ", ")
              + (run.plan.options.skipSpikes ? "; those steps were skipped." : ".")))
      }
      // An alarm that a resumed run gave again is one.
      for alarm in Set(run.events.filter { $0.event == "alarm" }.compactMap(\.reason)).sorted() {
        found.append(Callout(.warning, title: "\(run.name): a router", text: alarm + "."))
      }
      return found
    }
  }

  private var summary: Section {
    let names = domainNames
    return Section(
      id: "runs", title: "Runs",
      blocks: [
        .table(
          Table(
            id: "summary", title: "What was trained, and where it ended",
            caption:
              "Losses in nats a token: the mean of the last 32 steps, before each learns from "
              + "its text, and held-out text in bits a byte.",
            columns: [
              Column("run"), Column("kind"), Column("hidden size", format: .integer),
              Column("parameters", format: .integer),
              Column("multiply-adds a token", format: .integer),
              Column("steps", format: .integer), Column("rate"), Column("start"),
              Column("loss", format: .fixed(4)),
            ] + names.map { Column($0, unit: "bits a byte", format: .fixed(4)) },
            rows: runs.map { run in
              let tail = run.steps.suffix(32).map(\.crossEntropy)
              let last = run.evaluations.last
              return [
                .text(run.name), .text(run.isMoHD ? "MoHD" : "dense"),
                .integer(run.plan.model.hiddenSize), .integer(run.cost.parameterCount),
                .integer(run.cost.multiplyAdds), .integer(run.steps.last?.step ?? 0),
                .number(run.plan.options.learningRate),
                run.plan.start == nil
                  ? .number(run.plan.options.initialDeviation) : .text("a checkpoint"),
                tail.isEmpty
                  ? .missing("no step yet")
                  : .number(tail.reduce(0, +) / Double(tail.count)),
              ]
                + names.map { name in
                  last?.domains[name].map { .number($0.bitsPerByte) }
                    ?? .missing("nothing is held out")
                }
            }))
      ])
  }

  var domainNames: [String] {
    var names: [String] = []
    for name in runs.flatMap({ $0.plan.domains.map(\.name) }) where !names.contains(name) {
      names.append(name)
    }
    return names
  }

  /// A run's colour; a single one has the observed one.
  func role(_ index: Int) -> SeriesRole { runs.count == 1 ? .observed : .category(index) }
}
