import Activations
import Checkpoints
import Foundation
import Kernels
import Models
import Tensors
import Testing

@Suite("An inactive sub-dimension costs nothing, forward and backward")
struct BlockSparseTrainingTests {
  /// N = 4 sub-dimensions of 16 entries; the last is never chosen.
  static let settings = [
    SubDimensions(count: 4, sharedCount: 1, activeCount: 2, fusion: .monarch),
    SubDimensions(count: 4, sharedCount: 1, activeCount: 3, gateAt: .everyProjection),
    SubDimensions(count: 4, sharedCount: 0, activeCount: 2, scaling: .unitMean),
    SubDimensions(count: 4, sharedCount: 0, activeCount: 1, gateAt: .everyProjection),
    SubDimensions(count: 4, sharedCount: 3, activeCount: 3),
    SubDimensions(
      count: 4, sharedCount: 1, activeCount: 2, gateAt: .everyProjection, sparseSide: .input),
  ]

  private static let size = 16

  private func model(_ settings: SubDimensions) throws -> ModelConfiguration {
    let json = """
      {"model_type": "llama", "hidden_size": 64, "intermediate_size": 48, "num_hidden_layers": 2,
       "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "vocab_size": 60,
       "max_position_embeddings": 64, "rms_norm_eps": 1e-6, "tie_word_embeddings": false}
      """
    var model = try JSONDecoder().decode(ModelConfiguration.self, from: Data(json.utf8))
    model.architecture = .mohd
    model.mohd = MoHDSettings(attention: settings, ffn: settings, layerCount: 2)
    return model
  }

  /// Weights of which the last sub-dimension's are all `value`, and never needed.
  private func weights(_ model: ModelConfiguration, last value: Float) -> ModelTensors {
    let weights = ModelTensors(model) { key in
      if case .mohd(.routerBias, _) = key.role { true } else { false }
    }
    var generator = SeededGenerator(seed: [11])
    for entry in weights.entries {
      let matrix = weights.matrix(entry)
      for row in 0..<matrix.rowCount {
        for column in 0..<matrix.columnCount {
          let uniform = Float.random(in: -1...1, using: &generator)
          matrix[row, column] = entry.shape.count == 1 ? 1 + 0.3 * uniform : 0.4 * uniform
        }
      }
      if case .mohd(.routerBias, _) = entry.key.role {
        for i in 0..<4 { matrix[0, i] = i == 3 ? -1000 : 0 }
      }
    }
    setLast(weights, value)
    return weights
  }

  private func setLast(_ tensors: ModelTensors, _ value: Float) {
    forEachOfLast(tensors) { matrix, row, column in matrix[row, column] = value }
  }

  /// Calls `body` for each weight that only the last sub-dimension needs.
  private func forEachOfLast(
    _ tensors: ModelTensors, _ body: (_ matrix: MatrixView, _ row: Int, _ column: Int) -> Void
  ) {
    for entry in tensors.entries {
      guard case .llama(let role) = entry.key.role else { continue }
      let matrix = tensors.matrix(entry)
      for component in MoHDComponent.allCases {
        let settings = tensors.configuration.mohd?[component][0]
        if component.inputRoles.contains(role) {
          for row in 0..<matrix.rowCount {
            for column in 3 * Self.size..<4 * Self.size { body(matrix, row, column) }
          }
        } else if component.outputRoles.contains(role), settings?.sparseSide == .both {
          for row in 3 * Self.size..<4 * Self.size {
            for column in 0..<matrix.columnCount { body(matrix, row, column) }
          }
        }
      }
    }
  }

  private func run(
    _ weights: ModelTensors, leastSize: Int
  ) -> (losses: StepLosses, gradients: ModelTensors) {
    var ids: [Int32] = []
    var sequences: [TokenBatch.Sequence] = []
    for (index, length) in [40, 1, 33, 60, 20, 50].enumerated() {
      sequences.append(.init(rows: ids.count..<ids.count + length, document: index, index: 0))
      ids += (0..<length).map { Int32(($0 * 7 + index * 11) % 60) }
    }
    let pool = WorkerPool(workerCount: 2)
    let gradients = weights.zeros()
    let pass = TrainingPass(
      weights, tokenCount: ids.count, longestSequence: 60, leastSize: leastSize, pool: pool)
    let batch = TokenBatch(tokenIDs: ids, sequences: sequences)
    return (pass.run(batch, weights, into: gradients), gradients)
  }

  @Test("What no token chose is not even read", arguments: settings)
  func unread(settings: SubDimensions) throws {
    let model = try model(settings)
    let found = run(weights(model, last: .nan), leastSize: Self.size)
    let expected = run(weights(model, last: 0), leastSize: .max)
    #expect(found.losses.routers.joined().allSatisfy { $0.load[3] == 0 })
    #expect(abs(found.losses.total - expected.losses.total) <= 1e-5)
    var untouched = true
    forEachOfLast(found.gradients) { if $0[$1, $2] != 0 { untouched = false } }
    #expect(untouched)
    for entry in found.gradients.entries {
      let (a, b) = (
        found.gradients.matrix(entry).elements(), expected.gradients.matrix(entry).elements()
      )
      let largest = b.reduce(Float(1e-6)) { max($0, abs($1)) }
      let worst = zip(a, b).reduce(Float(0)) { sum, pair in
        let error = abs(pair.0 - pair.1)
        return error <= sum ? sum : error  // NaN stays
      }
      #expect(worst <= 1e-4 * largest, "\(entry.name): \(worst / largest)")
    }
    // Masked, the same weights are read.
    #expect(run(weights(model, last: .nan), leastSize: .max).losses.total.isNaN)
  }
}
