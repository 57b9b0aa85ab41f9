import Files

extension ModelConfiguration {
  /// Reads the configuration from a GGUF file's metadata and the shapes of its tensors.
  ///
  /// - Parameter tensors: of all splits.
  /// - Throws: `GGUFError` or `ConfigurationError`.
  package init(gguf: GGUFFile, tensors: [String: StoredTensor]) throws {
    let path = gguf.file.path
    let name = try gguf.string("general.architecture")
    // Mistral models are "llama" in GGUF.
    guard let name, let architecture = Architecture(rawValue: name),
      architecture == .llama || architecture == .qwen2
    else {
      throw ConfigurationError.unsupported(
        path: path, field: "general.architecture", found: name.map { "\"\($0)\"" } ?? "none",
        supported: [Architecture.llama.rawValue, Architecture.qwen2.rawValue])
    }
    func required<Value>(_ key: String, _ value: Value?) throws(GGUFError) -> Value {
      guard let value else { throw .missingKey(path: path, key: "\(name).\(key)") }
      return value
    }
    func integer(_ key: String) throws(GGUFError) -> Int? { try gguf.integer("\(name).\(key)") }
    func number(_ key: String) throws(GGUFError) -> Double? { try gguf.number("\(name).\(key)") }

    // Features of other models that share the name.
    for key in ["expert_count", "attention.sliding_window"] {
      if let value = try integer(key), value != 0 {
        throw ConfigurationError.unsupported(
          path: path, field: "\(name).\(key)", found: "\(value)", supported: ["0"])
      }
    }
    for key in ["attention.clamp_kqv", "attention.scale", "logit_scale"] {
      if let value = try number(key), value != 0 {
        throw ConfigurationError.unsupported(
          path: path, field: "\(name).\(key)", found: "\(value)", supported: ["none"])
      }
    }
    if let layout = try gguf.string("\(name).tensor_data_layout"),
      layout != "Meta AI original pth"
    {
      throw ConfigurationError.unsupported(
        path: path, field: "\(name).tensor_data_layout", found: "\"\(layout)\"",
        supported: ["\"Meta AI original pth\""])
    }

    self.architecture = architecture
    hiddenSize = try required("embedding_length", integer("embedding_length"))
    intermediateSize = try required("feed_forward_length", integer("feed_forward_length"))
    layerCount = try required("block_count", integer("block_count"))
    headCount = try required("attention.head_count", integer("attention.head_count"))
    keyValueHeadCount = try integer("attention.head_count_kv") ?? headCount
    headSize =
      try integer("attention.key_length") ?? (headCount > 0 ? hiddenSize / headCount : 0)
    for key in ["attention.value_length", "rope.dimension_count"] {
      if let value = try integer(key), value != headSize {
        throw ConfigurationError.unsupported(
          path: path, field: "\(name).\(key)", found: "\(value)",
          supported: ["the head size, \(headSize)"])
      }
    }
    normEpsilon = try required(
      "attention.layer_norm_rms_epsilon", number("attention.layer_norm_rms_epsilon"))
    contextLength = try required("context_length", integer("context_length"))
    ropeTheta = try number("rope.freq_base") ?? 10_000
    ropeScaling = try ModelConfiguration.ropeScaling(gguf, name, tensors)

    guard let embedding = tensors["token_embd.weight"]?.info, embedding.shape.count == 2 else {
      throw CheckpointError.missingTensor(path: path, tensor: "token_embd.weight")
    }
    vocabularySize = embedding.shape[0]
    tiesWordEmbeddings = tensors["output.weight"] == nil
    queryKeyValueBias = architecture == .qwen2 || tensors["blk.0.attn_q.bias"] != nil
    attentionOutputBias = tensors["blk.0.attn_output.bias"] != nil
    mlpBias = tensors["blk.0.ffn_gate.bias"] != nil
    slidingWindow = nil
    attentionSpans = Array(
      repeating: .full, count: max(0, min(layerCount, Bound.layerCount)))
    // Ids beyond the vocabulary stand for nothing; whether a text needs them, its reader says.
    let (size, bos, eos) = (vocabularySize, gguf.identifier("bos"), gguf.identifier("eos"))
    beginOfTextID = bos.flatMap { $0 < size ? $0 : nil }
    endOfTextIDs = eos.flatMap { $0 < size ? [$0] : nil } ?? []
    try validate(path: path)
  }

  private static func ropeScaling(
    _ gguf: GGUFFile, _ name: String, _ tensors: [String: StoredTensor]
  ) throws -> RopeScaling {
    let path = gguf.file.path
    let field = "\(name).rope.scaling.type"
    let oldFactor = try gguf.number("\(name).rope.scale_linear")
    let kind = try gguf.string(field) ?? (oldFactor == nil ? "none" : "linear")
    var scaling: RopeScaling
    switch kind {
    case "none": scaling = .none
    case "linear":
      guard let factor = try gguf.number("\(name).rope.scaling.factor") ?? oldFactor else {
        throw GGUFError.missingKey(path: path, key: "\(name).rope.scaling.factor")
      }
      scaling = factor == 1 ? .none : .linear(factor: factor)
    default:
      throw ConfigurationError.unsupported(
        path: path, field: field, found: "\"\(kind)\"", supported: ["none", "linear"])
    }
    // One set of factors for all layers; other names carry longrope's, which is not supported.
    if let stored = tensors["rope_freqs.weight"] {
      let tensor = stored.info
      guard scaling == .none else {
        throw ConfigurationError.unsupported(
          path: path, field: "rope_freqs.weight", found: "together with linear scaling",
          supported: ["one of the two"])
      }
      guard tensor.elementType == .float32, tensor.shape.count == 1 else {
        throw ConfigurationError.unsupported(
          path: path, field: "rope_freqs.weight",
          found: "\(tensor.elementType.rawValue) \(tensor.shape)", supported: ["F32 of one side"])
      }
      var cursor = ByteCursor(stored.file, range: tensor.bytes)
      var factors: [Float] = []
      while let bits = cursor.number(UInt32.self) { factors.append(Float(bitPattern: bits)) }
      scaling = .frequencyFactors(factors)
    }
    return scaling
  }
}

extension GGUFFile {
  /// The id of a special token: "bos", "eos", …; nil when there is none, which llama.cpp also
  /// writes as −1, unsigned or not.
  fileprivate func identifier(_ name: String) -> Int? {
    guard let identifier = try? integer("tokenizer.ggml.\(name)_token_id"),
      identifier >= 0, identifier != 0xffff_ffff
    else { return nil }
    return identifier
  }
}
