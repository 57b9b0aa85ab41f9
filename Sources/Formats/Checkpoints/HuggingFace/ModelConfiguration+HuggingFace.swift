import Files

extension ModelConfiguration: Codable {
  /// Largest `config.json` that is read.
  package static let fileLimit = 1 << 20

  /// Reads `config.json`.
  ///
  /// - Throws: `JSONError` or `ConfigurationError`.
  package init(json bytes: [UInt8], path: String) throws {
    try ForeignFileError.check(
      bytes, path: path, expected: "a model's configuration (JSON)", kinds: [.jsonObject])
    try rejectNonNumbers(bytes, path: path)
    let raw = try JSONText.decode(HuggingFaceConfiguration.self, from: bytes, path: path)
    try self.init(raw, path: path)
  }

  public init(from decoder: any Decoder) throws {
    try self.init(HuggingFaceConfiguration(from: decoder), path: "config.json")
  }

  public func encode(to encoder: any Encoder) throws {
    try HuggingFaceConfiguration(self).encode(to: encoder)
  }

  /// Gives absent fields the values that transformers gives them, and refuses what is not supported.
  init(_ raw: HuggingFaceConfiguration, path: String) throws(ConfigurationError) {
    let architectures = Architecture.allCases.map(\.rawValue)
    guard let name = raw.modelType, let architecture = Architecture(rawValue: name) else {
      throw .unsupported(
        path: path, field: "model_type", found: raw.modelType.map { "\"\($0)\"" } ?? "none",
        supported: architectures)
    }
    let activation = raw.activation ?? "silu"
    guard activation == "silu" || activation == "swish" else {
      throw .unsupported(
        path: path, field: "hidden_act", found: "\"\(activation)\"", supported: ["silu"])
    }
    guard !raw.isQuantised else {
      throw .unsupported(
        path: path, field: "quantization_config", found: "a quantised Hugging Face checkpoint",
        supported: ["F32, F16 and BF16 safetensors", "GGUF"])
    }
    let defaults = Defaults(architecture)
    self.architecture = architecture
    hiddenSize = raw.hiddenSize ?? 4096
    intermediateSize = raw.intermediateSize ?? defaults.intermediateSize
    layerCount = raw.layerCount ?? 32
    headCount = raw.headCount ?? 32
    // Null is not absent: it stands for as many as query heads in all classes.
    keyValueHeadCount =
      switch raw.keyValueHeadCount {
      case .some(let given): given ?? headCount
      case .none: defaults.keyValueHeadCount ?? headCount
      }
    headSize = raw.headSize ?? (headCount > 0 ? hiddenSize / headCount : 0)
    vocabularySize = raw.vocabularySize ?? defaults.vocabularySize
    normEpsilon = raw.normEpsilon ?? 1e-6
    contextLength = raw.contextLength ?? defaults.contextLength
    tiesWordEmbeddings = raw.tiesWordEmbeddings ?? false
    queryKeyValueBias =
      switch architecture {
      case .llama, .mohd: raw.attentionBias ?? false
      case .mistral: false
      case .qwen2: true
      }
    attentionOutputBias =
      switch architecture {
      case .llama: raw.attentionBias ?? false
      case .mohd: raw.attentionOutputBias ?? queryKeyValueBias
      case .mistral, .qwen2: false
      }
    mlpBias = (architecture == .llama || architecture == .mohd) && raw.mlpBias ?? false
    beginOfTextID = raw.beginOfTextID
    endOfTextIDs = raw.endOfTextIDs ?? []
    (ropeTheta, ropeScaling) = try ModelConfiguration.rope(
      raw, contextLength: contextLength, path: path)
    if raw.headSize == nil && headCount > 0 && hiddenSize % headCount != 0 {
      throw .inconsistent(
        path: path,
        reason: "hidden_size: expected a multiple of num_attention_heads (\(headCount)) "
          + "where head_dim is absent, found \(hiddenSize)")
    }
    guard layerCount >= 1, layerCount <= Bound.layerCount else {
      throw .outOfRange(
        path: path, field: "num_hidden_layers", found: "\(layerCount)",
        expected: "a number in 1…\(Bound.layerCount)")
    }
    (slidingWindow, attentionSpans) = try ModelConfiguration.windows(
      raw, architecture, layerCount: layerCount, path: path)
    if architecture == .mohd {
      if let stored = raw.storedMoHD {
        mohd = try MoHDSettings(
          stored, hiddenSize: hiddenSize, layerCount: layerCount, path: path)
      } else {
        mohd = MoHDSettings(preset: .half, layerCount: layerCount)
      }
    }
    try validate(path: path)
  }

  /// What transformers 5.23 fills in; fields not here are the same in all three.
  private struct Defaults {
    let intermediateSize: Int
    let keyValueHeadCount: Int?
    let vocabularySize: Int
    let contextLength: Int

    init(_ architecture: Architecture) {
      switch architecture {
      case .llama, .mohd:
        (intermediateSize, keyValueHeadCount, vocabularySize, contextLength) =
          (11_008, nil, 32_000, 2048)
      case .mistral:
        (intermediateSize, keyValueHeadCount, vocabularySize, contextLength) =
          (14_336, 8, 32_000, 131_072)
      case .qwen2:
        // 32 heads whatever num_attention_heads says.
        (intermediateSize, keyValueHeadCount, vocabularySize, contextLength) =
          (22_016, 32, 151_936, 32_768)
      }
    }
  }

  // MARK: - Rotary embedding

  private static func rope(
    _ raw: HuggingFaceConfiguration, contextLength: Int, path: String
  ) throws(ConfigurationError) -> (Double, RopeScaling) {
    // transformers: `rope_scaling or rope_parameters`, and an empty object is false.
    let rope = [raw.ropeScaling, raw.ropeParameters].compactMap { $0 }.first { !$0.isEmpty }
    let field = raw.ropeScaling.map { !$0.isEmpty } == true ? "rope_scaling" : "rope_parameters"
    let theta = rope?.theta ?? raw.ropeTheta ?? 10_000
    if let rotated = rope?.partialRotaryFactor ?? raw.partialRotaryFactor, rotated != 1 {
      throw .unsupported(
        path: path, field: "partial_rotary_factor", found: "\(rotated)", supported: ["1"])
    }
    guard let rope else { return (theta, .none) }
    if rope.isNested {
      throw .unsupported(
        path: path, field: field, found: "one entry for each kind of layer",
        supported: ["one entry for all layers"])
    }
    func require(_ value: Double?, _ name: String) throws(ConfigurationError) -> Double {
      guard let value else {
        throw .inconsistent(path: path, reason: "\(field).\(name): expected a number, found none")
      }
      return value
    }
    switch rope.kind ?? "default" {
    case "default": return (theta, .none)
    case "linear": return (theta, .linear(factor: try require(rope.factor, "factor")))
    case "llama3":
      let scaling = RopeScaling.llama3(
        factor: try require(rope.factor, "factor"),
        lowFrequencyFactor: try require(rope.lowFrequencyFactor, "low_freq_factor"),
        highFrequencyFactor: try require(rope.highFrequencyFactor, "high_freq_factor"),
        originalContextLength: raw.originalContextLength ?? rope.originalContextLength
          ?? contextLength)
      return (theta, scaling)
    case "frequency_factors":
      // Ours: how a configuration that came from GGUF is written down.
      return (theta, .frequencyFactors(rope.frequencyFactors ?? []))
    case let other:
      throw .unsupported(
        path: path, field: "\(field).rope_type", found: "\"\(other)\"",
        supported: RopeScaling.supportedNames)
    }
  }

  // MARK: - Sliding windows

  /// The window and the layers that have it, as the three configuration classes derive them.
  private static func windows(
    _ raw: HuggingFaceConfiguration, _ architecture: Architecture, layerCount: Int, path: String
  ) throws(ConfigurationError) -> (Int?, [AttentionSpan]) {
    func all(_ span: AttentionSpan) -> [AttentionSpan] {
      Array(repeating: span, count: layerCount)
    }
    let given: Int? = raw.slidingWindow ?? 4096
    switch architecture {
    case .llama: return (nil, all(.full))
    case .mistral:
      // Mistral's class ignores layer_types; a file that has both kinds means another model.
      if let spans = raw.attentionSpans, Set(spans).count > 1 {
        throw .unsupported(
          path: path, field: "layer_types", found: "layers of several kinds in a mistral model",
          supported: ["the same sliding_window in all layers"])
      }
      return (given, all(given == nil ? .full : .sliding))
    case .qwen2:
      let window = raw.usesSlidingWindow ?? false ? given : nil
      guard let names = raw.attentionSpans else {
        let first = raw.maximumWindowLayers ?? 28
        return (
          window,
          (0..<layerCount).map { $0 >= first && window != nil ? .sliding : .full }
        )
      }
      return (window, try spans(names, path: path))
    case .mohd:
      let window = raw.slidingWindow ?? nil
      guard let names = raw.attentionSpans else {
        return (window, all(window == nil ? .full : .sliding))
      }
      // Layers named sliding see everything where there is no window.
      return (window, try spans(names, path: path).map { window == nil ? .full : $0 })
    }
  }

  private static func spans(
    _ names: [String], path: String
  ) throws(ConfigurationError) -> [AttentionSpan] {
    var spans: [AttentionSpan] = []
    for name in names {
      guard let span = AttentionSpan(rawValue: name) else {
        throw .unsupported(
          path: path, field: "layer_types", found: "\"\(name)\"",
          supported: [AttentionSpan.full.rawValue, AttentionSpan.sliding.rawValue])
      }
      spans.append(span)
    }
    return spans
  }
}

extension HuggingFaceConfiguration {
  /// The fields of a configuration, all of them written out.
  init(_ configuration: ModelConfiguration) {
    self.init()
    let architecture = configuration.architecture
    modelType = architecture.rawValue
    architectures = [
      (architecture == .mohd ? "MoHD" : architecture.rawValue.capitalized) + "ForCausalLM"
    ]
    hiddenSize = configuration.hiddenSize
    intermediateSize = configuration.intermediateSize
    layerCount = configuration.layerCount
    headCount = configuration.headCount
    keyValueHeadCount = .some(configuration.keyValueHeadCount)
    headSize = configuration.headSize
    vocabularySize = configuration.vocabularySize
    normEpsilon = configuration.normEpsilon
    ropeTheta = configuration.ropeTheta
    contextLength = configuration.contextLength
    tiesWordEmbeddings = configuration.tiesWordEmbeddings
    activation = "silu"
    beginOfTextID = configuration.beginOfTextID
    endOfTextIDs = configuration.endOfTextIDs.isEmpty ? nil : configuration.endOfTextIDs
    if architecture == .llama || architecture == .mohd {
      attentionBias = configuration.queryKeyValueBias
      mlpBias = configuration.mlpBias
    }
    if architecture != .llama { slidingWindow = .some(configuration.slidingWindow) }
    if architecture == .qwen2 { usesSlidingWindow = configuration.slidingWindow != nil }
    if architecture == .qwen2 || architecture == .mohd {
      attentionSpans = configuration.attentionSpans.map(\.rawValue)
    }
    if architecture == .mohd { attentionOutputBias = configuration.attentionOutputBias }
    mohd = configuration.mohd
    var rope = Rope()
    switch configuration.ropeScaling {
    case .none: return
    case .linear(let factor):
      rope.kind = "linear"
      rope.factor = factor
    case .llama3(let factor, let low, let high, let original):
      rope.kind = "llama3"
      rope.factor = factor
      rope.lowFrequencyFactor = low
      rope.highFrequencyFactor = high
      rope.originalContextLength = original
    case .frequencyFactors(let factors):
      rope.kind = "frequency_factors"
      rope.frequencyFactors = factors
    }
    ropeScaling = rope
  }
}

/// Python's `json` writes NaN and Infinity as bare words, which JSON does not know.
private func rejectNonNumbers(_ bytes: [UInt8], path: String) throws(JSONError) {
  let words = ["NaN", "Infinity"].map { Array($0.utf8) }
  var inString = false
  var index = 0
  while index < bytes.count {
    let byte = bytes[index]
    if byte == UInt8(ascii: "\"") {
      inString.toggle()
    } else if inString && byte == UInt8(ascii: "\\") {
      index += 1
    } else if !inString {
      for word in words where bytes[index...].starts(with: word) {
        throw .malformed(
          path: path,
          reason: "\(String(decoding: word, as: UTF8.self)) at byte \(index) is not JSON; "
            + "write a number or remove the field")
      }
    }
    index += 1
  }
}
