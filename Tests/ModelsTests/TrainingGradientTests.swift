import Activations
import Checkpoints
import Foundation
import Kernels
import Models
import Tensors
import Testing

/// Of single precision against autograd in double, relative to the largest entry of a tensor's
/// derivative: the criterion that training is held to.
private let relativeTolerance: Float = 1e-4

/// A derivative below this is nothing that a test could pass by computing.
private let floor: Float = 1e-6

@Suite("Training's gradients equal autograd's")
struct TrainingGradientTests {
  static let root = Fixtures.models + "/../training"
  static let dense = ["dense-llama", "dense-llama-biases", "dense-qwen2", "dense-mistral-window"]
  static let mohd = [
    "mohd-paper", "mohd-every-projection", "mohd-compensated", "mohd-monarch-basis", "mohd-unit",
    "mohd-static", "mohd-narrow", "mohd-wide", "mohd-balance-all",
    "mohd-z-loss",
  ]

  /// A model, one step's text, and what autograd found.
  struct Case {
    let checkpoint: Checkpoint
    let batch: TokenBatch
    let expected: ExpectedTensors
    let zWeight: Double

    init(_ name: String) throws {
      let folder = TrainingGradientTests.root + "/" + name
      checkpoint = try Checkpoint.open(folder)
      expected = try ExpectedTensors(path: folder + "/expected.safetensors")
      batch = try expected.batch()
      zWeight = Double(try #require(expected["z_weight"]?.first))
    }

    func run(threads: Int, leastSize: Int = 1) -> (losses: StepLosses, gradients: ModelTensors) {
      let pool = WorkerPool(workerCount: threads)
      let weights = ModelTensors(checkpoint, pool: pool)
      let gradients = weights.zeros()
      let pass = TrainingPass(
        weights, tokenCount: batch.tokenCount,
        longestSequence: batch.sequences.map(\.rows.count).max() ?? 0, zWeight: zWeight,
        leastSize: leastSize, pool: pool)
      // Twice: what one step leaves behind must not reach the next.
      _ = pass.run(batch, weights, into: gradients)
      return (pass.run(batch, weights, into: gradients), gradients)
    }
  }

  @Test("Losses", arguments: dense + mohd)
  func losses(name: String) throws {
    let given = try Case(name)
    let losses = given.run(threads: 2).losses
    for (key, found) in [
      ("cross_entropy", losses.crossEntropy), ("balance_loss", losses.balanceLoss),
      ("z_loss", losses.zLoss),
    ] {
      let expected = Double(try #require(given.expected[key]?.first))
      #expect(abs(found - expected) <= 1e-5 * max(1, expected), "\(key): \(found), \(expected)")
    }
  }

  @Test("Every tensor, block-sparse and masked", arguments: dense + mohd, [1, Int.max])
  func gradients(name: String, leastSize: Int) throws {
    let given = try Case(name)
    let gradients = given.run(threads: 2, leastSize: leastSize).gradients
    var silent: [String] = []
    for entry in gradients.entries {
      let expected = try #require(given.expected["gradient/" + entry.name], "\(entry.name)")
      let found = gradients.matrix(entry).elements()
      try #require(found.count == expected.count)
      let largest = expected.reduce(Float(0)) { max($0, abs($1)) }
      let worst = zip(found, expected).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
      if largest < floor { silent.append(entry.name) }
      #expect(worst <= relativeTolerance * max(largest, floor), "\(entry.name): \(worst / largest)")
    }
    // A router of unit gates has no derivative but the z-loss's; nothing else may be 0.
    let routed = given.checkpoint.configuration.mohd
    let isAllowed = { (name: String) in
      name.contains(".router.")
        && MoHDComponent.allCases.contains { component in
          routed?[component].contains { $0.gate == .unit } ?? false
        }
    }
    #expect(silent.allSatisfy(isAllowed), "\(silent)")
  }

  @Test("Nothing that is trained is left out", arguments: dense + mohd)
  func complete(name: String) throws {
    let given = try Case(name)
    let names = ModelTensors(given.checkpoint, pool: WorkerPool(workerCount: 1)).entries.map(\.name)
    let expected = given.checkpoint.tensors.map(\.name)
      .filter { !$0.hasSuffix("dimension_order") && !$0.hasSuffix("router.norms") }
    #expect(names.sorted() == expected.sorted())
  }

  @Test("Every fixture would notice a missing term", arguments: mohd)
  func terms(name: String) throws {
    let data = try Data(contentsOf: URL(filePath: Self.root + "/\(name)/terms.json"))
    let terms = try JSONDecoder().decode([String: Double].self, from: data)
    #expect(!terms.isEmpty)
    for (term, off) in terms { #expect(off > 100 * Double(relativeTolerance), "\(term): \(off)") }
  }

  @Test(
    "Threads change no bit", arguments: ["dense-llama-biases", "mohd-compensated", "mohd-paper"])
  func threads(name: String) throws {
    let given = try Case(name)
    let one = given.run(threads: 1)
    let three = given.run(threads: 3)
    #expect(one.gradients.storage.elements() == three.gradients.storage.elements())
    #expect(one.losses.crossEntropySum == three.losses.crossEntropySum)
  }
}
