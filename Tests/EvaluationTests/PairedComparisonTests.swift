import Activations
import Checkpoints
import Corpora
import Evaluation
import Files
import Foundation
import Kernels
import Reporting
import Testing

/// Single-precision logits of about 5 in batches of other shapes.
private let tolerance = 2e-5

@Suite("Two models in lock step")
struct PairedComparisonTests {
  /// The pico models share their sizes; the second has other weights.
  private static let texts = [
    ("a", prose(40, seed: 1)), ("a", prose(20, seed: 2)), ("b", prose(30, seed: 3)),
  ]

  private func comparison(_ name: String) throws -> (PairedResult, Pico, Pico, TokenizedCorpus) {
    let (dense, other) = (try Pico(), try Pico(name))
    let corpus = try dense.corpus(Self.texts)
    let result = try PairedComparison(
      dense: dense.checkpoint, converted: other.checkpoint, corpus: corpus, pool: dense.pool
    ).run()
    return (result, dense, other, corpus)
  }

  private func close(_ found: Double?, _ expected: Double) -> Bool {
    found.map { abs($0 - expected) <= tolerance * max(abs(expected), 1) } ?? false
  }

  @Test("A model loses nothing beside itself")
  func itself() throws {
    let (result, _, _, _) = try comparison("pico-llama")
    let exact = Estimate(1, standardError: 0, degreesOfFreedom: 2)
    #expect(result.all.perplexityRatio == exact && result.all.agreement == exact)
    #expect(abs(result.all.divergence.value) < 1e-6)
    #expect(result.geometricMeanRatio?.value == 1)
    #expect(result.reconstruction.count == 6 && result.routers.isEmpty)
    for row in result.reconstruction {
      #expect(row.determination == 1 && row.magnitudeRatio == 1, "\(row)")
      #expect(close(row.cosine, 1))
    }
  }

  @Test("KL, agreement and perplexities are those of all logits in Double")
  func oracle() throws {
    let (result, dense, other, corpus) = try comparison("pico-llama-linear")
    var (divergence, agreeing, loss, otherLoss, scored) = (0.0, 0.0, 0.0, 0.0, 0.0)
    for sequence in corpus.sequences {
      let ids = Array(corpus.tokenIDs[sequence.rows])
      let batch = TokenBatch(
        tokenIDs: ids, sequences: [.init(rows: 0..<ids.count, document: 0, index: 0)])
      for (row, other) in zip(try dense.logits(batch), try other.logits(batch)) {
        let (p, q) = (logSoftmax(row), logSoftmax(other))
        divergence += zip(p, q).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) }
        agreeing += row.firstIndex(of: row.max()!) == other.firstIndex(of: other.max()!) ? 1 : 0
      }
      guard ids.count > 1 else { continue }
      loss += try dense.losses(ids).reduce(0, +)
      otherLoss += try other.losses(ids).reduce(0, +)
      scored += Double(ids.count - 1)
    }
    let positions = Double(corpus.tokenCount)
    #expect(divergence > 1e-3 * positions)
    #expect(close(result.all.divergence.value, divergence / positions))
    #expect(result.all.agreement.value == agreeing / positions)
    #expect(close(result.all.dense?.value, exp(loss / scored)))
    #expect(close(result.all.converted?.value, exp(otherLoss / scored)))
    #expect(close(result.all.perplexityRatio?.value, exp((otherLoss - loss) / scored)))
    let ratios = result.domains.compactMap(\.scores.perplexityRatio?.value)
    #expect(ratios.count == 2)
    #expect(close(result.geometricMeanRatio?.value, (ratios[0] * ratios[1]).squareRoot()))
    #expect(result.domains.map(\.scores.standardErrorUnits) == ["documents", "sequences"])
  }

  @Test("Results do not depend on the number of threads")
  func threads() throws {
    let (result, dense, other, corpus) = try comparison("pico-llama-linear")
    let alone = try PairedComparison(
      dense: dense.checkpoint, converted: other.checkpoint, corpus: corpus,
      pool: WorkerPool(workerCount: 1)
    ).run()
    #expect(alone == result)
  }

  @Test("The routers of a MoHD model are followed, in each domain", arguments: [1, 2])
  func routers(threads: Int) throws {
    let dense = try Pico()
    let other = try Checkpoint.open(
      URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/mohd/pico-mohd-paper").path)
    let corpus = try dense.corpus(Self.texts)
    let result = try PairedComparison(
      dense: dense.checkpoint, converted: other, corpus: corpus,
      pool: WorkerPool(workerCount: threads)
    ).run()
    #expect(result.routers.map(\.component) == ["attention", "ffn", "attention", "ffn"])
    #expect(result.routers.map(\.layer) == [0, 0, 1, 1])
    for router in result.routers {
      #expect(router.load[..<3] == [1, 1, 1] && router.domains.keys.sorted() == ["a", "b"])
      for load in [router.load] + router.domains.values {
        #expect(abs(load.reduce(0, +) - 4) < 1e-12)
      }
      #expect(abs(router.meanScore.reduce(0, +) - 1) < 1e-5)
      // α = N·G of four softmax scores of eight: between 4 and 8, if the largest are active.
      #expect((router.smallestScale ?? 0) > 0 && (router.largestScale ?? 9) <= 8.0001)
    }
    let report = ComparisonReport(
      ModelComparison(
        denseName: "dense", convertedName: "mohd", provenance: [:], result: result,
        throughput: nil,
        parameters: .init(dense: dense.checkpoint.configuration, converted: other.configuration),
        overlap: nil), command: ""
    ).report
    try report.validate()
    #expect(report.sections.map(\.id).contains("routers"))
  }

  @Test("Models of other sizes are refused")
  func sizes() throws {
    let dense = try Pico()
    let other = try Checkpoint.open(
      URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/checkpoints/llama-f32").path)
    let corpus = try dense.corpus(Self.texts)
    #expect(throws: EvaluationError.self) {
      try PairedComparison(
        dense: dense.checkpoint, converted: other, corpus: corpus, pool: dense.pool)
    }
  }

  @Test("comparison.json survives reading, and its folder holds tables, figures and the page")
  func folder() throws {
    let (result, dense, other, corpus) = try comparison("pico-llama-linear")
    let path = FileManager.default.temporaryDirectory
      .appending(path: "mohd-comparison-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let speed = try ThroughputMeasurement(tokenIDs: corpus.tokenIDs, roundCount: 2).run(
      dense: dense.checkpoint, converted: other.checkpoint, pool: dense.pool, checkpoint: {})
    #expect(speed.denseSeconds.count == 2 && speed.speedup > 0)
    let comparison = ModelComparison(
      denseName: "dense", convertedName: "converted", provenance: ["tool": "test"],
      result: result, throughput: speed,
      parameters: .init(
        dense: dense.checkpoint.configuration, converted: other.checkpoint.configuration),
      overlap: nil,
      training: TrainingRecord(
        tokenCount: 3072, lossBefore: 2, lossAfter: 1, isKept: true, losses: [2.1, 1.6, 1.2]))
    #expect(comparison.warnings.contains { $0.kind == .littleText })
    let written = try ComparisonFolder(path: path).write(
      comparison, command: "mohd-eval compare", plotlyPath: nil, browser: nil)
    // Perplexity, divergence, reconstruction, and the loss of training.
    #expect(written.figures.count == 4)
    #expect(try ModelComparison(path: path + "/comparison.json") == comparison)
    for table in [
      "domains", "reconstruction", "routers", "router_evenness", "speed", "training",
    ] {
      #expect(Folder.kind(of: path + "/tables/\(table).csv") == .file)
    }
  }

  @Test("Calibration text is found by the digests in conversion.json")
  func overlap() throws {
    let dense = try Pico()
    let corpus = try dense.corpus(Self.texts)
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "mohd-conversion-\(UUID().uuidString)").path
    try Folder.create(folder)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    #expect(
      try CalibrationOverlap(of: corpus, conversionFolder: folder, decode: { _ in [] }) == nil)
    let digest = SHA256.hash(Array(Self.texts[1].1.utf8))
    let json = #"{"calibration": {"document_sha256": ["\#(digest)", "00"]}, "plan": []}"#
    try Data(json.utf8).write(to: URL(filePath: folder + "/conversion.json"))
    let found = try CalibrationOverlap(of: corpus, conversionFolder: folder, decode: { _ in [] })
    #expect(found?.documentCount == 1 && found?.evaluatedCount == 3)
    #expect(
      try #require(found.flatMap(EvaluationWarning.overlapping)).text.contains(
        "is 1 of 3 documents"))
    try Data("[".utf8).write(to: URL(filePath: folder + "/conversion.json"))
    #expect(throws: JSONError.self) {
      try CalibrationOverlap(of: corpus, conversionFolder: folder, decode: { _ in [] })
    }
  }

  @Test(
    "Where conversion.json lists no documents, the corpus may still be the same one, or is unknown",
    arguments: [#""document_sha256": [], "#, #""document_sha256": null, "#, ""])
  func unknownOverlap(documents: String) throws {
    let corpus = try Pico().corpus(Self.texts)
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "mohd-conversion-\(UUID().uuidString)").path
    try Folder.create(folder)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    func overlap(_ corpusDigest: String) throws -> CalibrationOverlap? {
      let json = #"{"calibration": {\#(documents)"corpus_sha256": "\#(corpusDigest)"}}"#
      try Data(json.utf8).write(to: URL(filePath: folder + "/conversion.json"))
      return try CalibrationOverlap(of: corpus, conversionFolder: folder, decode: { _ in [] })
    }
    let unknown = try #require(try overlap("00"))
    #expect(unknown.documentCount == nil && unknown.evaluatedCount == 3)
    let warning = try #require(EvaluationWarning.overlapping(unknown))
    #expect(warning.kind == .calibrationOverlap && warning.text.contains("not known"))
    #expect(try overlap(corpus.sha256)?.documentCount == 3)
  }

  @Test("What conversion.json says of training is read, and nothing where it says nothing")
  func training() throws {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "mohd-conversion-\(UUID().uuidString)").path
    try Folder.create(folder)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    #expect(try TrainingRecord.read(conversionFolder: folder) == nil)
    let path = URL(filePath: folder + "/conversion.json")
    try Data(#"{"components": []}"#.utf8).write(to: path)
    #expect(try TrainingRecord.read(conversionFolder: folder) == nil)
    let json =
      #"{"token_count": 2048, "loss_before": 2, "loss_after": 3, "kept": false, "losses": [2]}"#
    try Data(#"{"distillation": \#(json)}"#.utf8).write(to: path)
    let found = try #require(try TrainingRecord.read(conversionFolder: folder))
    #expect(found.tokenCount == 2048 && !found.isKept && found.losses == [2])
    try Data(#"{"distillation": {"kept": 1}}"#.utf8).write(to: path)
    #expect(throws: JSONError.self) {
      try TrainingRecord.read(conversionFolder: folder)
    }
  }

  private func logSoftmax(_ row: [Double]) -> [Double] {
    let largest = row.max() ?? 0
    let sum = largest + log(row.reduce(0) { $0 + exp($1 - largest) })
    return row.map { $0 - sum }
  }
}
