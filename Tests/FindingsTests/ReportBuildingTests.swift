import Activations
import Files
import Findings
import Foundation
import Kernels
import Reporting
import Statistics
import Testing

@Suite("Building the report")
struct ReportBuildingTests {
  private func sites(_ layers: [Int], _ points: [HookPoint]) -> [ActivationSite: [Float]] {
    var sites: [ActivationSite: [Float]] = [:]
    for layer in layers {
      for (index, point) in points.enumerated() {
        sites[ActivationSite(layer: layer, hookPoint: point)] = KnownProcess.gaussian(
          UInt64(layer * 31 + index + 1))
      }
    }
    return sites
  }

  @Test("a whole report is valid: verdicts first, every figure of Section 3, domains")
  func whole() throws {
    var process = KnownProcess(sites: sites([0, 1, 2], HookPoint.standard))
    process.domains = ["web", "code"]
    let report = try process.report()
    try report.validate()
    #expect(report.title.contains("process"))
    #expect(report.verdicts.count == 14)
    #expect(report.verdicts.allSatisfy { !$0.claim.isEmpty && !$0.sentence.isEmpty })
    #expect(
      report.figures.map(\.id) == [
        "long-tail-curves", "long-tail-excess", "sparsity-layers", "shared-windows", "persistence",
        "activation-flow", "flow-layers", "five-tokens-map", "five-tokens-counts", "bases",
        "domain-bars",
      ])
    #expect(report.figures.allSatisfy { !$0.altText.isEmpty && !$0.caption.isEmpty })
    #expect(report.callouts.isEmpty)
    let sections = Set(report.sections.map(\.id))
    #expect(report.verdicts.allSatisfy { $0.details.map(sections.contains) ?? true })
  }

  @Test("two runs: side by side in a table, and each line of a figure says whose it is")
  func compared() throws {
    let first = try KnownProcess(sites: sites([0, 1], HookPoint.standard)).sweep().result
    var second = try KnownProcess(sites: sites([0, 1], [.attentionInput, .ffnInput])).sweep().result
    var report = FindingsReport([first, second], command: "mohd-stats").report
    try report.validate()
    #expect(report.title.contains("process (A)") && report.title.contains("process (B)"))
    let table = try #require(report.tables.first { $0.id == "comparison-table" })
    #expect(table.rows.count == report.verdicts.count && table.columns.count == 8)
    second.provenance["name"] = "other"
    report = FindingsReport([first, second], command: "mohd-stats").report
    try report.validate()
    #expect(report.title.hasPrefix("process beside other"))
    for figure in report.figures {
      guard case .panels(let panels, _) = figure.content else { continue }
      for series in panels.flatMap(\.series)
      where ["observed", "persistence in time"].contains(series.name) {
        Issue.record("\(figure.id): a line without its run")
      }
    }
  }

  @Test("no tokens, one token, one layer: valid reports with honest gaps")
  func gaps() throws {
    for lengths in [[], [1], [2], [4]] {
      var process = KnownProcess { _ in
        KnownProcess.gaussian(5, count: lengths.reduce(0, +) * KnownProcess.width)
      }
      process.lengths = lengths
      let report = try process.report()
      try report.validate()
      let isEmpty = (lengths.first ?? 0) < 2
      #expect(report.callouts.contains { $0.title.hasPrefix("No tokens") } == isEmpty)
      for verdict in report.verdicts where isEmpty {
        #expect(verdict.status == .notMeasured, "\(verdict.claim)")
        #expect(verdict.model.value == nil && verdict.null.value == nil, "\(verdict.claim)")
      }
      #expect(!HTMLReport(report).bytes(plotly: nil).isEmpty)
    }
  }

  @Test("NaN and infinity: a warning that counts them, and numbers of the other tokens")
  func nonFinite() throws {
    let clean = KnownProcess { KnownProcess.gaussian($0) }
    var broken = clean
    let site = ActivationSite(layer: 0, hookPoint: .attentionInput)
    broken.sites[site]?[3 * KnownProcess.width + 5] = .nan
    broken.sites[site]?[700 * KnownProcess.width] = .infinity
    broken.sites[site]?[700 * KnownProcess.width + 1] = -.infinity
    let report = try broken.report()
    try report.validate()
    let callout = try #require(report.callouts.first)
    #expect(callout.kind == .warning && callout.text.contains("3 values are not finite"))
    #expect(callout.text.contains("`attention_input` of layer 0"))
    let numbers = try #require(broken.sweep().result.layers[0].hookPoints["attention_input"])
    #expect(numbers.tokenCount == KnownProcess.tokenCount - KnownProcess.documentCount - 2)
    #expect(report.verdicts[0].status == .explainedByChance)
    broken.sites[site] = [Float](
      repeating: .nan, count: KnownProcess.tokenCount * KnownProcess.width)
    let nothing = try broken.report()
    try nothing.validate()
    #expect(nothing.verdicts[0].status == .notMeasured)
  }

  @Test("merged parts: the report says what is missing and judges nothing by it")
  func merged() throws {
    let (_, state) = try KnownProcess(sites: sites([0, 1], HookPoint.standard)).sweep()
    let result = state.result(provenance: ["name": "m"], pool: WorkerPool(workerCount: 2))
    let report = FindingsReport([result], command: "mohd-stats merge").report
    try report.validate()
    #expect(report.callouts.map(\.title) == ["Merged from parts: m"])
    let shared = report.verdicts.filter { $0.claim.contains("consecutive tokens share") }
    #expect(shared.count == 2 && shared.allSatisfy { $0.status == .notMeasured })
    #expect(report.verdicts[0].status == .explainedByChance)
  }

  @Test("a folder holds page, numbers, state, tables and figures; equal runs give equal bytes")
  func folder() throws {
    let place = FileManager.default.temporaryDirectory
      .appendingPathComponent("mohd-findings-" + UUID().uuidString).path
    defer { try? FileManager.default.removeItem(atPath: place) }
    let (result, state) = try KnownProcess(sites: sites([0, 1], HookPoint.standard)).sweep()
    let report = FindingsReport([result], command: "mohd-stats").report
    var trees: [[String: Data]] = []
    for name in ["a", "b"] {
      let path = place + "/" + name
      _ = try FindingsFolder(path: path).write(
        report, result: result, state: state, plotlyPath: nil, browser: nil)
      var files: [String: Data] = [:]
      for file in try FileManager.default.subpathsOfDirectory(atPath: path)
      where Folder.kind(of: path + "/" + file) == .file {
        files[file] = try Data(contentsOf: URL(fileURLWithPath: path + "/" + file))
      }
      trees.append(files)
    }
    #expect(trees[0] == trees[1])
    for file in ["report.html", "statistics.json", "state.h5", "figures/bases.json"]
      + ["long_tail", "sparsity", "magnitude", "shared", "five_tokens"].map({ "tables/\($0).csv" })
    {
      #expect(trees[0][file]?.isEmpty == false, "\(file)")
    }
    let lines = String(decoding: try #require(trees[0]["tables/magnitude.csv"]), as: UTF8.self)
      .split(separator: "\r\n")
    #expect(lines.count == 1 + 2 * 4)
    #expect(lines[0].hasPrefix("domain,layer,hook_point,width,token_count,mean_absolute"))
    let again = try StatisticsResult(reportAt: place + "/a")
    #expect(try again.encoded() == result.encoded())
    try Data("{\"schema\": 1}".utf8).write(
      to: URL(fileURLWithPath: place + "/a/statistics.json"))
    #expect(throws: (any Error).self) { try StatisticsResult(reportAt: place + "/a") }
    #expect(throws: FileError.self) { try StatisticsResult(reportAt: place + "/c") }
  }
}
