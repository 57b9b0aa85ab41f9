import Files

/// `config.json` as Hugging Face writes it: every field optional, nothing judged yet.
struct HuggingFaceConfiguration: Codable, Equatable {
  var modelType: String?
  var architectures: [String]?
  var hiddenSize: Int?
  var intermediateSize: Int?
  var layerCount: Int?
  var headCount: Int?
  /// The outer optional is whether the field is there, the inner one whether it is null.
  var keyValueHeadCount: Int??
  var headSize: Int?
  var vocabularySize: Int?
  var normEpsilon: Double?
  var ropeTheta: Double?
  var ropeScaling: Rope?
  var ropeParameters: Rope?
  var partialRotaryFactor: Double?
  var contextLength: Int?
  var originalContextLength: Int?
  var tiesWordEmbeddings: Bool?
  var attentionBias: Bool?
  /// Ours, for mohd: where it differs from `attentionBias`.
  var attentionOutputBias: Bool?
  var mlpBias: Bool?
  /// The outer optional is whether the field is there, the inner one whether it is null.
  var slidingWindow: Int??
  var usesSlidingWindow: Bool?
  var maximumWindowLayers: Int?
  var attentionSpans: [String]?
  var activation: String?
  var beginOfTextID: Int?
  var endOfTextIDs: [Int]?
  var isQuantised = false
  /// Read: as the file has it.
  var storedMoHD: StoredMoHDSettings?
  /// Written: all of it.
  var mohd: MoHDSettings?

  /// `rope_scaling` of transformers 4 and `rope_parameters` of 5.
  struct Rope: Codable, Equatable {
    var kind: String?
    var theta: Double?
    var factor: Double?
    var lowFrequencyFactor: Double?
    var highFrequencyFactor: Double?
    var originalContextLength: Int?
    var partialRotaryFactor: Double?
    var frequencyFactors: [Float]?
    /// Parameters that differ between layers, keyed by `layer_types`.
    var isNested = false
    var isEmpty = false

    enum CodingKeys: String, CodingKey, CaseIterable {
      case kind = "rope_type"
      case oldKind = "type"
      case theta = "rope_theta"
      case factor
      case lowFrequencyFactor = "low_freq_factor"
      case highFrequencyFactor = "high_freq_factor"
      case originalContextLength = "original_max_position_embeddings"
      case partialRotaryFactor = "partial_rotary_factor"
      case frequencyFactors = "frequency_factors"
      case fullAttention = "full_attention"
      case slidingAttention = "sliding_attention"
    }

    init() {}

    init(from decoder: any Decoder) throws {
      let box = try decoder.container(keyedBy: CodingKeys.self)
      isEmpty = box.allKeys.isEmpty
      isNested = box.contains(.fullAttention) || box.contains(.slidingAttention)
      kind =
        try box.decodeIfPresent(String.self, forKey: .kind)
        ?? box.decodeIfPresent(String.self, forKey: .oldKind)
      theta = try box.decodeIfPresent(Double.self, forKey: .theta)
      factor = try box.decodeIfPresent(Double.self, forKey: .factor)
      lowFrequencyFactor = try box.decodeIfPresent(Double.self, forKey: .lowFrequencyFactor)
      highFrequencyFactor = try box.decodeIfPresent(Double.self, forKey: .highFrequencyFactor)
      originalContextLength = try box.decodeIfPresent(Int.self, forKey: .originalContextLength)
      partialRotaryFactor = try box.decodeIfPresent(Double.self, forKey: .partialRotaryFactor)
      frequencyFactors = try box.decodeIfPresent([Float].self, forKey: .frequencyFactors)
    }

    func encode(to encoder: any Encoder) throws {
      var box = encoder.container(keyedBy: CodingKeys.self)
      try box.encodeIfPresent(kind, forKey: .kind)
      try box.encodeIfPresent(theta, forKey: .theta)
      try box.encodeIfPresent(factor, forKey: .factor)
      try box.encodeIfPresent(lowFrequencyFactor, forKey: .lowFrequencyFactor)
      try box.encodeIfPresent(highFrequencyFactor, forKey: .highFrequencyFactor)
      try box.encodeIfPresent(originalContextLength, forKey: .originalContextLength)
      try box.encodeIfPresent(partialRotaryFactor, forKey: .partialRotaryFactor)
      try box.encodeIfPresent(frequencyFactors, forKey: .frequencyFactors)
    }
  }

  enum CodingKeys: String, CodingKey {
    case modelType = "model_type"
    case architectures
    case hiddenSize = "hidden_size"
    case intermediateSize = "intermediate_size"
    case layerCount = "num_hidden_layers"
    case headCount = "num_attention_heads"
    case keyValueHeadCount = "num_key_value_heads"
    case headSize = "head_dim"
    case vocabularySize = "vocab_size"
    case normEpsilon = "rms_norm_eps"
    case ropeTheta = "rope_theta"
    case ropeScaling = "rope_scaling"
    case ropeParameters = "rope_parameters"
    case partialRotaryFactor = "partial_rotary_factor"
    case contextLength = "max_position_embeddings"
    case originalContextLength = "original_max_position_embeddings"
    case tiesWordEmbeddings = "tie_word_embeddings"
    case attentionBias = "attention_bias"
    case attentionOutputBias = "attention_output_bias"
    case mlpBias = "mlp_bias"
    case slidingWindow = "sliding_window"
    case usesSlidingWindow = "use_sliding_window"
    case maximumWindowLayers = "max_window_layers"
    case attentionSpans = "layer_types"
    case activation = "hidden_act"
    case beginOfTextID = "bos_token_id"
    case endOfTextIDs = "eos_token_id"
    case quantisation = "quantization_config"
    case mohd
  }

  init() {}

  init(from decoder: any Decoder) throws {
    let box = try decoder.container(keyedBy: CodingKeys.self)
    modelType = try box.decodeIfPresent(String.self, forKey: .modelType)
    architectures = try box.decodeIfPresent([String].self, forKey: .architectures)
    hiddenSize = try box.decodeIfPresent(Int.self, forKey: .hiddenSize)
    intermediateSize = try box.decodeIfPresent(Int.self, forKey: .intermediateSize)
    layerCount = try box.decodeIfPresent(Int.self, forKey: .layerCount)
    headCount = try box.decodeIfPresent(Int.self, forKey: .headCount)
    if box.contains(.keyValueHeadCount) {
      keyValueHeadCount = .some(try box.decodeIfPresent(Int.self, forKey: .keyValueHeadCount))
    }
    headSize = try box.decodeIfPresent(Int.self, forKey: .headSize)
    vocabularySize = try box.decodeIfPresent(Int.self, forKey: .vocabularySize)
    normEpsilon = try box.decodeIfPresent(Double.self, forKey: .normEpsilon)
    ropeTheta = try box.decodeIfPresent(Double.self, forKey: .ropeTheta)
    ropeScaling = try box.decodeIfPresent(Rope.self, forKey: .ropeScaling)
    ropeParameters = try box.decodeIfPresent(Rope.self, forKey: .ropeParameters)
    partialRotaryFactor = try box.decodeIfPresent(Double.self, forKey: .partialRotaryFactor)
    contextLength = try box.decodeIfPresent(Int.self, forKey: .contextLength)
    originalContextLength = try box.decodeIfPresent(Int.self, forKey: .originalContextLength)
    tiesWordEmbeddings = try box.decodeIfPresent(Bool.self, forKey: .tiesWordEmbeddings)
    attentionBias = try box.decodeIfPresent(Bool.self, forKey: .attentionBias)
    attentionOutputBias = try box.decodeIfPresent(Bool.self, forKey: .attentionOutputBias)
    mlpBias = try box.decodeIfPresent(Bool.self, forKey: .mlpBias)
    if box.contains(.slidingWindow) {
      slidingWindow = .some(try box.decodeIfPresent(Int.self, forKey: .slidingWindow))
    }
    usesSlidingWindow = try box.decodeIfPresent(Bool.self, forKey: .usesSlidingWindow)
    maximumWindowLayers = try box.decodeIfPresent(Int.self, forKey: .maximumWindowLayers)
    attentionSpans = try box.decodeIfPresent([String].self, forKey: .attentionSpans)
    activation = try box.decodeIfPresent(String.self, forKey: .activation)
    beginOfTextID = try box.decodeIfPresent(Int.self, forKey: .beginOfTextID)
    if let one = try? box.decodeIfPresent(Int.self, forKey: .endOfTextIDs) {
      endOfTextIDs = [one]
    } else {
      endOfTextIDs = try box.decodeIfPresent([Int].self, forKey: .endOfTextIDs)
    }
    // Another architecture may use the word for something else.
    if modelType == Architecture.mohd.rawValue {
      storedMoHD = try box.decodeIfPresent(StoredMoHDSettings.self, forKey: .mohd)
    }
    isQuantised =
      try box.contains(.quantisation) && !box.decodeNil(forKey: .quantisation)
  }

  func encode(to encoder: any Encoder) throws {
    var box = encoder.container(keyedBy: CodingKeys.self)
    try box.encodeIfPresent(modelType, forKey: .modelType)
    try box.encodeIfPresent(architectures, forKey: .architectures)
    try box.encodeIfPresent(hiddenSize, forKey: .hiddenSize)
    try box.encodeIfPresent(intermediateSize, forKey: .intermediateSize)
    try box.encodeIfPresent(layerCount, forKey: .layerCount)
    try box.encodeIfPresent(headCount, forKey: .headCount)
    if let keyValueHeadCount { try box.encode(keyValueHeadCount, forKey: .keyValueHeadCount) }
    try box.encodeIfPresent(headSize, forKey: .headSize)
    try box.encodeIfPresent(vocabularySize, forKey: .vocabularySize)
    try box.encodeIfPresent(normEpsilon, forKey: .normEpsilon)
    try box.encodeIfPresent(ropeTheta, forKey: .ropeTheta)
    try box.encodeIfPresent(ropeScaling, forKey: .ropeScaling)
    try box.encodeIfPresent(contextLength, forKey: .contextLength)
    try box.encodeIfPresent(tiesWordEmbeddings, forKey: .tiesWordEmbeddings)
    try box.encodeIfPresent(attentionBias, forKey: .attentionBias)
    try box.encodeIfPresent(attentionOutputBias, forKey: .attentionOutputBias)
    try box.encodeIfPresent(mlpBias, forKey: .mlpBias)
    if let slidingWindow { try box.encode(slidingWindow, forKey: .slidingWindow) }
    try box.encodeIfPresent(usesSlidingWindow, forKey: .usesSlidingWindow)
    try box.encodeIfPresent(attentionSpans, forKey: .attentionSpans)
    try box.encodeIfPresent(activation, forKey: .activation)
    try box.encodeIfPresent(beginOfTextID, forKey: .beginOfTextID)
    if let endOfTextIDs {
      if endOfTextIDs.count == 1 {
        try box.encode(endOfTextIDs[0], forKey: .endOfTextIDs)
      } else {
        try box.encode(endOfTextIDs, forKey: .endOfTextIDs)
      }
    }
    try box.encodeIfPresent(mohd, forKey: .mohd)
  }
}
