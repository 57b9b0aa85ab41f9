/// The weights of a LLaMA-style decoder, by what they do.
public enum WeightRole: String, Sendable, CaseIterable, Codable {
  case tokenEmbedding
  case attentionNorm
  case queryProjection, keyProjection, valueProjection
  case queryBias, keyBias, valueBias
  case attentionOutputProjection, attentionOutputBias
  case ffnNorm
  case gateProjection, upProjection, downProjection
  case gateBias, upBias, downBias
  case finalNorm
  case outputProjection

  /// Whether every layer has one of its own.
  public var isPerLayer: Bool {
    switch self {
    case .tokenEmbedding, .finalNorm, .outputProjection: false
    default: true
    }
  }
}

/// The spaces whose coordinates the sides of a weight are indexed by.
public enum WeightSpace: String, Sendable, Codable {
  /// Token ids.
  case vocabulary
  /// The residual stream, and what is a norm away from it.
  case residual
  /// The feed-forward network's inside.
  case intermediate
  /// Query heads one after another; also the concatenated heads that W_o reads.
  case query
  /// Key heads, and value heads, one after another.
  case keyValue

  /// Number of coordinates.
  public func width(in configuration: ModelConfiguration) -> Int {
    switch self {
    case .vocabulary: configuration.vocabularySize
    case .residual: configuration.hiddenSize
    case .intermediate: configuration.intermediateSize
    case .query: configuration.queryWidth
    case .keyValue: configuration.keyValueWidth
    }
  }
}

/// One row of the table: a weight, its names, its shape and the spaces it connects.
public struct WeightDescription: Sendable {
  public let role: WeightRole
  /// Name in a Hugging Face checkpoint; `{}` stands for the layer.
  public let huggingFaceName: String
  /// Name in a GGUF file; `{}` stands for the layer.
  public let ggufName: String
  /// The space of each side, outermost first: the shape.
  public let sides: [WeightSpace]
  /// The space that the weight's input lives in; nil for a bias.
  public let reads: WeightSpace?
  /// The space that its output lives in.
  public let writes: WeightSpace
  /// Which models have it; nil: all.
  public let presence: Presence

  /// When a weight is part of the model.
  public enum Presence: Sendable {
    case always, queryKeyValueBias, attentionOutputBias, mlpBias, untied
  }

  /// Sizes, outermost first.
  public func shape(in configuration: ModelConfiguration) -> [Int] {
    sides.map { $0.width(in: configuration) }
  }

  /// Whether a model of this configuration has the weight as a tensor of its own.
  public func isPresent(in configuration: ModelConfiguration) -> Bool {
    switch presence {
    case .always: true
    case .queryKeyValueBias: configuration.queryKeyValueBias
    case .attentionOutputBias: configuration.attentionOutputBias
    case .mlpBias: configuration.mlpBias
    case .untied: !configuration.tiesWordEmbeddings
    }
  }

  /// The tensor's name in a file of this format.
  public func name(in format: CheckpointFormat, layer: Int?) -> String {
    let pattern = format == .gguf ? ggufName : huggingFaceName
    guard let layer else { return pattern }
    return pattern.replacing("{}", with: "\(layer)")
  }
}

/// The table of all weights of llama, mistral and qwen2 models. Matrices lie as
/// [outputs, inputs]; the embedding as [vocabulary, residual].
public enum LlamaWeights {
  public static let all: [WeightDescription] = [
    .init(
      .tokenEmbedding, "model.embed_tokens.weight", "token_embd.weight",
      [.vocabulary, .residual], reads: .vocabulary, writes: .residual),
    .init(
      .attentionNorm, layer("input_layernorm.weight"), "blk.{}.attn_norm.weight",
      [.residual], reads: .residual, writes: .residual),
    .init(
      .queryProjection, layer("self_attn.q_proj.weight"), "blk.{}.attn_q.weight",
      [.query, .residual], reads: .residual, writes: .query),
    .init(
      .keyProjection, layer("self_attn.k_proj.weight"), "blk.{}.attn_k.weight",
      [.keyValue, .residual], reads: .residual, writes: .keyValue),
    .init(
      .valueProjection, layer("self_attn.v_proj.weight"), "blk.{}.attn_v.weight",
      [.keyValue, .residual], reads: .residual, writes: .keyValue),
    .init(
      .queryBias, layer("self_attn.q_proj.bias"), "blk.{}.attn_q.bias",
      [.query], reads: nil, writes: .query, presence: .queryKeyValueBias),
    .init(
      .keyBias, layer("self_attn.k_proj.bias"), "blk.{}.attn_k.bias",
      [.keyValue], reads: nil, writes: .keyValue, presence: .queryKeyValueBias),
    .init(
      .valueBias, layer("self_attn.v_proj.bias"), "blk.{}.attn_v.bias",
      [.keyValue], reads: nil, writes: .keyValue, presence: .queryKeyValueBias),
    .init(
      .attentionOutputProjection, layer("self_attn.o_proj.weight"), "blk.{}.attn_output.weight",
      [.residual, .query], reads: .query, writes: .residual),
    .init(
      .attentionOutputBias, layer("self_attn.o_proj.bias"), "blk.{}.attn_output.bias",
      [.residual], reads: nil, writes: .residual, presence: .attentionOutputBias),
    .init(
      .ffnNorm, layer("post_attention_layernorm.weight"), "blk.{}.ffn_norm.weight",
      [.residual], reads: .residual, writes: .residual),
    .init(
      .gateProjection, layer("mlp.gate_proj.weight"), "blk.{}.ffn_gate.weight",
      [.intermediate, .residual], reads: .residual, writes: .intermediate),
    .init(
      .upProjection, layer("mlp.up_proj.weight"), "blk.{}.ffn_up.weight",
      [.intermediate, .residual], reads: .residual, writes: .intermediate),
    .init(
      .downProjection, layer("mlp.down_proj.weight"), "blk.{}.ffn_down.weight",
      [.residual, .intermediate], reads: .intermediate, writes: .residual),
    .init(
      .gateBias, layer("mlp.gate_proj.bias"), "blk.{}.ffn_gate.bias",
      [.intermediate], reads: nil, writes: .intermediate, presence: .mlpBias),
    .init(
      .upBias, layer("mlp.up_proj.bias"), "blk.{}.ffn_up.bias",
      [.intermediate], reads: nil, writes: .intermediate, presence: .mlpBias),
    .init(
      .downBias, layer("mlp.down_proj.bias"), "blk.{}.ffn_down.bias",
      [.residual], reads: nil, writes: .residual, presence: .mlpBias),
    .init(
      .finalNorm, "model.norm.weight", "output_norm.weight",
      [.residual], reads: .residual, writes: .residual),
    .init(
      .outputProjection, "lm_head.weight", "output.weight",
      [.vocabulary, .residual], reads: .residual, writes: .vocabulary, presence: .untied),
  ]

  private static func layer(_ name: String) -> String { "model.layers.{}." + name }
}

extension WeightDescription {
  fileprivate init(
    _ role: WeightRole, _ huggingFaceName: String, _ ggufName: String, _ sides: [WeightSpace],
    reads: WeightSpace?, writes: WeightSpace, presence: Presence = .always
  ) {
    self.role = role
    self.huggingFaceName = huggingFaceName
    self.ggufName = ggufName
    self.sides = sides
    self.reads = reads
    self.writes = writes
    self.presence = presence
  }
}
