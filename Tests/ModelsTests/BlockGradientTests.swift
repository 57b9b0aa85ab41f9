import Activations
import Checkpoints
import Foundation
import Kernels
import Models
import Tensors
import Testing

/// Of single precision against autograd in double, relative to the largest value of a gradient:
/// sums over 15 tokens and two layers, and the exponential's 2.9e-7 in each softmax.
private let relativeTolerance: Float = 2e-5

@Suite("Gradients of a distillation equal autograd's")
struct BlockGradientTests {
  static let folder = Fixtures.models + "/../gradients/"
  static let models = ["pico-energies", "pico-centroids"]
  static let teacher = Fixtures.models + "/../mohd/pico-mohd-converted"

  /// One way there and back; gradients of each layer.
  private static func gradients(
    of model: String, batch: TokenBatch, threads: Int, tapeByteLimit: Int = 1 << 30
  ) throws -> (loss: Double, layers: [TrainableLayer], checkpoint: Checkpoint) {
    let checkpoint = try Checkpoint.open(folder + model)
    let pool = WorkerPool(workerCount: threads)
    let other = try Checkpoint.open(teacher)
    let wanted = try LayerSweep(checkpoint: other, pool: pool).run(batch, into: NoSink())
    let sweep = LayerSweep(checkpoint: checkpoint, pool: pool, execution: .naive)
    let layers = (0..<checkpoint.configuration.layerCount).map { sweep.loadApart(layer: $0) }
    let residual = sweep.embed(batch).view
    let gradient = BlockGradient(
      checkpoint.configuration, tokenCount: batch.tokenCount,
      longestSequence: batch.sequences.map(\.rows.count).max() ?? 0, pool: pool,
      tapeByteLimit: tapeByteLimit)
    for (index, layer) in layers.enumerated() {
      gradient.goThrough(batch, layer: index, of: sweep, layer, residual: residual)
    }
    let d = Matrix(rowCount: residual.rowCount, columnCount: residual.columnCount)
    let readout = try #require(Readout(checkpoint: checkpoint, pool: pool))
    let otherReadout = try #require(Readout(checkpoint: other, pool: pool))
    let loss = readout.divergence(residual, from: otherReadout, wanted.view, gradient: d.view)
    let results = layers.map { $0.trainable.zeros() }
    for layer in layers.indices.reversed() {
      gradient.goBack(
        batch, layer: layer, of: sweep, layers[layer], d: d.view, into: results[layer])
    }
    return (loss, results, checkpoint)
  }

  @Test("The loss, and its gradients by projections and bases", arguments: models)
  func autograd(model: String) throws {
    let expected = try ExpectedTensors(path: Self.folder + model + "/expected.safetensors")
    let (loss, layers, _) = try Self.gradients(
      of: model, batch: try expected.batch(), threads: 2)
    try expectClose([Float(loss)], expected["loss"], label: "\(model) loss")
    var compared = 0
    for (index, layer) in layers.enumerated() {
      for component in MoHDComponent.allCases {
        guard let found = layer[component] else { continue }
        let name = "\(component.rawValue)"
        try expectClose(
          found.projections.elements(), expected["\(name)_projections/\(index)"],
          label: "\(model) \(name)_projections/\(index)")
        #expect((found.basis == nil) == (expected["\(name)_basis/\(index)"] == nil))
        if let basis = found.basis {
          try expectClose(
            basis.elements(), expected["\(name)_basis/\(index)"],
            label: "\(model) \(name)_basis/\(index)")
        }
        compared += 1
      }
    }
    // Both components of both layers; the second model has one that is dense and left alone.
    #expect(compared == (model == "pico-centroids" ? 3 : 4))
  }

  @Test(
    "They depend neither on the number of threads nor on what is kept, to the bit",
    arguments: models)
  func threads(model: String) throws {
    // More than one panel of rows, and of logits.
    var start = 0
    let sequences = [200, 1, 250, 200].enumerated().map { index, length in
      defer { start += length }
      return TokenBatch.Sequence(rows: start..<start + length, document: index, index: 0)
    }
    let ids = (0..<start).map { Int32(($0 &* 7919) % 96) }
    let batch = TokenBatch(tokenIDs: ids, sequences: sequences)
    let found = try [(1, 1 << 30), (3, 1 << 30), (2, 0)].map { threads, limit in
      let result = try Self.gradients(
        of: model, batch: batch, threads: threads, tapeByteLimit: limit)
      return (result.loss, result.layers.flatMap { $0.matrices.map { $0.elements() } })
    }
    #expect(found[0].0 == found[1].0)
    #expect(found[0].1 == found[1].1)
    #expect(found[0].0 == found[2].0)
    #expect(found[0].1 == found[2].1)
  }

  private func expectClose(_ found: [Float], _ expected: [Float]?, label: String) throws {
    let expected = try #require(expected, "\(label)")
    try #require(found.count == expected.count, "\(label)")
    let largest = expected.reduce(Float.leastNormalMagnitude) { max($0, abs($1)) }
    let worst = zip(found, expected).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) } / largest
    #expect(worst <= relativeTolerance, "\(label): \(worst)")
  }
}
