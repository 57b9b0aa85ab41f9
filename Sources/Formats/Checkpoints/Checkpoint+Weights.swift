import Tensors

extension Checkpoint {
  /// Finds and checks every weight that the configuration calls for, the head apart.
  ///
  /// - Parameters:
  ///   - tensors: by the names of `LlamaWeights`.
  ///   - fallback: the file that a missing tensor is missed in.
  /// - Returns: the weights, and the names under which they are in `tensors`.
  static func weights(
    _ tensors: [String: StoredTensor], _ configuration: ModelConfiguration,
    format: CheckpointFormat, index: SafetensorsIndex?, fallback: String
  ) throws(CheckpointError) -> ([WeightPlace: WeightTensor], Set<String>) {
    var weights: [WeightPlace: WeightTensor] = [:]
    var used: Set<String> = []
    // llama.cpp's converter interleaves the rotary halves of llama's heads, and not of qwen2's.
    let interleavesRotaryPairs = format == .gguf && configuration.architecture == .llama
    for row in LlamaWeights.all {
      let layers: [Int?] = row.role.isPerLayer ? (0..<configuration.layerCount).map { $0 } : [nil]
      for layer in layers {
        let name = row.name(in: format, layer: layer)
        guard let stored = tensors[name] else {
          // The embedding and the head stand for each other: `settleHead` sees to them.
          guard
            !row.isPresent(in: configuration) || row.role == .tokenEmbedding
              || row.role == .outputProjection
          else { throw missing(name, index, fallback) }
          continue
        }
        // A head beside tied embeddings may be another matrix. A bias that the configuration denies
        // is not used, as transformers does not use it.
        guard row.isPresent(in: configuration) || row.presence == .untied else { continue }
        try check(stored, row.shape(in: configuration, layer: layer))
        used.insert(name)
        weights[WeightPlace(role: row.role, layer: layer)] = WeightTensor(
          stored,
          interleavedHeadSize: interleavesRotaryPairs && row.role.isRotary
            ? configuration.headSize : nil)
      }
    }
    guard
      weights[.embedding] != nil || (configuration.tiesWordEmbeddings && weights[.head] != nil)
    else {
      let row = LlamaWeights.all.first { $0.role == .tokenEmbedding }
      throw missing(row?.name(in: format, layer: nil) ?? "", index, fallback)
    }
    return (weights, used)
  }

  /// A weight that is not there; where an index lists it, the index is wrong or its shard is another.
  private static func missing(
    _ name: String, _ index: SafetensorsIndex?, _ fallback: String
  ) -> CheckpointError {
    guard let index,
      let place = index.places[name] ?? index.places[String(name.dropFirst("model.".count))]
    else { return .missingTensor(path: fallback, tensor: name) }
    return .invalidIndex(
      path: index.path, reason: "\(printable(name)): expected in \(place), not found there")
  }

  /// Decides what the head is, as transformers 5 does: a head that is there and differs from the
  /// embedding is the model's own, whatever the configuration says; of a tied model either stands for
  /// both. Without either rule a model has no head, where transformers would invent one.
  ///
  /// Source: `PreTrainedModel.tie_weights` (transformers 5.23).
  static func settleHead(
    _ weights: inout [WeightPlace: WeightTensor], _ configuration: ModelConfiguration,
    path: String, warnings: inout [String]
  ) throws(CheckpointError) -> Head {
    let (embedding, head) = (weights[.embedding], weights[.head])
    guard configuration.tiesWordEmbeddings else {
      guard head == nil else { return .own }
      warnings.append(
        "\(path): no head (lm_head.weight), as in a checkpoint of the base class: activations can be "
          + "read, and nothing can be scored")
      return .none
    }
    if let embedding, let head, !embedding.isEqual(to: head) {
      warnings.append(
        "\(path): tie_word_embeddings is true, and \(printable(head.name)) differs from the embedding: "
          + "the head is used, as transformers 5 does; set tie_word_embeddings to false")
      return .own
    }
    weights[.embedding] = embedding ?? head
    weights[.head] = weights[.embedding]
    return .tied
  }

  /// What is left out, rounded or listed in vain.
  static func warn(
    of used: [TensorInfo], ignored: [String], index: SafetensorsIndex?, path: String,
    found: [String: StoredTensor], warnings: inout [String]
  ) {
    // Old checkpoints store what every program computes.
    let strangers = ignored.filter {
      !$0.hasSuffix("rotary_emb.inv_freq") && $0 != "rope_freqs.weight"
    }
    if !strangers.isEmpty {
      warnings.append(
        "\(path): \(names(strangers)) not used, as config.json does not call for them")
    }
    let doubles = used.filter { $0.elementType == .float64 }.map(\.name).sorted()
    if !doubles.isEmpty {
      warnings.append("\(path): \(names(doubles)) of type F64 rounded to Float32")
    }
    guard let index else { return }
    let all = Set(found.values.map(\.info.name))
    let absent = index.places.keys.filter { !all.contains($0) }.sorted()
    if !absent.isEmpty {
      warnings.append(
        "\(index.path): \(names(absent)) listed that no file holds; the model needs none of them")
    }
  }

  static func check(_ stored: StoredTensor, _ shape: [Int]) throws(CheckpointError) {
    let info = stored.info
    guard info.shape == shape else {
      throw .wrongShape(
        path: stored.file.path, tensor: info.name, expected: shape, found: info.shape)
    }
    guard info.elementType.isSupported else {
      throw .unsupportedType(
        path: stored.file.path, tensor: info.name, type: info.elementType.rawValue)
    }
  }
}

extension Checkpoint.WeightPlace {
  static let embedding = Self(role: .tokenEmbedding, layer: nil)
  static let head = Self(role: .outputProjection, layer: nil)
}

extension WeightTensor {
  /// Whether two matrices of one shape hold equal numbers, whatever they are stored as.
  fileprivate func isEqual(to other: WeightTensor) -> Bool {
    let step = 256
    let own = Matrix(rowCount: step, columnCount: columnCount)
    let others = Matrix(rowCount: step, columnCount: columnCount)
    for start in stride(from: 0, to: rowCount, by: step) {
      let rows = start..<min(start + step, rowCount)
      let (left, right) = (own.view.rows(0..<rows.count), others.view.rows(0..<rows.count))
      widen(rows: rows, into: left)
      other.widen(rows: rows, into: right)
      guard left.elements() == right.elements() else { return false }
    }
    return true
  }
}

extension WeightRole {
  /// Whether the rows of this weight are rotated in pairs.
  fileprivate var isRotary: Bool {
    switch self {
    case .queryProjection, .keyProjection, .queryBias, .keyBias: true
    default: false
    }
  }
}
