import Activations
import Files
import Foundation
import Kernels
import Statistics
import Testing

@Suite("Laws of the statistics")
struct LawTests {
  /// Nine documents of several lengths, two layers and two hook points, two domains.
  private func corpus() -> Synthetic {
    let lengths = [40, 3, 65, 1, 20, 20, 130, 9, 7, 31, 2, 18]
    let documents = [0, 0, 1, 2, 3, 3, 4, 5, 5, 6, 7, 8]
    let tokens = lengths.reduce(0, +)
    var sites: [ActivationSite: [Float]] = [:]
    for layer in [3, 7] {
      for (index, point) in [HookPoint.attentionInput, .ffnOutput].enumerated() {
        var rows = Synthetic.gaussian(count: tokens * 70, seed: UInt64(layer * 10 + index))
        for place in rows.indices where place % 70 == 11 { rows[place] *= 50 }
        sites[ActivationSite(layer: layer, hookPoint: point)] = rows
      }
    }
    return Synthetic(
      width: 70, sequences: Array(zip(documents, lengths)).map { ($0, $1) }, sites: sites,
      domains: ["web", "code"], domainOf: { $0 % 2 })
  }

  @Test("results do not depend on batches, on workers, or on where rows are kept")
  func invariance() throws {
    let corpus = corpus()
    let first = try corpus.sweep(sequencesPerBatch: 1, workers: 1)
    let bytes = try JSONText.encode(first.result)
    let atOnce = try corpus.sweep(sequencesPerBatch: 100, batchFirst: true)
    #expect(try JSONText.encode(atOnce.result) == bytes)
    for (batch, workers, memory) in [(3, 2, 1 << 30), (100, 3, 1 << 30), (4, 2, 20_000), (5, 1, 0)]
    {
      let other = try corpus.sweep(
        sequencesPerBatch: batch, workers: workers, rowMemoryLimit: memory)
      #expect(try JSONText.encode(other.result) == bytes)
      #expect(other.state.arrays == first.state.arrays)
    }
  }

  @Test("parts cut at documents merge in any order to the state of one pass")
  func merging() throws {
    let corpus = corpus()
    let whole = try corpus.sweep().state
    let pool = WorkerPool(workerCount: 2)
    let expected = try JSONText.encode(whole.result(provenance: [:], pool: pool))
    for cuts in [[0, 9], [0, 4, 9], [0, 2, 4, 7, 9], [0, 1, 2, 3, 5, 6, 7, 9]] {
      var parts: [StatisticsState] = []
      for (low, high) in zip(cuts, cuts.dropFirst()) {
        parts.append(try corpus.part(low..<high).sweep().state)
      }
      for turn in 0..<parts.count {
        let order = Array(parts[turn...] + parts[..<turn])
        let merged = try StatisticsState.merge(order)
        #expect(try JSONText.encode(merged.result(provenance: [:], pool: pool)) == expected)
        #expect(merged.arrays == whole.arrays)
      }
    }
  }

  @Test("a merged result has one pass's numbers where it has any, and reasons where it has none")
  func mergedResult() throws {
    let (one, state) = try corpus().sweep()
    let merged = state.result(provenance: [:], pool: WorkerPool(workerCount: 1))
    let a = try #require(one.layers[0].hookPoints["ffn_output"])
    let b = try #require(merged.layers[0].hookPoints["ffn_output"])
    #expect(a.longTail.squared.perToken == b.longTail.squared.perToken)
    #expect(a.longTail.squared.intervalLow == b.longTail.squared.intervalLow)
    #expect(a.longTail.squared.perDimensionGaussian == b.longTail.squared.perDimensionGaussian)
    #expect(a.sparsity.fraction == b.sparsity.fraction)
    #expect(a.magnitude.hoyer == b.magnitude.hoyer)
    #expect(b.magnitude.medianAbsolute == nil && b.reasons["median_absolute"] != nil)
    #expect(b.longTail.squared.pcaBasis == nil && b.reasons["pca_basis"] != nil)
    let top = "token_top_fraction"
    #expect(
      a.shared.filter { $0.definition == top }.map(\.observed)
        == b.shared.filter { $0.definition == top }.map(\.observed))
    #expect(a.fiveTokens == b.fiveTokens)
    #expect(one.fiveTokensMaps == merged.fiveTokensMaps && one.fiveTokensMaps.count == 2)
  }

  @Test("the result of a domain is that of its documents")
  func domains() throws {
    let corpus = corpus()
    let all = try corpus.sweep().result
    #expect(all.domains.map(\.domain) == ["code", "web"])
    #expect(all.domains.reduce(0) { $0 + $1.tokenCount } == all.tokenCount)
    var code = corpus
    code.sequences = []
    code.sites = corpus.sites.mapValues { _ in [] }
    for document in [1, 3, 5, 7] {
      let part = corpus.part(document..<document + 1)
      code.sequences += part.sequences
      for (site, rows) in part.sites { code.sites[site, default: []] += rows }
    }
    let alone = try #require(code.sweep().result.layers[1].hookPoints["attention_input"])
    let within = try #require(all.domains[0].layers[1].hookPoints["attention_input"])
    #expect(alone.longTail.absolute.perToken == within.longTail.absolute.perToken)
    #expect(alone.sparsity.fraction == within.sparsity.fraction)
    #expect(alone.magnitude.meanAbsolute == within.magnitude.meanAbsolute)
    #expect(within.reasons["pca_basis"] != nil)
  }

  @Test("the closed forms give the paper's 71.58 % and 92.87 %")
  func closedForms() throws {
    let result = try corpus().sweep().result
    let curve = try #require(result.layers[0].hookPoints["ffn_output"]).longTail.squared
    let thousand = try #require(curve.fractions.firstIndex(of: 1000.0 / 4096))
    let half = try #require(curve.fractions.firstIndex(of: 0.5))
    #expect((curve.gaussian[thousand] * 10_000).rounded() == 7158)
    #expect((curve.gaussian[half] * 10_000).rounded() == 9287)
    #expect(curve.gaussian.last == 1)
  }

  @Test("an empty corpus, one token, and nothing but NaN are honest gaps")
  func gaps() throws {
    let site = ActivationSite(layer: 0, hookPoint: .attentionInput)
    for (sequences, rows) in [
      ([], []), ([(0, 1)], [1, 2, 3, 4]), ([(0, 2)], [1, 2, 3, 4, 5, 6, 7, 8]),
      ([(0, 3)], [Float](repeating: .nan, count: 12)), ([(0, 3)], [Float](repeating: 0, count: 12)),
    ] as [([(Int, Int)], [Float])] {
      let synthetic = Synthetic(
        width: 4, sequences: sequences.map { ($0.0, $0.1) }, sites: [site: rows])
      let (result, state) = try synthetic.sweep()
      let text = String(decoding: try JSONText.encode(result), as: UTF8.self)
      let point = try #require(result.layers[0].hookPoints["attention_input"])
      #expect(point.longTail.squared.columnShuffle == nil || sequences.count == 1)
      #expect(!point.reasons.isEmpty)
      #expect(text.contains("\"per_token\""), "every key is there")
      let again = try JSONText.decode(
        StatisticsResult.self, from: Array(text.utf8), path: "statistics.json")
      #expect(again == result)
      _ = state.result(provenance: [:], pool: WorkerPool(workerCount: 1))
    }
  }

  @Test("a source that stops early is an error, not a number")
  func incomplete() throws {
    let corpus = corpus()
    let batches = corpus.batches(sequencesPerBatch: 4)
    var layout = CorpusLayout(domains: ["web"])
    for (batch, _) in batches { layout.append(batch) { _ in 0 } }
    let sink = StatisticsSink(
      layout: layout, layers: [3], widths: [.ffnOutput: 70], pool: WorkerPool(workerCount: 1))
    #expect(throws: StatisticsError.missingLayer(layer: 3)) { try sink.finish() }
    try sink.begin(batches[0].batch)
    try sink.finish(layer: 3)
    try sink.end(batches[0].batch)
    #expect(throws: StatisticsError.self) { try sink.finish() }
    let stranger = TokenBatch(
      tokenIDs: [1], sequences: [.init(rows: 0..<1, document: 99, index: 0)])
    try sink.begin(stranger)
    #expect(throws: StatisticsError.unknownSequence(document: 99, index: 0)) {
      try sink.finish(layer: 3)
    }
  }
}
