import ArgumentParser
import Console
import Files
import Findings
import Foundation
import Kernels
import Statistics

struct MergeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge",
    abstract: "Make one report of several that have different documents, in any order.",
    discussion: """
      Counts and sums are those of one pass over all documents. What needs all activations at once,
      quantile thresholds and shuffles, is missing, with the reason.
      """)

  @Argument(help: "Folders of reports with the same model and options.")
  var parts: [String]

  @OptionGroup var output: OutputArguments

  @Option(help: "Threads; the results do not depend on them. (default: one for each processor)")
  var threads: Int?

  func validate() throws {
    if parts.isEmpty { throw ValidationError("merge: expected at least one report") }
  }

  func run() throws {
    let terminal = output.behaviour.terminal
    InterruptMonitor.shared.start()
    try Failure.reporting(on: terminal, hint: "run the same command again") {
      try output.check()
      let plotly = try output.plotlyPath()
      let results = try parts.map { try StatisticsResult(reportAt: $0) }
      try MergedProvenance.checkTexts(zip(parts, results).map { ($0, $1.provenance) })
      let provenance = try MergedProvenance.merge(
        zip(parts, results).map { ($0, $1.provenance) }, name: output.name)
      let states = try parts.map { path in
        try InterruptMonitor.shared.checkpoint()
        return try StatisticsState(path: path + "/state.h5")
      }
      let state = try StatisticsState.merge(states)
      let pool = WorkerPool(
        workerCount: threads ?? max(1, ProcessInfo.processInfo.activeProcessorCount))
      let stopwatch = ContinuousClock.now
      let result = state.result(provenance: provenance, pool: pool)
      if output.behaviour.dryRun {
        try Estimate(report: result).print(json: output.behaviour.json)
        return
      }
      try output.prepare()
      try Publication(output, plotly: plotly, started: stopwatch, terminal: terminal)
        .publish(result, state: state)
    }
  }
}

/// The provenance of merged parts, which does not depend on their order.
enum MergedProvenance {
  /// Keys in which parts may differ: each has its own corpus.
  private static let own: Set<String> = [
    "corpus_sha256", "document_sample", "left_out", "name", "tool",
  ]

  /// Each text may count once: a report merged with itself, or with a part of itself, would look
  /// like twice the evidence.
  ///
  /// - Throws: `OutputError.sameText` when a corpus is part of two reports, or of one twice.
  static func checkTexts(
    _ parts: [(path: String, provenance: [String: String])]
  ) throws(OutputError) {
    var owners: [Substring: String] = [:]
    for part in parts {
      for corpus in (part.provenance["corpus_sha256"] ?? "").split(separator: " ") {
        if let other = owners.updateValue(part.path, forKey: corpus) {
          throw .sameText(path: part.path, other: other, sha256: String(corpus))
        }
      }
    }
    // Other corpora may hold the same documents.
    for (index, part) in parts.enumerated() {
      for other in parts[..<index] {
        let overlap = sample(part).overlap(with: sample(other))
        if overlap >= greatestOverlap {
          throw .sameDocuments(path: part.path, other: other.path, share: overlap)
        }
      }
    }
  }

  /// Reports share more of their documents than this only if one is part of the other.
  private static let greatestOverlap = 0.5

  private static func sample(_ part: (path: String, provenance: [String: String])) -> DocumentSample
  {
    DocumentSample(part.provenance["document_sample"] ?? "")
  }

  /// - Throws: `StatisticsError.notMergeable` when two parts come from different models.
  static func merge(
    _ parts: [(path: String, provenance: [String: String])], name: String?
  ) throws -> [String: String] {
    guard let first = parts.first else { throw StatisticsError.nothingToMerge }
    for part in parts.dropFirst() {
      for key in Set(first.provenance.keys).union(part.provenance.keys).subtracting(own).sorted()
      where first.provenance[key] != part.provenance[key] {
        throw StatisticsError.notMergeable(
          field: key, first: first.provenance[key] ?? "(none)",
          second: "\(part.provenance[key] ?? "(none)") in \(part.path)")
      }
    }
    var result = first.provenance.filter { !own.contains($0.key) }
    result["tool"] = "mohd-stats \(MohdStats.version)"
    let names = Set(parts.compactMap { $0.provenance["name"] })
    result["name"] = name ?? (names.count == 1 ? names.first : nil)
    result["document_sample"] =
      parts.map(sample).reduce(DocumentSample("")) { DocumentSample($0, $1) }.text
    let corpora = parts.flatMap {
      ($0.provenance["corpus_sha256"] ?? "").split(separator: " ").map(String.init)
    }
    let leftOut = Set(parts.compactMap { $0.provenance["left_out"] })
    result["left_out"] = leftOut.isEmpty ? nil : leftOut.sorted().joined(separator: "; ")
    result["corpus_sha256"] = corpora.sorted().joined(separator: " ")
    return result
  }
}
