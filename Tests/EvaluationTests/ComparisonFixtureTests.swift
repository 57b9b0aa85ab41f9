import Activations
import Checkpoints
import Corpora
import Evaluation
import Files
import Foundation
import Kernels
import Testing

/// Of the largest number that is compared: PyTorch computes in float64, we in Float32. The same
/// PyTorch in float32 stays below 3e-6.
private let relativeTolerance = 1e-5
/// Of KL divergences, in nats: logits are rounded alike, however little two models differ.
private let divergenceTolerance = 1e-5
/// Of cosines: products of either sign nearly cancel, so rounding is relative to 1.
private let cosineTolerance = 1e-6

/// What an independent PyTorch program computed: see Tests/Fixtures/generate_comparisons.py.
@Suite("Comparisons equal PyTorch")
struct ComparisonFixtureTests {
  static let models = ["paper", "converted", "every-projection", "per-layer", "cut"]
  /// The domains of the texts; all of the last one is a single token.
  private static let domains = ["0", "1", "2"]

  @Test("Perplexities, KL and agreement are the same, with their errors", arguments: models)
  func scores(model: String) throws {
    let fixture = try ComparisonFixture(model)
    let (result, corpus) = try Self.compare(model, fixture.texts())
    #expect(try corpus.tokenIDs.map(Double.init) == fixture.values("token_ids"))
    #expect(try corpus.sequences.map(\.rows) == fixture.sequences())

    #expect(result.domains.map(\.name) == Self.domains)
    #expect(result.all.standardErrorUnits == "documents")
    let units = result.domains.map(\.scores.standardErrorUnits)
    #expect(units == ["documents", "sequences", "sequences"])
    for (name, scores) in [(name: "all", scores: result.all)] + result.domains {
      let label = "\(model) \(name)"
      let own = try fixture.documents().filter { name == "all" || name == "\($0.domain)" }
      #expect(scores.documentCount == own.count, "\(label)")
      #expect(scores.tokenCount == own.reduce(0) { $0 + $1.count }, "\(label)")

      // Numbers and their errors.
      let expected = try Columns(fixture.values("scores/\(name)"))
      let logarithms = [scores.dense, scores.converted, scores.perplexityRatio].map(logarithm)
      try expectClose(
        logarithms.map { $0?.value }, Array(expected.first[..<3]), "\(label) perplexities")
      try expectClose(
        logarithms.map { $0?.standardError }, Array(expected.second[..<3]),
        "\(label) errors of perplexities")
      try expectClose(
        [scores.divergence.value, scores.divergence.standardError],
        [expected.first[3], expected.second[3]], within: divergenceTolerance, "\(label) KL")
      try expectClose(
        [scores.agreement.value, scores.agreement.standardError],
        [expected.first[4], expected.second[4]], "\(label) agreement")
    }
    let ratio = logarithm(result.geometricMeanRatio)
    try expectClose(
      [ratio?.value, ratio?.standardError], fixture.values("mean_ratio"), "\(model) mean ratio")
  }

  /// A result holds no positions. So here each beginning of a sequence is a document and a domain
  /// of its own: two that follow each other differ by one position.
  @Test("Losses, KL and agreement are the same at each position", arguments: models)
  func positions(model: String) throws {
    let fixture = try ComparisonFixture(model)
    // By the dense and by the converted model.
    let losses = try Columns(fixture.values("losses"))
    let divergence = try fixture.divergence()
    let agrees = try fixture.bytes("agrees").map(Double.init)
    var texts: [(domain: String, text: String)] = []
    var expected = (
      dense: [Double](), converted: [Double](), divergence: [Double](), agreement: [Double]()
    )
    for (index, rows) in try fixture.sequences().enumerated() {
      for end in rows.lowerBound + 1...rows.upperBound {
        let own = rows.lowerBound..<end
        texts.append((domain: "\(own)", text: try fixture.text(own)))
        // Each sequence up to here has one loss less than tokens.
        let scored = rows.lowerBound - index..<end - index - 1
        expected.dense.append(mean(losses.first[scored]))
        expected.converted.append(mean(losses.second[scored]))
        expected.divergence.append(mean(divergence.forward[own]))
        expected.agreement.append(mean(agrees[own]))
      }
    }

    let (result, _) = try Self.compare(model, texts)

    let scores = result.domains.map(\.scores)
    #expect(result.domains.map(\.name) == texts.map(\.domain))
    try expectClose(
      scores.map { logarithm($0.dense)?.value }, expected.dense, "\(model) dense losses")
    try expectClose(
      scores.map { logarithm($0.converted)?.value }, expected.converted,
      "\(model) converted losses")
    try expectClose(
      scores.map(\.divergence.value), expected.divergence, within: divergenceTolerance,
      "\(model) KL")
    try expectClose(scores.map(\.agreement.value), expected.agreement, "\(model) agreement")
  }

  @Test("Models that change places have the other KL, and not the same", arguments: models)
  func direction(model: String) throws {
    let fixture = try ComparisonFixture(model)
    let (forward, backward) = try fixture.divergence()
    let differences = zip(forward, backward).map { abs($0 - $1) }
    #expect((differences.max() ?? 0) > 100 * divergenceTolerance)
    let (result, _) = try Self.compare(model, fixture.texts(), isSwapped: true)
    try expectClose(
      [result.all.divergence.value], [mean(backward[...])], within: divergenceTolerance,
      "\(model) KL the other way round")
    #expect(abs(mean(forward[...]) - mean(backward[...])) > 10 * divergenceTolerance)
  }

  @Test("R², cosine and RMS ratio are the same in each layer", arguments: models)
  func reconstruction(model: String) throws {
    let fixture = try ComparisonFixture(model)
    let rows = try Self.compare(model, fixture.texts()).result.reconstruction
    let places = (0..<2).flatMap { layer in Self.hookPoints.map { "\($0)/\(layer)" } }
    #expect(rows.map { "\($0.hookPoint)/\($0.layer)" } == places)
    let expected = try fixture.reconstruction()
    try expectClose(rows.map(\.determination), expected[0], "\(model) R²")
    try expectClose(
      rows.map(\.cosine), expected[1], within: cosineTolerance, "\(model) cosine")
    try expectClose(rows.map(\.magnitudeRatio), expected[2], "\(model) RMS ratio")
  }

  @Test("Routers do the same, but for the first token of a sequence", arguments: models)
  func routers(model: String) throws {
    let fixture = try ComparisonFixture(model)
    let routers = try Self.compare(model, fixture.texts()).result.routers
    #expect(routers.map(\.layer) == [0, 0, 1, 1])
    #expect(routers.map(\.component) == ["attention", "ffn", "attention", "ffn"])
    for router in routers {
      func expected(_ name: String) throws -> [Double] {
        try fixture.values("\(router.component)_\(name)/\(router.layer)")
      }
      let label = "\(model) \(router.component) \(router.layer)"
      // The last domain has no token but a first one.
      #expect(router.domains.keys.sorted() == Array(Self.domains.dropLast()), "\(label)")
      let loads = router.domains.sorted { $0.key < $1.key }.flatMap(\.value)
      try expectClose(router.load + loads, expected("loads"), "\(label) loads")
      try expectClose(router.meanScore, expected("mean_score"), "\(label) mean scores")
      let entropies = try expected("entropies")
      try expectClose(
        [router.scoreEntropy, router.loadEntropy], Array(entropies[..<2]), "\(label) entropies")
      // Much smaller than those.
      try expectClose([router.specialisation], [entropies[2]], "\(label) specialisation")
      #expect(try [Double(router.idleCount)] == expected("idle"), "\(label)")
      try expectClose(
        [router.smallestScale, router.meanScale, router.largestScale], expected("alpha"),
        "\(label) α")
    }
  }

  /// Whoever mixes up two numbers is found out by the tests above.
  @Test("No expected number passes for another", arguments: models)
  func distinct(model: String) throws {
    let fixture = try ComparisonFixture(model)
    let losses = try Columns(fixture.values("losses"))
    expectDistinct([mean(losses.first[...]), mean(losses.second[...])], "\(model) losses")
    let names = ["all", "0", "1"]
    let scores = try names.map { try Columns(fixture.values("scores/\($0)")).first }
    for row in 0..<4 { expectDistinct(scores.map { $0[row] }, "\(model) scores \(row)") }
    for (index, values) in try fixture.reconstruction().enumerated() {
      expectDistinct(values, "\(model) reconstruction \(index)")
    }
    let scoreMeans = try ["attention", "ffn"].flatMap { component in
      try (0..<2).flatMap { try fixture.values("\(component)_mean_score/\($0)") }
    }
    // A component that is not cut has one score, 1.
    expectDistinct(scoreMeans.filter { $0 != 1 }, "\(model) mean scores")
  }

  @Test("Of a model that is close, some tokens agree; one router leaves a sub-dimension idle")
  func variety() throws {
    #expect(try Set(ComparisonFixture("cut").bytes("agrees")) == [0, 1])
    #expect(try ComparisonFixture("every-projection").values("ffn_idle/1") == [1])
    // Scores of one sub-dimension have no entropy, and static ones no choice.
    let fixture = try ComparisonFixture("per-layer")
    #expect(try fixture.values("attention_entropies/0").map(\.isNaN) == [true, true, true])
    #expect(try fixture.values("ffn_entropies/0").map(\.isNaN) == [false, true, true])
    #expect(try fixture.values("ffn_entropies/1").map(\.isNaN) == [false, false, false])
  }

  // MARK: - Private

  fileprivate static let hookPoints = ["attention_output", "ffn_output", "residual_post"]

  private static func compare(
    _ model: String, _ texts: [(domain: String, text: String)], isSwapped: Bool = false
  ) throws -> (result: PairedResult, corpus: TokenizedCorpus) {
    let dense = try Pico()
    let other = try converted(model)
    let corpus = try dense.corpus(texts, sequenceLength: ComparisonFixture.sequenceLength)
    let comparison = try PairedComparison(
      dense: isSwapped ? other : dense.checkpoint, converted: isSwapped ? dense.checkpoint : other,
      corpus: corpus, pool: dense.pool)
    return (result: try comparison.run(), corpus: corpus)
  }

  /// The model that is compared; "cut" has a configuration of its own beside the dense weights.
  private static func converted(_ model: String) throws -> Checkpoint {
    let fixtures = FixtureTensors.fixtures
    guard model == "cut" else {
      return try Checkpoint.open(fixtures.appending(path: "mohd/pico-mohd-\(model)").path)
    }
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "mohd-comparison-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    // The checkpoint stays mapped.
    defer { try? FileManager.default.removeItem(at: folder) }
    for path in ["comparisons/pico-mohd-cut/config.json", "models/pico-llama/model.safetensors"] {
      let file = fixtures.appending(path: path)
      try FileManager.default.copyItem(
        at: file, to: folder.appending(path: file.lastPathComponent))
    }
    return try Checkpoint.open(folder.path)
  }

  /// The logarithm, by hand: the error of log r is that of r over r.
  private func logarithm(_ estimate: Estimate?) -> Estimate? {
    estimate.map { own in
      Estimate(log(own.value), standardError: own.standardError.map { $0 / own.value })
    }
  }

  /// NaN of none.
  private func mean(_ values: ArraySlice<Double>) -> Double {
    values.reduce(0, +) / Double(values.count)
  }

  /// - Parameters:
  ///   - actual: nil where there is no such number.
  ///   - expected: NaN where there is no such number.
  ///   - tolerance: nil: `relativeTolerance` of the largest.
  private func expectClose(
    _ actual: [Double?], _ expected: [Double], within tolerance: Double? = nil, _ label: String
  ) throws {
    try #require(actual.count == expected.count, "\(label): \(actual.count) values")
    let largest = expected.filter { !$0.isNaN }.map(abs).max() ?? 0
    let bound = tolerance ?? relativeTolerance * largest
    for index in expected.indices {
      let value = expected[index]
      guard let found = actual[index], !value.isNaN else {
        #expect(
          actual[index] == nil && value.isNaN,
          "\(label)[\(index)]: expected \(value), found \(String(describing: actual[index]))")
        continue
      }
      #expect(
        abs(found - value) <= bound,
        "\(label)[\(index)]: expected \(value), found \(found), \(bound) off at most")
    }
  }

  /// That any two are further apart than any tolerance.
  private func expectDistinct(_ values: [Double], _ label: String) {
    let largest = values.map(abs).max() ?? 0
    let sorted = values.sorted()
    for (one, other) in zip(sorted, sorted.dropFirst()) {
      #expect(other - one > relativeTolerance * largest, "\(label): \(one) and \(other)")
    }
  }
}

/// A tensor of two columns.
private struct Columns {
  let first: [Double]
  let second: [Double]

  /// - Parameter rows: row by row.
  init(_ rows: [Double]) {
    first = stride(from: 0, to: rows.count, by: 2).map { rows[$0] }
    second = stride(from: 1, to: rows.count, by: 2).map { rows[$0] }
  }
}

/// One file of Tests/Fixtures/comparisons.
private struct ComparisonFixture {
  /// Tokens of a sequence; the generator's LENGTH.
  static let sequenceLength = 12
  private let tensors: FixtureTensors

  init(_ model: String) throws {
    tensors = try FixtureTensors("comparisons/pico-mohd-\(model).safetensors")
  }

  func bytes(_ name: String) throws -> [UInt8] { try tensors.bytes(name) }
  func values(_ name: String) throws -> [Double] { try tensors.values(name) }

  /// KL of each token, dense ‖ converted and the other way round.
  func divergence() throws -> (forward: [Double], backward: [Double]) {
    let columns = try Columns(values("divergence"))
    return (forward: columns.first, backward: columns.second)
  }

  /// R², cosine and RMS ratio, each by layer and hook point.
  func reconstruction() throws -> [[Double]] {
    let rows = try (0..<2).flatMap { layer in
      try ComparisonFixtureTests.hookPoints.map { try values("reconstruction/\($0)/\(layer)") }
    }
    return (0..<3).map { measure in rows.map { $0[measure] } }
  }

  /// The domain of each document and its tokens.
  func documents() throws -> [(domain: Int, count: Int)] {
    let rows = try values("documents").map { Int($0) }
    return stride(from: 0, to: rows.count, by: 2).map { (domain: rows[$0], count: rows[$0 + 1]) }
  }

  /// The rows of each sequence.
  func sequences() throws -> [Range<Int>] {
    var start = 0
    return try documents().flatMap { document -> [Range<Int>] in
      let rows = start..<start + document.count
      start = rows.upperBound
      return stride(from: rows.lowerBound, to: rows.upperBound, by: Self.sequenceLength).map {
        $0..<min($0 + Self.sequenceLength, rows.upperBound)
      }
    }
  }

  /// The texts whose bytes are the tokens of `Pico.encode`.
  func texts() throws -> [(domain: String, text: String)] {
    var start = 0
    return try documents().map { document in
      defer { start += document.count }
      return (domain: "\(document.domain)", text: try text(start..<start + document.count))
    }
  }

  /// The text whose bytes are some of the tokens.
  func text(_ rows: Range<Int>) throws -> String {
    let ids = try values("token_ids")[rows].map { UInt8($0) }
    return String(decoding: ids.map { $0 < 32 ? $0 + 96 : $0 }, as: UTF8.self)
  }
}
