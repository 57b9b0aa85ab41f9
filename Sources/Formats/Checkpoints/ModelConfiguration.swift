/// The families of models that this project runs; raw values are Hugging Face's `model_type`.
///
/// SmolLM and SmolLM2 are llama. mohd is this project's own: any of the others with sub-dimensions.
public enum Architecture: String, Sendable, Codable, CaseIterable {
  case llama, mistral, qwen2, mohd
}

/// What one layer's queries may look at; raw values are Hugging Face's `layer_types`.
public enum AttentionSpan: String, Sendable, Codable {
  /// All earlier tokens and oneself.
  case full = "full_attention"
  /// The last `slidingWindow` of them.
  case sliding = "sliding_attention"
}

/// The numbers that define a LLaMA-style decoder.
///
/// It is coded as Hugging Face's `config.json` is; what a file leaves out has the value that
/// transformers gives it for that architecture.
public struct ModelConfiguration: Sendable, Equatable {
  public var architecture: Architecture
  /// Width of the residual stream, d.
  public var hiddenSize: Int
  /// Width of the feed-forward network, d_ff.
  public var intermediateSize: Int
  public var layerCount: Int
  /// Query heads.
  public var headCount: Int
  /// Key and value heads; divides `headCount`.
  public var keyValueHeadCount: Int
  /// Width of one head, d_h; even.
  public var headSize: Int
  public var vocabularySize: Int
  /// ε of RMSNorm; used as a Float.
  public var normEpsilon: Double
  /// θ, the base of the rotary frequencies.
  public var ropeTheta: Double
  public var ropeScaling: RopeScaling
  /// Longest sequence the model was trained for.
  public var contextLength: Int
  /// Whether the output projection is the embedding.
  public var tiesWordEmbeddings: Bool
  public var queryKeyValueBias: Bool
  public var attentionOutputBias: Bool
  public var mlpBias: Bool
  /// Tokens that a query of a sliding layer sees, itself included; nil where no layer slides.
  public var slidingWindow: Int?
  /// One entry for each layer.
  public var attentionSpans: [AttentionSpan]
  public var beginOfTextID: Int?
  public var endOfTextIDs: [Int]
  /// Each layer's sub-dimensions; there for `mohd` and for no other architecture.
  public var mohd: MoHDSettings?

  /// Tokens that a query of this layer sees, itself included: key j is visible to query i when
  /// i − window < j ≤ i; nil when all earlier tokens are visible.
  public func slidingWindow(layer: Int) -> Int? {
    attentionSpans[layer] == .sliding ? slidingWindow : nil
  }

  /// Width of the queries and of the concatenated heads: `headCount` · `headSize`.
  public var queryWidth: Int { headCount * headSize }
  /// Width of the keys, and of the values.
  public var keyValueWidth: Int { keyValueHeadCount * headSize }
}

// MARK: - Validation

extension ModelConfiguration {
  /// Bounds that no model reaches and below which no product of two of these numbers overflows.
  enum Bound {
    static let size = 1 << 24
    static let layerCount = 4096
    static let contextLength = 1 << 40
  }

  /// - Throws: `ConfigurationError` when a number is out of range or two do not agree.
  package func validate(path: String) throws(ConfigurationError) {
    try check("hidden_size", hiddenSize, path)
    try check("intermediate_size", intermediateSize, path)
    try check("num_hidden_layers", layerCount, path, most: Bound.layerCount)
    try check("num_attention_heads", headCount, path)
    try check("num_key_value_heads", keyValueHeadCount, path)
    try check("head_dim", headSize, path)
    try check("vocab_size", vocabularySize, path)
    try check("max_position_embeddings", contextLength, path, most: Bound.contextLength)
    guard headCount % keyValueHeadCount == 0 else {
      throw .inconsistent(
        path: path,
        reason: "num_attention_heads: expected a multiple of num_key_value_heads "
          + "(\(keyValueHeadCount)), found \(headCount)")
    }
    guard headSize % 2 == 0 else {
      throw .outOfRange(
        path: path, field: "head_dim", found: "\(headSize)",
        expected: "an even number, as rotary embedding needs")
    }
    guard headCount * headSize <= Bound.size else {
      throw .inconsistent(
        path: path,
        reason: "num_attention_heads × head_dim: expected at most \(Bound.size), "
          + "found \(headCount * headSize)")
    }
    try check("rms_norm_eps", normEpsilon, path, expected: "a finite number of at least 0") {
      $0 >= 0 && $0 <= 1
    }
    try check("rope_theta", ropeTheta, path, expected: "a finite number above 0") {
      $0 > 0 && $0 <= Double(Float.greatestFiniteMagnitude)
    }
    if let slidingWindow {
      try check("sliding_window", slidingWindow, path, most: Bound.contextLength)
    }
    guard attentionSpans.count == layerCount else {
      throw .inconsistent(
        path: path,
        reason: "layer_types: expected \(layerCount) entries, found \(attentionSpans.count)")
    }
    guard slidingWindow != nil || !attentionSpans.contains(.sliding) else {
      throw .inconsistent(
        path: path, reason: "layer_types: sliding_attention needs a sliding_window, found none")
    }
    for identifier in endOfTextIDs + [beginOfTextID].compactMap({ $0 }) {
      // transformers tolerates ids beyond the vocabulary; negative ones mean "none".
      guard identifier >= -1, identifier < Bound.contextLength else {
        throw .outOfRange(
          path: path, field: "bos_token_id or eos_token_id", found: "\(identifier)",
          expected: "a token id")
      }
    }
    try validateRopeScaling(path: path)
    try mohd?.validate(hiddenSize: hiddenSize, layerCount: layerCount, path: path)
  }

  private func validateRopeScaling(path: String) throws(ConfigurationError) {
    func positive(_ field: String, _ value: Double) throws(ConfigurationError) {
      try check(field, value, path, expected: "a finite number above 0") { $0 > 0 && $0 < 1e30 }
    }
    switch ropeScaling {
    case .none: break
    case .linear(let factor): try positive("rope_scaling.factor", factor)
    case .llama3(let factor, let low, let high, let original):
      try positive("rope_scaling.factor", factor)
      try positive("rope_scaling.low_freq_factor", low)
      try positive("rope_scaling.high_freq_factor", high)
      try check(
        "rope_scaling.original_max_position_embeddings", original, path, most: Bound.contextLength)
      guard low < high else {
        throw .inconsistent(
          path: path,
          reason: "rope_scaling: expected low_freq_factor below high_freq_factor, "
            + "found \(low) and \(high)")
      }
    case .frequencyFactors(let factors):
      guard factors.count == headSize / 2 else {
        throw .inconsistent(
          path: path,
          reason: "rope_freqs.weight: expected \(headSize / 2) factors, found \(factors.count)")
      }
      for factor in factors { try positive("rope_freqs.weight", Double(factor)) }
    }
  }

  private func check(
    _ field: String, _ value: Int, _ path: String, most: Int = Bound.size
  ) throws(ConfigurationError) {
    guard value >= 1, value <= most else {
      throw .outOfRange(
        path: path, field: field, found: "\(value)", expected: "a number in 1…\(most)")
    }
  }

  private func check(
    _ field: String, _ value: Double, _ path: String, expected: String,
    _ holds: (Double) -> Bool
  ) throws(ConfigurationError) {
    guard value.isFinite, holds(value) else {
      throw .outOfRange(path: path, field: field, found: "\(value)", expected: expected)
    }
  }
}
