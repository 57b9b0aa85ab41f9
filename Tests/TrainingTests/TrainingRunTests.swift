import Checkpoints
import Files
import Foundation
import Kernels
import Learning
import Models
import Testing
import Training

@Suite("A run that is stopped goes on, and ends with the same bytes")
struct TrainingRunTests {
  private struct Stop: Error {}

  /// A folder that goes when the last reference does.
  private final class Workplace {
    let path = FileManager.default.temporaryDirectory
      .appending(path: "mohd-training-\(UUID().uuidString)").path

    init() {
      try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    deinit { try? FileManager.default.removeItem(atPath: path) }
  }

  private static let vocabulary = 40

  /// Documents that can be learnt: each id leads to one other, mostly.
  private static func domain(_ name: String, documents: Int, seed: UInt64) -> TokenizedDomain {
    var generator = SeededGenerator(seed: [seed])
    var (ids, starts): ([Int32], [Int]) = ([], [0])
    for _ in 0..<documents {
      var token = Int.random(in: 0..<vocabulary, using: &generator)
      for _ in 0..<Int.random(in: 20...60, using: &generator) {
        ids.append(Int32(token))
        token =
          Int.random(in: 0..<10, using: &generator) == 0
          ? Int.random(in: 0..<vocabulary, using: &generator) : (token * 3 + 7) % vocabulary
      }
      starts.append(ids.count)
    }
    return TokenizedDomain(
      name: name, tokens: TokenIDs(ids, vocabularySize: vocabulary), starts: starts,
      byteCounts: zip(starts, starts.dropFirst()).map { 2 * ($1 - $0) },
      digests: (0..<documents).map { SeededGenerator.mix(seed ^ UInt64($0 + 1)) },
      vocabularySize: vocabulary, tokenizer: "walk")
  }

  private static func model(mohd: Bool) throws -> ModelConfiguration {
    let settings =
      #"{"sub_dimensions": 6, "shared": 1, "top_k": 3, "fusion": "monarch"}"#
    let text = """
      {"model_type": "\(mohd ? "mohd" : "llama")", "hidden_size": 24, "intermediate_size": 20,
       "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 6,
       "vocab_size": \(vocabulary), "max_position_embeddings": 64, "tie_word_embeddings": false
       \(mohd ? #", "mohd": {"attention": \#(settings), "ffn": \#(settings)}"# : "")}
      """
    return try ModelConfiguration(json: Array(text.utf8), path: "config.json")
  }

  private struct Setting {
    let plan: TrainingPlan
    let text: TrainingText
    let files: ModelFiles

    init(mohd: Bool, seed: UInt64 = 42, documents: Int = 60) throws {
      let options = TrainingOptions(
        tokens: 64 * 24, batchTokens: 64, sequenceLength: 16, learningRate: 1e-2,
        initialDeviation: 0.1, seed: seed, checkpointEvery: 5, evaluateEvery: 4,
        evaluationTokens: 48, keep: 2)
      let model = try TrainingRunTests.model(mohd: mohd)
      text = try TrainingText(
        [
          TrainingRunTests.domain("a", documents: documents, seed: 1),
          TrainingRunTests.domain("b", documents: 9, seed: 2),
        ],
        weights: ["a": 0.8, "b": 0.2], sequenceLength: 16, evaluationTokens: 48,
        vocabularySize: TrainingRunTests.vocabulary)
      plan = try TrainingPlan(model: model, options: options, text: text, start: nil)
      files = ModelFiles(
        configuration: try JSONText.encode(model), others: ["tokenizer.json": Array("{}".utf8)])
    }

    func run(_ path: String, resume: Bool, threads: Int = 2) throws -> TrainingRun {
      try TrainingRun(
        path, plan: plan, text: text, start: { nil }, files: files, resume: resume,
        pool: WorkerPool(workerCount: threads))
    }
  }

  /// Every file below a folder but the log.
  private func tree(_ path: String) throws -> [String: Data] {
    var files: [String: Data] = [:]
    for name in try FileManager.default.subpathsOfDirectory(atPath: path)
    where name != "train.log" {
      let full = path + "/" + name
      if Folder.kind(of: full) == .file { files[name] = try Data(contentsOf: URL(filePath: full)) }
    }
    return files
  }

  @Test("Stopped at every step, by one and by two threads", arguments: [false, true])
  func resumes(mohd: Bool) throws {
    let work = Workplace()
    let setting = try Setting(mohd: mohd)
    let whole = work.path + "/whole"
    try setting.run(whole, resume: false).run()
    let expected = try tree(whole)
    #expect(expected["evaluation.jsonl"]?.split(separator: UInt8(ascii: "\n")).count == 7)
    #expect(
      expected.keys.filter { $0.hasSuffix("state.json") }.sorted()
        == ["checkpoints/step-00000020/state.json", "checkpoints/step-00000024/state.json"])
    // Every call of the observer is an instant to stop at: between steps, and in evaluations.
    for stride in [1, 3, 7, 10] {
      let path = work.path + "/stopped\(stride)"
      var attempts = 0
      while true {
        attempts += 1
        let run = try setting.run(path, resume: true, threads: 1 + attempts % 2)
        var calls = 0
        do {
          try run.run(
            .init(interrupt: {
              calls += 1
              if calls > stride + attempts % 3 { throw Stop() }
            }))
          break
        } catch is Stop {
          try #require(attempts < 200)
        }
      }
      #expect(attempts > 1)
      #expect(try tree(path) == expected, "stopped after \(stride) calls")
    }
  }

  @Test("What a killed run left is cleared away, and lines behind the checkpoint are done again")
  func killed() throws {
    let work = Workplace()
    let setting = try Setting(mohd: false)
    let whole = work.path + "/whole"
    try setting.run(whole, resume: false).run()
    let expected = try tree(whole)
    let path = work.path + "/killed"
    #expect(throws: Stop.self) {
      var steps = 0
      try setting.run(path, resume: false).run(
        .init(stepped: { _ in steps += 1 }, interrupt: { if steps == 13 { throw Stop() } }))
    }
    // As if it had been killed instead, while it wrote a line and published a checkpoint.
    try FileManager.default.removeItem(atPath: path + "/checkpoints/step-00000013")
    try FileManager.default.copyItem(
      atPath: path + "/checkpoints/step-00000010",
      toPath: path + "/checkpoints/.step-00000013.partial")
    let lines = FileHandle(forWritingAtPath: path + "/train.jsonl")
    try lines?.seekToEnd()
    try lines?.write(contentsOf: Data(#"{"step":14,"cross_"#.utf8))
    try lines?.close()
    try setting.run(path, resume: true).run()
    #expect(try tree(path) == expected)
    // A complete run is done, whoever asks.
    try setting.run(path, resume: true).run()
    #expect(try tree(path) == expected)
  }

  @Test("A run is refused where another is, and a resume with another plan names the field")
  func refused() throws {
    let work = Workplace()
    let path = work.path + "/run"
    let setting = try Setting(mohd: false)
    try setting.run(path, resume: true).run()
    #expect(throws: TrainingError.outputExists(path: path)) {
      try setting.run(path, resume: false)
    }
    #expect(throws: TrainingError.otherPlan(path: path + "/plan.json", field: "options.seed")) {
      try Setting(mohd: false, seed: 43).run(path, resume: true)
    }
    let other = try Setting(mohd: false, documents: 61)
    #expect(throws: TrainingError.self) { try other.run(path, resume: true) }
    let strange = work.path + "/strange"
    try FileManager.default.createDirectory(
      atPath: strange + "/mine", withIntermediateDirectories: true)
    #expect(throws: TrainingError.outputExists(path: strange)) {
      try setting.run(strange, resume: true)
    }
  }

  @Test("A checkpoint is a model that every tool opens")
  func checkpoint() throws {
    let work = Workplace()
    let setting = try Setting(mohd: true)
    let run = try setting.run(work.path + "/run", resume: false)
    try run.run()
    let folder = run.folder.checkpoint(step: 24)
    let checkpoint = try Checkpoint.open(folder)
    #expect(checkpoint.configuration == setting.plan.model)
    #expect(checkpoint.ignoredTensors.isEmpty)
    #expect(
      checkpoint.parameterCount == TrainingCost(setting.plan.model).parameterCount)
  }

  @Test("Options that cannot be are refused before work, and too much reading is")
  func options() throws {
    let setting = try Setting(mohd: false)
    var options = setting.plan.options
    options.batchTokens = 60
    #expect(throws: TrainingError.self) {
      try TrainingPlan(
        model: setting.plan.model, options: options, text: setting.text, start: nil)
    }
    options.batchTokens = 64
    options.tokens = 64 * 5000
    #expect(throws: LearningError.self) {
      try TrainingPlan(
        model: setting.plan.model, options: options, text: setting.text, start: nil)
    }
    options.tokens = 32
    #expect(throws: TrainingError.self) {
      try TrainingPlan(
        model: setting.plan.model, options: options, text: setting.text, start: nil)
    }
  }
}
