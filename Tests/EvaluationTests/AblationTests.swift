import Activations
import Checkpoints
import Corpora
import Evaluation
import Foundation
import Kernels
import Models
import Tensors
import Testing

@Suite("Ablations")
struct AblationTests {
  /// Stops a run.
  private struct Stop: Error {}

  private static let dense = "pico-llama"
  private static func mohd(_ name: String) -> String { "../mohd/pico-mohd-\(name)" }

  private let texts = [
    ("a", prose(90, seed: 1)), ("a", prose(40, seed: 2)), ("b", prose(120, seed: 3)),
    ("b", prose(30, seed: 4)),
  ]

  private func text(_ pico: Pico) throws -> AblationText {
    try AblationText(pico.corpus(texts, sequenceLength: 16))
  }

  private func run(
    _ model: String, dense: Bool = true,
    options: Ablation.Options = .init(seed: 5, knockOutCount: 4),
    threads: Int = 2, shelf: ResultShelf? = nil,
    progress: (Int, Int) throws -> Void = { _, _ in }
  ) throws -> AblationResult {
    let pico = try Pico(Self.mohd(model))
    let ablation = try Ablation(
      converted: pico.checkpoint, dense: dense ? Pico(Self.dense).checkpoint : nil,
      text: text(pico), options: options, pool: WorkerPool(workerCount: threads), shelf: shelf)
    return AblationResult(
      convertedName: model, denseName: dense ? Self.dense : nil, provenance: [:],
      measurements: try ablation.run(progress: progress), overlap: nil)
  }

  @Test(
    "The same seed gives the same bytes, whatever the threads; another seed does not",
    arguments: ["converted", "paper", "per-layer", "monarch-basis"])
  func determinism(model: String) throws {
    let one = try run(model, threads: 1).encoded()
    #expect(try run(model, threads: 3).encoded() == one)
    #expect(try run(model, options: .init(seed: 6, knockOutCount: 4)).encoded() != one)
  }

  @Test("A run that was stopped goes on where it was, and ends with the same bytes")
  func resuming() throws {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "mohd-ablation-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let shelf = ResultShelf(directory: folder.path, context: ["text": "prose"])
    let whole = try run("converted").encoded()
    var last = 0
    #expect(throws: Stop.self) {
      try run("converted", shelf: shelf) { done, total in
        if done > total / 2 { throw Stop() }
      }
    }
    let kept = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(!kept.isEmpty)
    // One of them damaged: it is measured again.
    try Data("{".utf8).write(to: folder.appending(path: kept.sorted()[0]))
    #expect(try run("converted", shelf: shelf).encoded() == whole)
    #expect(
      try run("converted", shelf: shelf) { done, _ in last = max(last, done) }.encoded() == whole)
    #expect(last == 0, "everything is on the shelf")
  }

  @Test("Each variant is there with its score, or with a reason; a result survives JSON")
  func rows() throws {
    for model in ["converted", "paper", "input-gates"] {
      let result = try run(model)
      #expect(result.routing.map(\.variant) == RoutingVariant.allCases)
      for row in result.routing { #expect((row.score == nil) == (row.reason != nil)) }
      #expect(result.routing[0].score?.ratio.value == 1)
      #expect(result.routing[0].score?.lossIncrease.standardError == 0)
      #expect(result.zeroings.count == 9 && result.zeroesDense)
      #expect(result.knockOuts.count == min(4, result.knockOutCandidateCount))
      #expect(
        try JSONDecoder().decode(AblationResult.self, from: Data(result.encoded())) == result)
    }
    let converted = try run("converted")
    #expect(converted.routing.first { $0.variant == .oracle }?.reason != nil)
    #expect(converted.removals.filter { $0.score != nil }.map(\.part) == [.scaling, .compensation])
    let paper = try run("paper", dense: false)
    #expect(paper.routing.first { $0.variant == .oracle }?.score != nil)
    #expect(paper.removals.filter { $0.score != nil }.map(\.part) == [.fusion, .scaling])
    #expect(paper.dense == nil && !paper.zeroesDense && paper.zeroings.count == 9)
  }

  @Test("A variant whose logits are not finite has a reason, and the others their scores")
  func notFinite() throws {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "mohd-ablation-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let pico = try Pico()
    let broken = try Self.neverChosen(copyOf: "pico-mohd-paper", in: folder)
    func run() throws -> AblationResult {
      let ablation = try Ablation(
        converted: broken, dense: nil, text: AblationText(Pico().corpus(texts)),
        options: .init(knockOutCount: 2), pool: pico.pool,
        shelf: ResultShelf(directory: folder.path + "/shelf", context: [:]))
      return AblationResult(
        convertedName: "broken", denseName: nil, provenance: [:],
        measurements: try ablation.run(), overlap: nil)
    }
    let result = try run()
    for row in result.routing {
      let reason = "its logits are not finite"
      switch row.variant {
      case .all, .random: #expect(row.score == nil && row.reason == reason, "\(row.variant)")
      case .own, .sharedOnly: #expect(row.score != nil && row.reason == nil, "\(row.variant)")
      default: #expect((row.score == nil) == (row.reason == reason), "\(row.variant)")
      }
    }
    try AblationReport(result, command: "x").report.validate()
    #expect(try run() == result, "the shelf keeps what is not finite")
  }

  /// A copy in which one specialised sub-dimension of the first FFN would overflow if it were ever
  /// chosen, and the router never chooses it.
  private static func neverChosen(copyOf name: String, in folder: URL) throws -> Checkpoint {
    let fixture = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Fixtures/mohd/\(name)")
    try FileManager.default.copyItem(at: fixture, to: folder)
    let path = folder.appending(path: "model.safetensors")
    let file = try SafetensorsFile(path: path.path)
    var bytes = file.file.copyBytes()
    // BF16: −1e30 and the largest number, of the last sub-dimension.
    for (suffix, pattern) in [("router.bias", UInt16(0xF14A)), ("scale", 0x7F7F)] {
      let tensor = try #require(
        file.tensors.first { $0.name == "model.layers.0.mlp.mohd.\(suffix)" })
      let end = tensor.bytes.upperBound
      bytes[end - 2] = UInt8(pattern & 0xFF)
      bytes[end - 1] = UInt8(pattern >> 8)
    }
    try Data(bytes).write(to: path)
    return try Checkpoint.open(folder.path)
  }

  @Test("What is kept of the dense model is what a comparison finds, and less of a worse variant")
  func information() throws {
    let pico = try Pico(Self.mohd("paper"))
    let text = try text(pico)
    let whole = try PairedComparison(
      dense: Pico(Self.dense).checkpoint, converted: pico.checkpoint, corpus: text.corpus,
      pool: pico.pool, execution: .naive
    ).run()
    let rows = try run("paper").information
    #expect(rows.map(\.routing) == [.own, .random, .all, nil, nil])
    #expect(rows.map(\.removed) == [nil, nil, nil, .fusion, .scaling])
    #expect(rows[0].divergence == whole.all.divergence && rows[0].agreement == whole.all.agreement)
    #expect(rows[0].reconstruction == whole.reconstruction)
    for row in rows.dropFirst() { #expect(row.divergence != rows[0].divergence) }
    #expect(try run("paper", dense: false).information.isEmpty)
  }

  @Test("Zeroing no dimension changes nothing, and none is asked for by default of a count of 0")
  func fractions() throws {
    let result = try run("converted", options: .init(knockOutCount: 0, fractions: [0]))
    #expect(result.zeroings.allSatisfy { $0.score.ratio.value == 1 })
    #expect(result.knockOuts.isEmpty && result.correlations.energy == nil)
    #expect(try run("converted", options: .init(knockOutCount: 0, fractions: [])).zeroings.isEmpty)
  }

  @Test("A dense model has nothing to take apart")
  func refusal() throws {
    let pico = try Pico()
    #expect(throws: EvaluationError.notConverted) {
      try Ablation(
        converted: pico.checkpoint, dense: nil, text: text(pico), options: .init(),
        pool: pico.pool, shelf: nil)
    }
  }

  @Test("Text that chooses is not scored; of a single sequence there is none to spare")
  func split() throws {
    let pico = try Pico()
    let text = try text(pico)
    #expect(text.isSeparate)
    var (scored, choosing) = (0, 0)
    for sequence in text.corpus.sequences {
      let place = TokenPlace(document: sequence.document, sequence: sequence.index, position: 0)
      #expect(text.isScored(place) != text.chooses(place))
      scored += text.isScored(place) ? 1 : 0
      choosing += text.chooses(place) ? 1 : 0
    }
    // 6 + 3 sequences of a, 8 + 2 of b: the last 3 of each hold a quarter of 130 and 150 tokens.
    #expect(scored == 13 && choosing == 6)
    let one = try AblationText(Pico().corpus([("a", prose(9, seed: 7))]))
    let place = TokenPlace(document: 0, sequence: 0, position: 0)
    #expect(!one.isSeparate && one.isScored(place) && one.chooses(place))
  }
}
