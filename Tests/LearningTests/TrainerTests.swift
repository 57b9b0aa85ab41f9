import Checkpoints
import Kernels
import Learning
import Models
import Tensors
import Testing

@Suite("Training")
struct TrainerTests {
  private func trainer(
    _ configuration: ModelConfiguration, text: TrainingText, options: TrainingOptions,
    threads: Int = 2
  ) -> Trainer {
    let pool = WorkerPool(workerCount: threads)
    let weights = ModelTensors(configuration)
    InitialTensors.fill(
      weights, seed: options.seed, deviation: options.initialDeviation, pool: pool)
    return Trainer(weights, text: text, options: options, pool: pool)
  }

  private func text(_ domains: [TokenizedDomain], sequenceLength: Int = 16) throws -> TrainingText {
    try TrainingText(
      domains, weights: nil, sequenceLength: sequenceLength, evaluationTokens: 64,
      vocabularySize: 48)
  }

  private let options = TrainingOptions(
    tokens: 64 * 40, batchTokens: 64, sequenceLength: 16, learningRate: 1e-2,
    initialDeviation: 0.1)

  static let routed = SubDimensions(
    count: 8, sharedCount: 3, activeCount: 4, fusion: .monarch)

  @Test("Threads change no bit", arguments: [nil, routed])
  func threads(mohd: SubDimensions?) throws {
    let text = try text([walk("a", documents: 30, length: 40)])
    let configuration = try configuration(mohd: mohd)
    let one = trainer(configuration, text: text, options: options, threads: 1)
    let two = trainer(configuration, text: text, options: options, threads: 2)
    for _ in 0..<8 { #expect(try one.next() == two.next()) }
    #expect(one.weights.storage.elements() == two.weights.storage.elements())
    #expect(try one.evaluate() == two.evaluate())
  }

  @Test("The loss of a walk falls, dense and MoHD", arguments: [nil, routed])
  func learns(mohd: SubDimensions?) throws {
    let text = try text([walk("a", documents: 60, length: 60)])
    let trainer = trainer(try configuration(mohd: mohd), text: text, options: options)
    let before = try #require(try trainer.evaluate().domains["a"]).crossEntropy
    let first = try trainer.next()
    for _ in 1..<options.stepCount { _ = try trainer.next() }
    let after = try #require(try trainer.evaluate().domains["a"]).crossEntropy
    #expect(first.crossEntropy > 3.5 && after < before - 1, "\(before), \(after)")
  }

  @Test("One batch is learnt by heart", arguments: [nil, routed])
  func overfits(mohd: SubDimensions?) throws {
    let domain = walk("a", documents: 20, length: 30)
    var options = options
    options.tokens = 64 * 400
    options.schedule = LearningSchedule(warmup: 0.02, floor: 0.05)
    let text = try text([domain], sequenceLength: 16)
    var order = text.order(seed: 1, sequencesPerStep: 4)
    let batch = text.batch(order.step(1))
    let pool = WorkerPool(workerCount: 2)
    let weights = ModelTensors(try configuration(mohd: mohd))
    InitialTensors.fill(weights, seed: 5, deviation: 0.1, pool: pool)
    let gradients = weights.zeros()
    let pass = TrainingPass(weights, tokenCount: 64, longestSequence: 16, pool: pool)
    let optimizer = Optimizer(weights, settings: options.adam, pool: pool)
    var last = Double.infinity
    for step in 1...options.stepCount {
      last = pass.run(batch, weights, into: gradients).crossEntropy
      optimizer.step(
        step, weights, gradients,
        rate: 1e-2 * options.schedule.factor(step: step, of: options.stepCount), clip: 1,
        norm: optimizer.norm(of: gradients))
    }
    #expect(last < 0.05, "\(last)")
  }

  @Test("Everything active, unit gates and no fusion train as dense does")
  func allActive() throws {
    let text = try text([walk("a", documents: 30, length: 40)])
    let all = SubDimensions(count: 4, sharedCount: 1, activeCount: 4, gate: .unit)
    let dense = trainer(try configuration(), text: text, options: options)
    let mohd = trainer(try configuration(mohd: all), text: text, options: options)
    for _ in 0..<20 {
      let (a, b) = (try dense.next(), try mohd.next())
      #expect(a.batch == b.batch && abs(a.crossEntropy - b.crossEntropy) <= 1e-5)
    }
  }

  @Test("The balance loss evens loads")
  func balance() throws {
    let text = try text([walk("a", documents: 60, length: 60)])
    func unevenness(_ weight: Double) throws -> Double {
      let settings = SubDimensions(
        count: 8, sharedCount: 0, activeCount: 2, balanceWeight: weight)
      var options = options
      options.tokens = 64 * 150
      let trainer = trainer(try configuration(mohd: settings), text: text, options: options)
      var last: StepRecord?
      for _ in 0..<150 { last = try trainer.next() }
      let loads = try #require(last?.load).joined()
      return loads.reduce(0) { $0 + ($1.max() ?? 0) } / Double(loads.count)
    }
    let (without, with) = (try unevenness(0), try unevenness(1))
    #expect(with < without, "\(with), \(without)")
  }

  @Test("A router that is zeroed changes the loss, and choices vary between tokens")
  func alive() throws {
    let text = try text([walk("a", documents: 60, length: 60)])
    let trainer = trainer(try configuration(mohd: Self.routed), text: text, options: options)
    for _ in 0..<options.stepCount { _ = try trainer.next() }
    let record = try trainer.evaluate()
    for entry in trainer.weights.entries where entry.name.hasSuffix("router.weight") {
      clear(trainer.weights.matrix(entry))
    }
    let without = try trainer.evaluate()
    #expect(record.domains["a"] != without.domains["a"])
  }

  @Test("What is not finite is named, and nothing changes")
  func notFinite() throws {
    let text = try text([walk("a", documents: 30, length: 40)])
    let trainer = trainer(try configuration(), text: text, options: options)
    let entry = try #require(trainer.weights.entries.first { $0.name.contains("1.mlp.up_proj") })
    trainer.weights.matrix(entry)[3, 4] = .nan
    let before = trainer.weights.storage.columns(0..<100).elements()
    #expect(throws: TrainingFailure.notFinite(step: 1, tensor: entry.name)) {
      try trainer.next()
    }
    #expect(trainer.step == 0)
    #expect(trainer.weights.storage.columns(0..<100).elements() == before)
  }
}
