import Activations
import Checkpoints
import Foundation
import Kernels
import Models
import Tensors
import Testing

/// See Tests/Fixtures/generate_odd_checkpoints.py.
@Suite("What transformers loads, we load, with its numbers")
struct OddCheckpointTests {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../Fixtures/odd_checkpoints").standardizedFileURL.path
  static let names =
    ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()

  @Test("Residual stream and logits of checkpoints as other programs leave them", arguments: names)
  func numbers(name: String) throws {
    let expected = try ExpectedTensors(path: Self.folder + "/\(name)/expected.safetensors")
    let checkpoint = try Checkpoint.open(Self.folder + "/" + name)
    let pool = WorkerPool(workerCount: 1)
    let batch = try expected.batch()
    let residual = try LayerSweep(checkpoint: checkpoint, pool: pool).run(batch, into: NoSink())
    try close(residual.view.elements(), expected["residual"], "\(name), residual stream")
    let readout = Readout(checkpoint: checkpoint, pool: pool)
    guard let logits = expected["logits"] else {
      // transformers would draw a head at random.
      #expect(readout == nil && checkpoint.head == .none, "\(name)")
      return
    }
    let recorder = LogitsRecorder(
      rowCount: batch.tokenCount, columnCount: checkpoint.configuration.vocabularySize)
    try #require(readout).forEachPanel(residual.view) { recorder.record($0, $1) }
    try close(recorder.elements, logits, "\(name), logits")
  }

  private func close(_ found: [Float], _ expected: [Float]?, _ label: String) throws {
    let expected = try #require(expected)
    #expect(found.count == expected.count)
    let largest = expected.map(abs).max() ?? 1
    let difference = zip(found, expected).map { abs($0 - $1) }.max() ?? .infinity
    #expect(difference <= 1e-5 * largest, "\(label): \(difference) of \(largest)")
  }

  @Test(
    "What was settled or left out is said, and nothing else",
    arguments: [
      ("bare-names", nil), ("tied-head-equal", nil), ("tied-head-alone", nil),
      ("index-swaps-files", nil), ("key-value-heads-null-qwen2", nil),
      ("tied-head-apart", "differs from the embedding"), ("no-head", "nothing can be scored"),
      ("index-lists-a-tied-head", "1 tensor (lm_head.weight) listed"),
      ("index-lists-frequencies", "listed that no file holds"),
      ("tensor-in-two-files", "mlp.up_proj.weight) in several"),
      ("float64", "of type F64 rounded"),
      (
        "tensors-nobody-asks-for",
        "2 tensors (model.layers.0.self_attn.q_proj.bias, model.layers.2.input_layernorm.weight) not"
      ),
    ] as [(String, String?)])
  func warnings(name: String, text: String?) throws {
    let found = try Checkpoint.open(Self.folder + "/" + name).warnings
    #expect(found.count == (text == nil ? 0 : 1), "\(found)")
    if let text { #expect(found.first?.contains(text) == true, "\(found)") }
  }

  @Test("The configuration says what the head is, so that what is written from it says so too")
  func heads() throws {
    for (name, head) in [
      ("tied-head-apart", Checkpoint.Head.own), ("tied-head-equal", .tied),
      ("tied-head-alone", .tied), ("bare-names", .own), ("no-head", .none),
    ] {
      let checkpoint = try Checkpoint.open(Self.folder + "/" + name)
      #expect(checkpoint.head == head, "\(name)")
      #expect(checkpoint.configuration.tiesWordEmbeddings == (head == .tied), "\(name)")
      #expect((checkpoint.weight(.outputProjection) == nil) == (head == .none), "\(name)")
    }
    // A tied head that is stored twice counts once.
    let counts = try ["tied-head-equal", "tied-head-alone", "no-head"].map {
      try Checkpoint.open(Self.folder + "/" + $0).parameterCount
    }
    #expect(Set(counts).count == 1)
  }

  @Test("A NaN is blamed on the weight that holds it")
  func damage() throws {
    let scratch = FileManager.default.temporaryDirectory
      .appending(path: "mohd-damage-\(UUID().uuidString)").path
    try FileManager.default.copyItem(
      atPath: Self.folder + "/bare-names", toPath: scratch)
    defer { try? FileManager.default.removeItem(atPath: scratch) }
    #expect(try Checkpoint.open(scratch).damage() == nil)
    let name = "layers.1.mlp.down_proj.weight"
    let file = URL(filePath: scratch + "/model.safetensors")
    let found = try #require(
      try Checkpoint.open(scratch).tensors.first { $0.name == name })
    var bytes = try Data(contentsOf: file)
    bytes.replaceSubrange(
      found.bytes.lowerBound + 8..<found.bytes.lowerBound + 12, with: [0, 0, 0xc0, 0x7f])
    try bytes.write(to: file)
    let damaged = try Checkpoint.open(scratch)
    #expect(damaged.damage() == .init(tensor: name, layer: 1, count: 1))
    #expect(damaged.damage(through: 0) == nil)
    #expect(damaged.damage(through: 1)?.layer == 1)
  }
}
