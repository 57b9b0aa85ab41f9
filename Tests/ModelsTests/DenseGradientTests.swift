import Activations
import Checkpoints
import Kernels
import Models
import Tensors
import Testing

/// Of single precision against autograd in double, relative to the largest value of a derivative:
/// sums over 37 keys and two layers, and the exponential's 2.9e-7 in each softmax.
private let relativeTolerance: Float = 2e-5

/// Of a mean over `drawCount` draws, relative to the whole information of a component. The squares of
/// derivatives have standard deviations of a few means; summed over the tokens and outputs of a
/// component a mean of so many is off by less than this.
private let samplingTolerance = 0.06
private let drawCount: UInt64 = 600

@Suite("The way back through a dense model equals autograd's")
struct DenseGradientTests {
  static let models = ["pico-llama-biases-llama3", "pico-mistral-window", "pico-qwen2"]

  /// A model, its text, and what autograd found.
  private struct Case {
    let checkpoint: Checkpoint
    let batch: TokenBatch
    let expected: ExpectedTensors
    let pool: WorkerPool

    init(_ model: String, threads: Int = 2) throws {
      let folder = Fixtures.models + "/" + model
      checkpoint = try Checkpoint.open(folder)
      batch = try ExpectedTensors(path: folder + "/expected.safetensors").batch()
      expected = try ExpectedTensors(
        path: Fixtures.models + "/../fisher/\(model).safetensors")
      pool = WorkerPool(workerCount: threads)
    }

    /// Goes there and back.
    ///
    /// - Parameters:
    ///   - derivative: fills the second matrix with that by the first, the last residual stream.
    ///   - found: of each layer and component, [tokens, m].
    func run(
      tapeByteLimit: Int = 1 << 30, _ derivative: (MatrixView, MatrixView) throws -> Void,
      _ found: (_ layer: Int, _ component: MoHDComponent, _ d: MatrixView) throws -> Void
    ) throws {
      let sweep = LayerSweep(checkpoint: checkpoint, pool: pool)
      let gradient = BlockGradient(
        checkpoint.configuration, tokenCount: batch.tokenCount,
        longestSequence: batch.sequences.map(\.rows.count).max() ?? 0, pool: pool,
        tapeByteLimit: tapeByteLimit)
      let residual = sweep.embed(batch).view
      for layer in 0..<checkpoint.configuration.layerCount {
        gradient.goThrough(
          batch, layer: layer, of: sweep, sweep.loadedLayer(layer), residual: residual)
      }
      let d = Matrix(rowCount: residual.rowCount, columnCount: residual.columnCount)
      try derivative(residual, d.view)
      for layer in (0..<checkpoint.configuration.layerCount).reversed() {
        var results: [(MoHDComponent, [Float])] = []
        gradient.goBack(
          batch, layer: layer, of: sweep, sweep.loadedLayer(layer), d: d.view, into: nil
        ) { results.append(($0, $1.elements())) }
        for (component, values) in results {
          let width = checkpoint.configuration.projectionWidth(component)
          let matrix = Matrix(rowCount: batch.tokenCount, columnCount: width)
          matrix.view.withMutableSpan { span in
            for index in values.indices { span[index] = values[index] }
          }
          try found(layer, component, matrix.view)
        }
      }
    }
  }

  @Test("Derivatives by projections", arguments: models, [1 << 30, 0])
  func derivatives(model: String, tapeByteLimit: Int) throws {
    let given = try Case(model)
    let other = try Checkpoint.open(Fixtures.models + "/pico-llama")
    let wanted = try LayerSweep(checkpoint: other, pool: given.pool)
      .run(given.batch, into: NoSink())
    let readout = try #require(Readout(checkpoint: given.checkpoint, pool: given.pool))
    let otherReadout = try #require(Readout(checkpoint: other, pool: given.pool))
    var compared = 0
    try given.run(tapeByteLimit: tapeByteLimit) { residual, d in
      let loss = readout.divergence(residual, from: otherReadout, wanted.view, gradient: d)
      let expected = try #require(given.expected["loss"]?.first)
      #expect(abs(Float(loss) - expected) <= relativeTolerance * expected)
    } _: { layer, component, d in
      let name = "\(component.rawValue)_derivative/\(layer)"
      let expected = try #require(given.expected[name])
      let found = d.elements()
      try #require(found.count == expected.count)
      let largest = expected.reduce(Float.leastNormalMagnitude) { max($0, abs($1)) }
      let worst = zip(found, expected).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) } / largest
      #expect(worst <= relativeTolerance, "\(model) \(name): \(worst)")
      compared += 1
    }
    #expect(compared == 4)
  }

  @Test("Squares of drawn scores have the Fisher information as their mean", arguments: models)
  func fisher(model: String) throws {
    let given = try Case(model)
    let readout = try #require(Readout(checkpoint: given.checkpoint, pool: given.pool))
    var sums: [String: [Double]] = [:]
    for seed in 0..<drawCount {
      try given.run { residual, d in
        readout.scoreGradient(residual, seed: seed, into: d)
      } _: { layer, component, d in
        let name = "\(component.rawValue)_fisher/\(layer)"
        var sum = sums[name] ?? [Double](repeating: 0, count: d.columnCount)
        for (index, value) in d.elements().enumerated() {
          sum[index % d.columnCount] += Double(value) * Double(value)
        }
        sums[name] = sum
      }
    }
    #expect(sums.count == 4)
    for (name, sum) in sums {
      var expected = [Double](repeating: 0, count: sum.count)
      for (index, value) in try #require(given.expected[name]).enumerated() {
        expected[index % sum.count] += Double(value)
      }
      let whole = expected.reduce(0, +)
      let found = sum.map { $0 / Double(drawCount) }
      #expect(
        abs(found.reduce(0, +) - whole) <= samplingTolerance * whole,
        "\(model) \(name): \(found.reduce(0, +)) is not \(whole)")
      let off = zip(found, expected).reduce(0.0) { $0 + abs($1.0 - $1.1) } / whole
      #expect(off <= 2 * samplingTolerance, "\(model) \(name): outputs are \(off) off")
    }
  }

  @Test("Drawn scores depend on the seed alone, to the bit")
  func threads() throws {
    func scores(threads: Int, seed: UInt64) throws -> [[Float]] {
      let given = try Case("pico-qwen2", threads: threads)
      let readout = try #require(Readout(checkpoint: given.checkpoint, pool: given.pool))
      var found: [[Float]] = []
      try given.run { residual, d in
        readout.scoreGradient(residual, seed: seed, into: d)
      } _: { _, _, d in
        found.append(d.elements())
      }
      return found
    }
    let first = try scores(threads: 1, seed: 7)
    #expect(try scores(threads: 3, seed: 7) == first)
    #expect(try scores(threads: 1, seed: 8) != first)
  }
}
