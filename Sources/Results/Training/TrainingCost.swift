import Checkpoints
import Learning
import Models

/// What training a model takes, before it is trained.
public struct TrainingCost: Sendable {
  private let model: ModelConfiguration

  public init(_ model: ModelConfiguration) { self.model = model }

  /// All parameters, a tied head once.
  public var parameterCount: Int { shapes { _ in true } }

  /// Parameters outside embedding and head.
  public var backboneCount: Int {
    shapes { $0 != .tokenEmbedding && $0 != .outputProjection }
  }

  /// Multiply-adds of a token, forward, the head's included and attention's scores not.
  public var multiplyAdds: Int {
    model.activeParameters(count: .all) + model.vocabularySize * model.hiddenSize
  }

  /// Multiply-adds of a token of a step, forward and backward, attention's scores included: a token sees
  /// half of its sequence on average.
  public func stepMultiplyAdds(sequenceLength: Int) -> Int {
    3 * (multiplyAdds + model.layerCount * sequenceLength * model.queryWidth)
  }

  /// The share of the machine's product rate that steps reach, more or less.
  public static let usualShare = 0.6
  /// What the program itself takes.
  static let programByteCount = 38 << 20

  /// Weights, gradients and both moments, and what a step works on.
  ///
  /// - Parameter textByteCount: of the text as it lies in memory.
  public func memoryByteCount(
    _ options: TrainingOptions, textByteCount: Int, workerCount: Int = 2
  ) -> Int {
    Self.programByteCount + textByteCount + 16 * parameterCount
      + TrainingPass.byteCount(
        model, tokenCount: options.batchTokens, longestSequence: options.sequenceLength,
        workerCount: workerCount, hasZLoss: options.zLossWeight > 0)
  }

  /// Checkpoints that are kept and the one that is written, and a line for each step.
  public func diskByteCount(_ options: TrainingOptions) -> Int {
    let checkpoints = min(
      options.keep + 2, (options.stepCount + options.checkpointEvery - 1) / options.checkpointEvery)
    return 12 * parameterCount * checkpoints + 400 * options.stepCount
  }

  /// Elements of all tensors that training changes, by the tables of names.
  private func shapes(_ isWanted: (WeightRole) -> Bool) -> Int {
    var total = 0
    for row in LlamaWeights.all where row.isPresent(in: model) && isWanted(row.role) {
      for layer in 0..<(row.role.isPerLayer ? model.layerCount : 1) {
        total += row.shape(in: model, layer: row.role.isPerLayer ? layer : nil).reduce(1, *)
      }
    }
    for component in MoHDComponent.allCases {
      for settings in model.mohd?[component] ?? [] {
        for row in MoHDWeights.all
        where row.role.isTrained && row.presence(settings) == .required {
          total += row.shape(component, settings, in: model).reduce(1, *)
        }
      }
    }
    return total
  }
}
