import Checkpoints
import Files
import Foundation
import Kernels
import Learning
import Models
import Testing
import Training

@Suite("A run goes on from a checkpoint, whatever its widths and format")
struct StartTests {
  private static let fixtures =
    URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fixtures").path

  private final class Workplace {
    let path = FileManager.default.temporaryDirectory
      .appending(path: "mohd-start-\(UUID().uuidString)").path
    deinit { try? FileManager.default.removeItem(atPath: path) }
  }

  /// Eight steps from a checkpoint, on ids that follow each other.
  private func run(_ start: String, _ path: String) throws -> (TrainingRun, [StepRecord]) {
    let pool = WorkerPool(workerCount: 2)
    let checkpoint = try Checkpoint.open(Self.fixtures + "/" + start)
    let model = checkpoint.configuration
    let size = min(model.vocabularySize, 40)
    let ids = (0..<2000).map { Int32(($0 * 7 + $0 / 90) % size) }
    let domain = TokenizedDomain(
      name: "a", tokens: TokenIDs(ids, vocabularySize: size),
      starts: Array(stride(from: 0, through: 2000, by: 50)),
      byteCounts: Array(repeating: 100, count: 40),
      digests: (0..<40).map { SeededGenerator.mix(UInt64($0)) }, vocabularySize: size,
      tokenizer: "count")
    let text = try TrainingText(
      [domain], weights: nil, sequenceLength: 16, evaluationTokens: 48,
      vocabularySize: model.vocabularySize)
    let plan = try TrainingPlan(
      model: model,
      options: TrainingOptions(
        tokens: 64 * 8, batchTokens: 64, sequenceLength: 16, learningRate: 2e-3,
        schedule: LearningSchedule(shape: .constant, warmup: 0), initialDeviation: 0.1),
      text: text, start: checkpoint.sha256())
    let run = try TrainingRun(
      path, plan: plan, text: text, start: { ModelTensors(checkpoint, pool: pool) },
      files: ModelFiles(configuration: try JSONText.encode(model), others: [:]), resume: false,
      pool: pool)
    var records: [StepRecord] = []
    try run.run(.init(stepped: { records.append($0) }))
    return (run, records)
  }

  @Test(
    "The loss falls, and the checkpoint is a model of the same shapes",
    arguments: [
      "mohd/pico-mohd-narrow", "mohd/pico-mohd-wide", "mohd/pico-mohd-converted",
      "checkpoints/llama-bf16.gguf",
    ])
  func learns(start: String) throws {
    let work = Workplace()
    let (run, records) = try run(start, work.path)
    let (first, last) = (try #require(records.first), try #require(records.last))
    #expect(last.crossEntropy < first.crossEntropy - 0.05)
    let before = try Checkpoint.open(Self.fixtures + "/" + start)
    let after = try Checkpoint.open(run.folder.checkpoint(step: 8))
    #expect(after.configuration == run.plan.model && after.ignoredTensors.isEmpty)
    #expect(after.parameterCount == before.parameterCount)
    guard let mohd = before.configuration.mohd else { return }
    for layer in 0..<before.configuration.layerCount {
      for component in MoHDComponent.allCases {
        #expect(
          after.dimensionOrder(component, layer: layer)
            == before.dimensionOrder(component, layer: layer))
        // A router of energies goes by the weights as they have become.
        let norms = after.weight(.routerNorms, component, layer: layer)
        #expect((norms != nil) == (mohd[component][layer].router == .energy))
      }
    }
    #expect(
      ModelTensors(after, pool: WorkerPool(workerCount: 1)).count
        == ModelTensors(before, pool: WorkerPool(workerCount: 1)).count)
  }

  @Test("A GGUF file starts where the folder of the same numbers does")
  func formats() throws {
    let work = Workplace()
    let file = try run("checkpoints/llama-bf16.gguf", work.path + "/file").1
    let folder = try run("checkpoints/llama-bf16-sharded", work.path + "/folder").1
    #expect(file.count == folder.count)
    for (a, b) in zip(file, folder) {
      #expect(abs(a.crossEntropy - b.crossEntropy) <= 1e-5, "step \(a.step)")
    }
  }
}
