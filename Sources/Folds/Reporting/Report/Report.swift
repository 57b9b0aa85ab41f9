/// A name and a value: provenance, and the facts under the title.
public struct Fact: Codable, Sendable, Hashable {
  public var name: String
  public var value: String

  public init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

/// Something the reader must not miss.
public struct Callout: Codable, Sendable, Hashable {
  public enum Kind: String, Codable, Sendable { case note, warning }
  public var kind: Kind
  public var title: String
  public var text: String

  public init(_ kind: Kind, title: String, text: String) {
    self.kind = kind
    self.title = title
    self.text = text
  }
}

/// One piece of a section, in reading order. Prose may hold `code` and **strong** words.
public enum Block: Codable, Sendable, Equatable {
  case paragraph(String)
  case heading(String)
  case list([String])
  case callout(Callout)
  case table(Table)
  case figure(Figure)
}

/// One chapter of a report.
public struct Section: Codable, Sendable, Equatable {
  public var id: String
  public var title: String
  public var blocks: [Block]

  public init(id: String, title: String, blocks: [Block]) {
    self.id = id
    self.title = title
    self.blocks = blocks
  }
}

/// The commands that make a report again.
public struct Reproduction: Codable, Sendable, Hashable {
  public var text: String
  public var commands: [String]

  public init(text: String, commands: [String]) {
    self.text = text
    self.commands = commands
  }
}

/// A finished report, as a value: it knows what to show and nothing of how the numbers came about.
///
/// Whoever measures something (statistics, a conversion, an evaluation) builds one; `HTMLReport`,
/// `PlotlyFigure` and `ReportFolder` turn it into files.
public struct Report: Codable, Sendable, Equatable {
  public var title: String
  public var subtitle: String
  /// A handful of facts under the title: model, tokens, layers.
  public var facts: [Fact]
  /// Warnings that concern the whole report; they stand before the verdicts.
  public var callouts: [Callout]
  public var verdicts: [Verdict]
  /// What stands above the verdicts; what the columns "paper" and "chance" are called.
  public var verdictTerms: VerdictTerms
  public var sections: [Section]
  /// Everything that decides the numbers: tool version, inputs with hashes, seeds, options.
  public var provenance: [Fact]
  public var reproduction: Reproduction?

  public init(
    title: String, subtitle: String = "", facts: [Fact] = [], callouts: [Callout] = [],
    verdicts: [Verdict] = [], verdictTerms: VerdictTerms = VerdictTerms(),
    sections: [Section], provenance: [Fact] = [], reproduction: Reproduction? = nil
  ) {
    self.title = title
    self.subtitle = subtitle
    self.facts = facts
    self.callouts = callouts
    self.verdicts = verdicts
    self.verdictTerms = verdictTerms
    self.sections = sections
    self.provenance = provenance
    self.reproduction = reproduction
  }

  /// Every figure, in reading order.
  public var figures: [Figure] {
    sections.flatMap(\.blocks).compactMap { block in
      if case .figure(let figure) = block { figure } else { nil }
    }
  }

  /// Every table, in reading order.
  public var tables: [Table] {
    sections.flatMap(\.blocks).compactMap { block in
      if case .table(let table) = block { table } else { nil }
    }
  }
}

/// The words on the verdict cards; an evaluation compares other things than a replication does.
public struct VerdictTerms: Codable, Sendable, Hashable {
  public var heading: String
  public var introduction: String
  public var paper: String
  public var model: String
  public var null: String

  public init(
    heading: String = "Verdicts",
    introduction: String = "",
    paper: String = "paper", model: String = "this model", null: String = "chance"
  ) {
    self.heading = heading
    self.introduction = introduction
    self.paper = paper
    self.model = model
    self.null = null
  }
}
