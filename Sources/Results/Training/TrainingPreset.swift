import Checkpoints
import Learning

/// A model and a recipe by name: the paper's dense models (Table 1) and what it makes of them (Table 3),
/// and small ones for one machine.
///
/// A name is a dense model's, `nano`, `355m`, `495m` or `1.13b`, perhaps with `-50%`, `-75%`, `-x2`,
/// `-x3` or `-x4` behind it. A model that is widened k times has k times the hidden size, and heads and
/// intermediate size as they are.
public struct TrainingPreset: Sendable {
  public let name: String
  public let model: ModelConfiguration
  /// Of a step, and of all steps.
  public let sequenceLength: Int
  public let batchTokens: Int
  /// nil: what is asked for.
  public let tokens: Int?
  /// nil: by width.
  public let learningRate: Double?
  public let initialDeviation: Double?
  /// What is not as the paper prints it, and why.
  public let note: String?

  /// Every name that there is.
  public static let names = Shape.all.flatMap { shape in
    [shape.name] + shape.presets.map { shape.name + "-" + $0.rawValue }
  }

  /// - Returns: nil for a name that is none.
  public init?(_ name: String) {
    let lower = name.lowercased()
    guard
      let shape = Shape.all.first(where: { lower == $0.name || lower.hasPrefix($0.name + "-") }),
      var model = shape.configuration
    else { return nil }
    var note = shape.note
    if lower != shape.name {
      let suffix = String(lower.dropFirst(shape.name.count + 1))
      guard let preset = MoHDSettings.Preset(rawValue: suffix), shape.presets.contains(preset)
      else { return nil }
      model.hiddenSize *= preset.widening
      model.architecture = .mohd
      var settings = SubDimensions(preset: preset)
      if preset == .threeQuarters, model.hiddenSize % settings.count != 0 {
        settings = SubDimensions(
          count: 8, sharedCount: 3, activeCount: 6, fusion: .monarch)
        note = "75%: 6 of 8 sub-dimensions, since 12 does not divide \(model.hiddenSize)"
      }
      model.mohd = MoHDSettings(attention: settings, ffn: settings, layerCount: model.layerCount)
    }
    self.name = lower
    self.model = model
    self.note = note
    sequenceLength = shape.isPaper ? 4096 : 256
    batchTokens = shape.isPaper ? 256 * 4096 : 4096
    tokens = shape.isPaper ? 50_000 * 256 * 4096 : nil
    learningRate = shape.isPaper ? 3e-4 : nil
    initialDeviation = shape.isPaper ? 0.02 : nil
  }

  private struct Shape {
    let name: String
    let hidden: Int
    let intermediate: Int
    let layers: Int
    let heads: Int
    let keyValueHeads: Int
    let headSize: Int
    let vocabulary: Int
    let isPaper: Bool
    let presets: [MoHDSettings.Preset]
    var note: String?

    static let all = [
      Shape(
        name: "nano", hidden: 128, intermediate: 320, layers: 4, heads: 4, keyValueHeads: 4,
        headSize: 32, vocabulary: 1024, isPaper: false, presets: MoHDSettings.Preset.allCases),
      Shape(
        name: "355m", hidden: 1024, intermediate: 2560, layers: 24, heads: 32, keyValueHeads: 32,
        headSize: 32, vocabulary: 32000, isPaper: true, presets: MoHDSettings.Preset.allCases),
      Shape(
        name: "495m", hidden: 1536, intermediate: 2048, layers: 24, heads: 32, keyValueHeads: 16,
        headSize: 48, vocabulary: 32000, isPaper: true, presets: [.half, .threeQuarters],
        note: "495m: an intermediate size of 2048 gives the paper's 396M; Table 1 prints 2560"),
      Shape(
        name: "1.13b", hidden: 2048, intermediate: 4096, layers: 24, heads: 32, keyValueHeads: 32,
        headSize: 64, vocabulary: 32000, isPaper: true, presets: [.half, .threeQuarters]),
    ]

    /// As a config.json has it; nil where the numbers above make no model.
    var configuration: ModelConfiguration? {
      let text = """
        {"model_type": "llama", "hidden_size": \(hidden), "intermediate_size": \(intermediate),
         "num_hidden_layers": \(layers), "num_attention_heads": \(heads),
         "num_key_value_heads": \(keyValueHeads), "head_dim": \(headSize),
         "vocab_size": \(vocabulary), "max_position_embeddings": \(isPaper ? 4096 : 256),
         "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": false,
         "bos_token_id": \(isPaper ? 1 : 0), "eos_token_id": \(isPaper ? 2 : 0)}
        """
      return try? ModelConfiguration(json: Array(text.utf8), path: name)
    }
  }
}

extension MoHDSettings.Preset {
  /// k of ×k.
  fileprivate var widening: Int {
    switch self {
    case .half, .threeQuarters: 1
    case .twofold: 2
    case .threefold: 3
    case .fourfold: 4
    }
  }
}
