import Activations
import Findings
import Reporting
import Statistics
import Testing

/// What the report says, in words, of processes whose answers are known.
@Suite("Verdicts on known processes")
struct VerdictTests {
  /// The verdicts whose claims hold `words`, in the report's order.
  private func verdicts(_ report: Report, _ words: String) throws -> [Verdict] {
    let found = report.verdicts.filter { $0.claim.contains(words) }
    try #require(!found.isEmpty, "no claim says “\(words)”")
    return found
  }

  private func verdict(_ report: Report, _ words: String) throws -> Verdict {
    try #require(verdicts(report, words).first)
  }

  @Test("independent Gaussian numbers: no long tail, no persistence, no shared dimensions")
  func gaussian() throws {
    let report = try KnownProcess { KnownProcess.gaussian($0) }.report()
    for verdict in try verdicts(report, "of the dimensions carr") {
      #expect(verdict.status == .explainedByChance)
      #expect(verdict.sentence.contains("it is no sign of sparsity"), "\(verdict.sentence)")
    }
    for verdict in try verdicts(report, "consecutive tokens share") {
      #expect(verdict.status == .explainedByChance)
      #expect(verdict.sentence.contains("there is no persistence in time"), "\(verdict.sentence)")
      #expect(verdict.sentence.contains("add nothing to that"), "\(verdict.sentence)")
    }
    let shared = try verdict(report, "active in all five")
    #expect(shared.status == .doesNotHold)
    #expect(shared.sentence.contains("no more sharing than independent dimensions have"))
    let own = try verdict(report, "specialised")
    #expect(own.status == .explainedByChance)
    #expect(own.sentence.contains("any fixed share of active dimensions leaves many"))
  }

  @Test("chance stays chance whatever the draw", arguments: 11...16)
  func everyDraw(seed: UInt64) throws {
    let report = try KnownProcess { _ in KnownProcess.gaussian(seed) }.report()
    let claims =
      try verdicts(report, "consecutive tokens share")
      + verdicts(report, "of the dimensions carr") + verdicts(report, "in all five")
    for verdict in claims { #expect(verdict.status != .holds, "\(verdict.sentence)") }
  }

  @Test("an AR(1) process: activation persists in time, and there is no long tail")
  func autoregressive() throws {
    let report = try KnownProcess { KnownProcess.autoregressive($0) }.report()
    for verdict in try verdicts(report, "consecutive tokens share") {
      #expect(verdict.status == .holds)
      #expect(verdict.sentence.contains("activation persists in time"), "\(verdict.sentence)")
    }
    let shared = try verdict(report, "active in all five")
    #expect(shared.status == .holds)
    #expect(shared.sentence.contains("Tokens in random order share fewer than neighbours do."))
    for verdict in try verdicts(report, "of the dimensions carr") {
      #expect(verdict.status == .explainedByChance)
    }
  }

  @Test("scaled noise: some dimensions are always larger, and that is all")
  func scaled() throws {
    let report = try KnownProcess { KnownProcess.scaled($0) }.report()
    for verdict in try verdicts(report, "of the dimensions carr") {
      #expect(verdict.status == .explainedByChance)
      #expect(
        verdict.sentence.contains("Some dimensions are always larger than others, and that is all"))
      #expect(verdict.null.note == "Gaussian, each dimension its own variance")
      #expect(try #require(verdict.model.value) > 0.74)
    }
    for verdict in try verdicts(report, "consecutive tokens share") {
      #expect(verdict.status == .explainedByChance)
      #expect(verdict.sentence.contains("there is no persistence in time"))
      #expect(
        verdict.sentence.contains("is only that some dimensions are always larger"),
        "\(verdict.sentence)")
    }
    let shared = try verdict(report, "active in all five")
    #expect(shared.status == .explainedByChance)
    #expect(shared.sentence.contains("these dimensions are large everywhere"))
  }

  @Test("one massive dimension carries the tail, and a Gaussian of its own mean does too")
  func massive() throws {
    let report = try KnownProcess { seed in
      var rows = KnownProcess.gaussian(seed)
      for token in 0..<KnownProcess.tokenCount { rows[token * KnownProcess.width + 9] = 5000 }
      return rows
    }.report()
    let tail = try verdict(report, "A quarter of the dimensions")
    #expect(tail.status == .explainedByChance)
    #expect(try #require(tail.model.value) > 0.999)
    #expect(tail.sentence.contains("Some dimensions are always larger than others"))
    let sizes = try #require(report.tables.first { $0.id == "flow-table" })
    let column = try #require(sizes.columns.firstIndex { $0.title == "massive dimensions" })
    #expect(sizes.rows.map { $0[column] } == [.number(1)])
  }

  @Test("a rank-3 matrix: few directions, none of them an axis")
  func lowRank() throws {
    let report = try KnownProcess { KnownProcess.lowRank($0) }.report()
    for verdict in try verdicts(report, "of the dimensions carr") {
      // Dimensions that move together differ less within a token than independent ones would.
      #expect(verdict.status == .doesNotHold)
      #expect(verdict.sentence.contains("the curve is flatter than chance"), "\(verdict.sentence)")
    }
    let sizes = try #require(report.tables.first { $0.id == "flow-table" })
    let column = try #require(sizes.columns.firstIndex { $0.title == "of spectrum" })
    guard case .number(let spectrum) = sizes.rows[0][column] else {
      Issue.record("the spectrum's participation ratio is missing")
      return
    }
    #expect(spectrum < 3.001)
    let bases = try #require(report.figures.first { $0.id == "bases" })
    #expect(try line(bases, "PCA basis") > 0.9999)
    #expect(try line(bases, "random basis") < 0.85)
    #expect(report.sections.contains { $0.id == "basis" })
  }

  @Test("ReLU'd noise: the tail is longer than chance makes it, and half of the entries are small")
  func rectified() throws {
    let report = try KnownProcess { KnownProcess.gaussian($0).map { max($0, 0) } }.report()
    for verdict in try verdicts(report, "of the dimensions carr") {
      #expect(verdict.status == .holds)
      #expect(verdict.sentence.contains("The tail is longer than chance makes it"))
      #expect(verdict.sentence.contains("percentage points more than Gaussian dimensions"))
    }
    #expect(try #require(verdict(report, "Half of the dimensions").model.value) > 0.99)
    let small = try #require(report.figures.first { $0.id == "sparsity-layers" })
    #expect(try line(small, "attention input") > 0.5)
  }

  @Test("a flat spectrum of magnitudes is below chance, and the report says so")
  func flat() throws {
    let report = try KnownProcess { KnownProcess.gaussian($0).map { $0 < 0 ? -1 : 1 } }.report()
    for verdict in try verdicts(report, "of the dimensions carr") {
      #expect(verdict.status == .doesNotHold)
      #expect(verdict.sentence.contains("the curve is flatter than chance"))
    }
  }

  /// The first number of a figure's first line of this name.
  private func line(_ figure: Figure, _ name: String) throws -> Double {
    guard case .panels(let panels, _) = figure.content else { return .nan }
    let series = try #require(panels[0].series.first { $0.name == name })
    guard case .line(_, let y, _, _) = series.mark else { return .nan }
    return try #require(y.first)
  }
}
