import Activations
import Checkpoints
import Kernels
import Models
import Tensors

/// How close the forward pass comes to what the machine can do: the rate of sgemm alone, on the
/// same shapes, in the same process, against the whole sweep over real weights.
///
///     forward-benchmark MODEL [TOKENS] [SEQUENCE_LENGTH] [ROUNDS]
///
/// Prints one JSON object. Rounds alternate sgemm and sweep; medians are reported.
@main
struct ForwardBenchmark {
  static func main() throws {
    BLASCore.restartIfSlow()
    let arguments = CommandLine.arguments
    guard arguments.count > 1 else {
      return print(
        """
        usage: forward-benchmark MODEL [TOKENS] [LENGTH] [ROUNDS]
               forward-benchmark sparse [ROUNDS] [WHAT]
               forward-benchmark kmeans ROWS COLUMNS CLUSTERS SEED < FLOATS
        """)
    }
    if arguments[1] == "kmeans" { return try KMeansBenchmark.run(Array(arguments.dropFirst(2))) }
    if arguments[1] == "sparse" {
      return try SparseBenchmark.run(
        rounds: arguments.count > 2 ? Int(arguments[2]) ?? 5 : 5,
        what: arguments.count > 3 ? arguments[3] : "")
    }
    let number = { (index: Int, standard: Int) in
      arguments.count > index ? Int(arguments[index]) ?? standard : standard
    }
    let (tokens, length, rounds) = (number(2, 8192), number(3, 512), number(4, 5))
    let checkpoint = try Checkpoint.open(arguments[1])
    let pool = WorkerPool(workerCount: 2)
    let sweep = LayerSweep(checkpoint: checkpoint, pool: pool)
    let batches = makeBatches(
      tokens: tokens, length: length, vocabulary: checkpoint.configuration.vocabularySize)
    let dense = DenseProducts(checkpoint.configuration)
    var (rates, seconds) = ([Double](), [Double]())
    _ = try sweep.run(batches[0], into: NoSink())
    for _ in 0..<rounds {
      rates.append(dense.measure(pool: pool))
      seconds.append(
        try time { for batch in batches { _ = try sweep.run(batch, into: NoSink()) } })
    }
    let rate = median(rates)
    let second = median(seconds)
    let achieved = dense.operationsPerToken * Double(tokens) / second
    print(
      """
      {"tokens": \(tokens), "sequence_length": \(length), "rounds": \(rounds), \
      "forward_seconds": \(second), "forward_tokens_per_second": \(Double(tokens) / second), \
      "blas_core": "\(BLASCore.name)", "sgemm_gigaflops": \(rate / 1e9), "dense_gigaflops_over_the_run": \(achieved / 1e9), \
      "share_of_sgemm_rate": \(achieved / rate)}
      """)
  }

  /// Batches as capture cuts them: at least 4096 tokens each.
  static func makeBatches(tokens: Int, length: Int, vocabulary: Int) -> [TokenBatch] {
    stride(from: 0, to: tokens, by: 4096).map { start in
      let count = min(4096, tokens - start)
      let sequences = stride(from: 0, to: count, by: length).enumerated().map { index, row in
        TokenBatch.Sequence(rows: row..<min(row + length, count), document: 0, index: index)
      }
      let ids = (0..<count).map { Int32(($0 &* 7919 &+ start) % vocabulary) }
      return TokenBatch(tokenIDs: ids, sequences: sequences)
    }
  }
}

/// The linear layers of one block, as plain products on the panels that the sweep uses.
struct DenseProducts {
  private let shapes: [(outputs: Int, inputs: Int)]
  private let layerCount: Int
  private let panelRowCount: Int

  init(_ configuration: ModelConfiguration) {
    panelRowCount = LayerSweep.panelRowCount(configuration)
    let (hidden, intermediate) = (configuration.hiddenSize, configuration.intermediateSize)
    let query = configuration.headCount * configuration.headSize
    let keyValue = configuration.keyValueHeadCount * configuration.headSize
    shapes = [
      (query + 2 * keyValue, hidden), (hidden, query), (2 * intermediate, hidden),
      (hidden, intermediate),
    ]
    layerCount = configuration.layerCount
  }

  /// Floating-point operations of all linear layers for one token, embeddings and head left out.
  var operationsPerToken: Double {
    Double(layerCount) * shapes.reduce(0) { $0 + 2 * Double($1.outputs) * Double($1.inputs) }
  }

  /// Operations per second with all workers at once.
  func measure(pool: WorkerPool) -> Double {
    let rows = panelRowCount
    let weights = shapes.map { Operand(rowCount: $0.outputs, columnCount: $0.inputs) }
    let buffers = (0..<pool.workerCount).map { _ in
      shapes.map {
        (
          Operand(rowCount: rows, columnCount: $0.inputs),
          Operand(rowCount: rows, columnCount: $0.outputs)
        )
      }
    }
    let panels = 48
    func run() {
      pool.forEach(panels) { _, worker in
        for (weight, (x, y)) in zip(weights, buffers[worker]) {
          multiply(x.matrix.view, transposed: weight.matrix.view, into: y.matrix.view)
        }
      }
    }
    run()
    let seconds = time(run)
    return operationsPerToken / Double(layerCount) * Double(rows * panels) / seconds
  }
}

/// A matrix that an array can hold, with values that are neither zero nor subnormal.
final class Operand: Sendable {
  let matrix: Matrix

  init(rowCount: Int, columnCount: Int) {
    matrix = Matrix(rowCount: rowCount, columnCount: columnCount)
    for row in 0..<rowCount {
      for column in 0..<columnCount {
        matrix.view[row, column] = Float((row &* 31 &+ column &* 17) % 101) / 101 - 0.5
      }
    }
  }
}

func time(_ body: () throws -> Void) rethrows -> Double {
  let elapsed = try ContinuousClock().measure(body)
  return Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
}

func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
