import Reporting

/// The report on one ablation: verdicts first, then routing, parts, knock-outs and magnitudes.
package struct AblationReport {
  let result: AblationResult
  let command: String

  package init(_ result: AblationResult, command: String) {
    self.result = result
    self.command = command
  }

  /// The report as a value.
  package var report: Report {
    Report(
      title: "\(result.convertedName), taken apart",
      subtitle: "What routing, shared sub-dimensions, fusion, scaling and magnitudes are worth",
      facts: facts,
      callouts: result.warnings.map {
        Callout(.warning, title: $0.kind.title, text: $0.text)
      },
      verdicts: AblationVerdicts(result: result).all,
      verdictTerms: VerdictTerms(
        heading: "In short",
        introduction: "Perplexities on the same text: the model as it is, a variant of it, and how "
          + "many times as large the variant's is. Intervals are 95 %, over documents, and paired "
          + "in the ratios; nothing was trained.",
        paper: "as it is", model: "variant", null: "ratio"),
      sections: [
        RoutingVariantFindings(result: result).section,
        InformationFindings(result: result).section, BalanceFindings(result: result).section,
        KnockOutFindings(result: result).section, MagnitudeFindings(result: result).section,
      ].compactMap { $0 },
      provenance: result.provenance.sorted { $0.key < $1.key }.map {
        Fact($0.key.replacing("_", with: " "), $0.value)
      } + [Fact("schema", result.schema)],
      reproduction: Reproduction(text: "From the folder in which it was made:", commands: [command])
    )
  }

  private var facts: [Fact] {
    let number = NumberFormat.significant(4)
    return [
      Fact("scored tokens", NumberFormat.integer.text(Double(result.text.scoredTokenCount))),
      Fact("documents", NumberFormat.integer.text(Double(result.text.documentCount))),
      Fact("domains", "\(result.text.domains.count)"),
      Fact("perplexity", number.text(result.own.value)),
    ] + (result.dense.map { [Fact("dense", number.text($0.value))] } ?? [])
  }
}

extension RoutingVariant {
  /// What figures and tables call it.
  var title: String {
    switch self {
    case .own: "own"
    case .random: "random"
    case .fixed: "static"
    case .sharedOnly: "shared only"
    case .specialisedOnly: "specialised only"
    case .unshared: "nothing shared"
    case .oracle: "oracle"
    case .all: "all active"
    }
  }
}
