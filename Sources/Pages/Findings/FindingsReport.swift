import Reporting
import Statistics

/// The report on Section 3 of the paper: verdicts first, then its figures, then what it lacks.
public struct FindingsReport: Sendable {
  private let runs: [Run]
  private let command: String

  /// - Parameters:
  ///   - results: one run, or two to be shown side by side; verdict cards are about the first.
  ///   - command: makes the report again.
  public init(_ results: [StatisticsResult], command: String) {
    runs = Run.all(results.map { $0.condensed() })
    self.command = command
  }

  /// The report as a value.
  public var report: Report {
    let first = runs.first
    let domains = DomainFindings(runs: runs).section
    let sections =
      (runs.count > 1 ? [comparison] : [])
      + [
        LongTailFindings(runs: runs).section, SparsityFindings(runs: runs).section,
        SharedFindings(runs: runs).section, FlowFindings(runs: runs).section,
        FiveTokensFindings(runs: runs).section, BasisFindings(runs: runs).section,
      ] + (domains.map { [$0] } ?? [])
    return Report(
      title: runs.map(\.name).joined(separator: " beside ") + ": are its activations sparse?",
      subtitle:
        "Section 3 of “Mixture of Hidden-Dimensions Transformer” (arXiv 2412.05644), claim by "
        + "claim, beside what chance alone would give",
      facts: runs.flatMap(facts), callouts: runs.flatMap(callouts),
      verdicts: first.map(verdicts) ?? [],
      verdictTerms: VerdictTerms(
        introduction:
          "The paper's number (LLaMA2-7B), this model's, and the number that chance, or a model "
          + "without the claimed structure, gives. A claim holds only beyond chance."
          + (runs.count > 1 ? " The cards are about \(first?.name ?? "the first run")." : "")),
      sections: sections, provenance: runs.flatMap(provenance),
      reproduction: Reproduction(text: "From the folder in which it was made:", commands: [command])
    )
  }

  private func verdicts(_ run: Run) -> [Verdict] {
    LongTailFindings(runs: runs).verdicts(run) + SparsityFindings(runs: runs).verdicts(run)
      + FlowFindings(runs: runs).verdicts(run) + SharedFindings(runs: runs).verdicts(run)
      + FiveTokensFindings(runs: runs).verdicts(run)
  }

  private func facts(_ run: Run) -> [Fact] {
    let result = run.result
    let integer = NumberFormat.integer
    return [
      Fact(run.label("tokens"), integer.text(Double(result.tokenCount))),
      Fact(run.label("documents"), integer.text(Double(result.documentCount))),
      Fact(run.label("domains"), "\(max(1, result.domains.count))"),
      Fact(run.label("layers"), "\(result.layers.count)"),
      Fact(run.label("hook points"), "\(run.points.count)"),
      Fact(run.label("sample of the nulls"), "\(result.nullSample.tokenCount) tokens"),
    ]
  }

  private func callouts(_ run: Run) -> [Callout] {
    var callouts: [Callout] = []
    let result = run.result
    if result.tokenCount == 0 {
      callouts.append(
        Callout(
          .warning, title: "No tokens in \(run.name)",
          text: "Every number is missing: the corpus has no token that counts. Position 0 of each "
            + "sequence is left out unless `--include-first` is given."))
    }
    let nonFinite = result.layers.flatMap { layer in
      layer.hookPoints.compactMap { point, value -> (String, Int)? in
        value.magnitude.nonFiniteCount > 0
          ? ("`\(point)` of layer \(layer.layer)", value.magnitude.nonFiniteCount) : nil
      }
    }
    if !nonFinite.isEmpty {
      let shown = nonFinite.map(\.0).sorted().prefix(4).joined(separator: ", ")
      callouts.append(
        Callout(
          .warning, title: "NaN or infinity in \(run.name)",
          text:
            "\(nonFinite.reduce(0) { $0 + $1.1 }) values are not finite (\(shown)"
            + "\(nonFinite.count > 4 ? " and more" : "")). Their tokens are left out of that hook "
            + "point's numbers, and a window never crosses them."))
    }
    if result.nullSample.tokenCount == 0, result.tokenCount > 0 {
      callouts.append(
        Callout(
          .note, title: "Merged from parts: \(run.name)",
          text:
            "Counts and sums are those of one pass. Quantile thresholds, shuffles and bases need "
            + "all activations at once and are missing; make them with `report` or `stream`."))
    }
    return callouts
  }

  private func provenance(_ run: Run) -> [Fact] {
    let result = run.result
    return result.provenance.sorted { $0.key < $1.key }.map {
      Fact(run.label($0.key.replacing("_", with: " ")), $0.value)
    } + [
      Fact(run.label("schema"), result.schema), Fact(run.label("seed"), "\(result.options.seed)"),
      Fact(
        run.label("skipped positions"),
        result.skippedPositions.isEmpty
          ? "none" : result.skippedPositions.map(String.init).joined(separator: ", ")),
      Fact(run.label("longest sequence"), "\(result.sequenceLength) tokens"),
    ]
  }

  /// Every verdict of every run in one table.
  private var comparison: Section {
    let columns = runs.map(verdicts)
    let rows = (columns.first ?? []).indices.map { index in
      [Cell.text(columns[0][index].claim), .text(columns[0][index].paper.text)]
        + columns.flatMap { verdicts in
          [
            Cell.text(verdicts[index].model.text), .text(verdicts[index].null.text),
            .text(verdicts[index].status.title),
          ]
        }
    }
    return Section(
      id: "comparison", title: "Side by side",
      blocks: [
        .table(
          Table(
            id: "comparison-table", title: "Verdicts of all runs",
            columns: [Column("claim"), Column("paper")]
              + runs.flatMap { run in
                [Column(run.name), Column("\(run.name): chance"), Column("\(run.name): verdict")]
              }, rows: rows))
      ])
  }
}
