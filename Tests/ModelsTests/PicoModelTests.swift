import Activations
import Checkpoints
import Foundation
import Kernels
import Models
import Tensors
import Testing

/// Both programs compute in Float32 and sum a few dozen terms in different orders; errors are
/// relative to the largest value of the hook point, so that cancellations do not decide.
private let relativeTolerance: Float = 1e-5

@Suite("The forward pass equals transformers' at every hook point")
struct PicoModelTests {
  static let models = [
    "pico-llama", "pico-llama-biases-llama3", "pico-llama-linear", "pico-qwen2",
    "pico-mistral-window",
  ]

  @Test("All 14 hook points of both layers, and the logits", arguments: models, [1, 2])
  func hookPoints(model: String, threads: Int) throws {
    let folder = Fixtures.models + "/" + model
    let expected = try ExpectedTensors(path: folder + "/expected.safetensors")
    let checkpoint = try Checkpoint.open(folder)
    let pool = WorkerPool(workerCount: threads)
    let sweep = LayerSweep(checkpoint: checkpoint, pool: pool)
    let batch = try expected.batch()
    let recorder = Recorder(configuration: checkpoint.configuration)

    let residual = try sweep.run(batch, into: recorder)

    for layer in 0..<checkpoint.configuration.layerCount {
      for hookPoint in checkpoint.configuration.hookPoints {
        let site = ActivationSite(layer: layer, hookPoint: hookPoint)
        try expectClose(
          recorder.values(at: site), expected["\(hookPoint.rawValue)/\(layer)"],
          label: "\(model) \(hookPoint.rawValue)/\(layer)")
      }
    }
    let readout = try #require(Readout(checkpoint: checkpoint, pool: pool))
    let logits = LogitsRecorder(
      rowCount: batch.tokenCount, columnCount: checkpoint.configuration.vocabularySize)
    readout.forEachPanel(residual.view) { rows, values in logits.record(rows, values) }
    try expectClose(logits.elements, expected["logits"], label: "\(model) logits")
  }

  @Test("Results do not depend on the number of threads, to the bit", arguments: models)
  func threads(model: String) throws {
    let folder = Fixtures.models + "/" + model
    let batch = try ExpectedTensors(path: folder + "/expected.safetensors").batch()
    let checkpoint = try Checkpoint.open(folder)
    let results = try [1, 2, 3].map { threads in
      let sweep = LayerSweep(checkpoint: checkpoint, pool: WorkerPool(workerCount: threads))
      return try sweep.run(batch, into: NoSink()).view.elements()
    }
    #expect(results[0] == results[1] && results[1] == results[2])
  }

  @Test("A sequence's values do not depend on what else is in the batch")
  func independence() throws {
    let folder = Fixtures.models + "/pico-llama"
    let expected = try ExpectedTensors(path: folder + "/expected.safetensors")
    let checkpoint = try Checkpoint.open(folder)
    let sweep = LayerSweep(checkpoint: checkpoint, pool: WorkerPool(workerCount: 2))
    let whole = try expected.batch()
    let last = try #require(whole.sequences.last)
    let alone = TokenBatch(
      tokenIDs: Array(whole.tokenIDs[last.rows]),
      sequences: [.init(rows: 0..<last.rows.count, document: last.document, index: 0)])
    let together = try sweep.run(whole, into: NoSink())
    let separate = try sweep.run(alone, into: NoSink())
    try expectClose(
      separate.view.elements(), together.rows(last.rows).elements(), label: "last sequence")
  }

  @Test("Only the layers that a sink wants have to run")
  func layersNeeded() throws {
    let checkpoint = try Checkpoint.open(Fixtures.models + "/pico-llama")
    let sweep = LayerSweep(checkpoint: checkpoint, pool: WorkerPool(workerCount: 1))
    #expect(sweep.layersNeeded(by: NoSink()) == 0)
    #expect(sweep.layersNeeded(by: Recorder(configuration: checkpoint.configuration)) == 2)
  }

  private func expectClose(_ actual: [Float], _ expected: [Float]?, label: String) throws {
    let expected = try #require(expected, "\(label): no expected values")
    try #require(actual.count == expected.count, "\(label): \(actual.count) values")
    let largest = expected.map(abs).max() ?? 0
    let worst = actual.indices.max {
      abs(actual[$0] - expected[$0]) < abs(actual[$1] - expected[$1])
    }
    guard let worst else { return }
    let error = abs(actual[worst] - expected[worst])
    #expect(
      error <= relativeTolerance * largest,
      "\(label)[\(worst)]: expected \(expected[worst]), found \(actual[worst]); largest \(largest)")
  }
}
