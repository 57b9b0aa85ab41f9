import Activations
import Checkpoints
import Kernels
import Learning
import Models
import Tensors
import Testing

@Suite("A run is PyTorch's")
struct PyTorchRunTests {
  /// Of losses in nats: the criterion that training is held to.
  static let lossTolerance = 1e-4
  /// Of weights and moments after fifty steps, relative to the largest entry of each: Adam divides by
  /// the square root of what may be very small.
  static let tensorTolerance: Float = 2e-3

  @Test("Fifty losses, the last weights, and both moments", arguments: ["dense", "mohd"])
  func fifty(name: String) throws {
    let folder = Fixtures.folder + "/training_runs/" + name
    let expected = try StoredTensors(folder + "/run.safetensors")
    let pool = WorkerPool(workerCount: 2)
    let weights = ModelTensors(try Checkpoint.open(folder), pool: pool)
    let gradients = weights.zeros()
    let shape = expected.shape("token_ids")
    let ids = try #require(expected["token_ids"]).map { Int32($0) }
    let (sequences, length) = (shape[1], shape[2])
    let pass = TrainingPass(
      weights, tokenCount: sequences * length, longestSequence: length, pool: pool)
    let optimizer = Optimizer(
      weights, settings: AdamSettings(weightDecay: 0.1), pool: pool)
    let losses = try #require(expected["losses"])
    let norms = try #require(expected["norms"])
    for step in 1...shape[0] {
      let size = sequences * length
      let batch = TokenBatch(
        tokenIDs: Array(ids[(step - 1) * size..<step * size]),
        sequences: (0..<sequences).map {
          .init(rows: $0 * length..<($0 + 1) * length, document: $0, index: 0)
        })
      let found = pass.run(batch, weights, into: gradients).total
      let norm = optimizer.norm(of: gradients)
      #expect(
        abs(found - Double(losses[step - 1])) <= Self.lossTolerance,
        "step \(step): \(found), \(losses[step - 1])")
      #expect(abs(norm - Double(norms[step - 1])) <= 1e-3 * norm, "step \(step)")
      optimizer.step(step, weights, gradients, rate: 1e-2, clip: 1, norm: norm)
    }
    for (tensors, kind) in [
      (weights, "weight/"), (optimizer.firstMoment, "exp_avg/"),
      (optimizer.secondMoment, "exp_avg_sq/"),
    ] {
      for entry in tensors.entries {
        let wanted = try #require(expected[kind + entry.name])
        let found = tensors.matrix(entry).elements()
        let largest = wanted.reduce(Float.leastNormalMagnitude) { max($0, abs($1)) }
        let worst = zip(found, wanted).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) } / largest
        #expect(worst <= Self.tensorTolerance, "\(kind)\(entry.name): \(worst)")
      }
    }
  }
}
