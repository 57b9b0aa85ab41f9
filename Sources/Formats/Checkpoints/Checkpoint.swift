import Files
import Foundation

/// A model's configuration and weights on disk, mapped into memory and checked whole at opening.
///
/// Whoever holds one can rely on it: every weight that the configuration calls for is there, in its
/// shape and in a type that can be read, and every byte range lies inside its file.
public struct Checkpoint: Sendable {
  public let configuration: ModelConfiguration
  public let format: CheckpointFormat
  /// The folder that the files lie in; the tokenizer's files are there too, unless GGUF holds it.
  public let folder: String
  /// All files that the digest covers, in its order: `config.json` if there is one, then the weight
  /// files by name.
  public let files: [CheckpointFile]
  /// All tensors in file order, those that are not used included.
  public let tensors: [TensorInfo]
  /// Names of tensors that the model has no use for, sorted; transformers ignores them likewise.
  public let ignoredTensors: [String]
  /// The metadata of a GGUF checkpoint, which holds its tokenizer.
  public let gguf: GGUFFile?
  private let mapped: [MappedFile]
  private let weights: [WeightPlace: WeightTensor]
  /// There for a MoHD model.
  let mohdTensors: MoHDTensors?

  /// One file of a checkpoint.
  public struct CheckpointFile: Sendable, Equatable {
    public let path: String
    public let byteCount: Int
  }

  private struct WeightPlace: Hashable {
    let role: WeightRole
    let layer: Int?
  }

  /// Opens a checkpoint.
  ///
  /// - Parameter nameOrPath: a Hugging Face folder, a folder with one `.gguf` file, a `.gguf` file
  ///   (of several splits any), a `.safetensors` file beside its `config.json`, or a hub id
  ///   `org/name[@revision]` in the local Hugging Face cache.
  /// - Throws: a `ReportableError`: 66 where something is missing, 65 where it is wrong.
  public static func open(_ nameOrPath: String) throws -> Checkpoint {
    try Checkpoint(nameOrPath, environment: ProcessInfo.processInfo.environment)
  }

  /// - Parameter environment: decides where the Hugging Face cache is.
  package init(_ nameOrPath: String, environment: [String: String]) throws {
    let files = try CheckpointFiles(nameOrPath, environment: environment)
    let tensors = try files.tensorsByName()
    if let gguf = files.gguf {
      configuration = try ModelConfiguration(gguf: gguf, tensors: tensors)
      try checkQuantisationVersion(gguf, files.tensors)
    } else if let file = files.configuration {
      configuration = try ModelConfiguration(json: file.copyBytes(), path: file.path)
    } else {
      throw FileError.missing(path: files.folder + "/config.json")
    }
    format = files.format
    folder = files.folder
    mapped = [files.configuration].compactMap { $0 } + files.weights
    self.files = mapped.map { CheckpointFile(path: $0.path, byteCount: $0.count) }
    self.tensors = files.tensors.map(\.info)
    gguf = files.gguf

    var weights: [WeightPlace: WeightTensor] = [:]
    var used: Set<String> = []
    // llama.cpp's converter interleaves the rotary halves of llama's heads, and not of qwen2's.
    let interleavesRotaryPairs = format == .gguf && configuration.architecture == .llama
    let fallback = files.weights.first?.path ?? files.folder
    for row in LlamaWeights.all {
      let layers: [Int?] = row.role.isPerLayer ? (0..<configuration.layerCount).map { $0 } : [nil]
      for layer in layers {
        let name = row.name(in: format, layer: layer)
        guard let stored = tensors[name] else {
          // Tied embeddings may be stored as the head alone: checked below.
          guard
            !row.isPresent(in: configuration)
              || (row.role == .tokenEmbedding && configuration.tiesWordEmbeddings)
          else { throw CheckpointError.missingTensor(path: fallback, tensor: name) }
          continue
        }
        // A head beside tied embeddings is used: equal it changes nothing, different it is what
        // transformers uses too. A bias that the configuration denies is not.
        guard row.isPresent(in: configuration) || row.presence == .untied else { continue }
        try Checkpoint.check(stored, row.shape(in: configuration, layer: layer))
        used.insert(name)
        weights[WeightPlace(role: row.role, layer: layer)] = WeightTensor(
          stored,
          interleavedHeadSize: interleavesRotaryPairs && row.role.isRotary
            ? configuration.headSize : nil)
      }
    }
    let (embedding, head) = (
      WeightPlace(role: .tokenEmbedding, layer: nil),
      WeightPlace(role: .outputProjection, layer: nil)
    )
    guard let matrix = weights[embedding] ?? weights[head] else {
      let name = LlamaWeights.all.first { $0.role == .tokenEmbedding }?.name(in: format, layer: nil)
      throw CheckpointError.missingTensor(path: fallback, tensor: name ?? "")
    }
    weights[embedding] = matrix
    weights[head] = weights[head] ?? matrix
    self.weights = weights
    if let mohd = configuration.mohd {
      let found = try MoHDTensors(mohd, configuration, tensors: tensors, fallback: fallback)
      used.formUnion(found.names)
      mohdTensors = found
    } else {
      mohdTensors = nil
    }
    ignoredTensors = tensors.keys.filter { !used.contains($0) }.sorted()
    if format == .gguf, let stranger = ignoredTensors.first(where: { $0 != "rope_freqs.weight" }) {
      throw CheckpointError.unexpectedTensor(path: fallback, tensor: stranger)
    }
  }

  /// A weight of the model; nil when the model has none (a bias, say) or no such layer.
  ///
  /// The output projection of a tied model is its embedding.
  ///
  /// - Parameter layer: for roles that every layer has.
  public func weight(_ role: WeightRole, layer: Int? = nil) -> WeightTensor? {
    weights[WeightPlace(role: role, layer: layer)]
  }

  /// Number of parameters: elements of all weights, a tied head counted once, and no integers or
  /// norms that routers go by.
  public var parameterCount: Int {
    let ignored = Set(ignoredTensors).union(mohdTensors?.bufferNames ?? [])
    return tensors.reduce(0) {
      ignored.contains($1.name) || !$1.elementType.isSupported ? $0 : $0 + $1.elementCount
    }
  }

  /// The digest that stands for this checkpoint in provenance.
  ///
  /// Of a single file it is that file's SHA-256. Of several it is the SHA-256 of their digests as 64
  /// lower-case digits and a newline each, in the order of `files`, so that anybody can repeat it:
  /// `sha256sum config.json model-*.safetensors | sed 's/ .*//' | sha256sum`. Names do not count.
  ///
  /// - Parameter progress: called with the number of bytes hashed since the last call.
  public func sha256(progress: (Int) -> Void = { _ in }) -> String {
    let digests = mapped.map { SHA256.hash($0, progress: progress) }
    if digests.count == 1 { return digests[0] }
    return SHA256.hash(Array(digests.map { $0 + "\n" }.joined().utf8))
  }

  /// - Throws: `FileError.changedWhileReading` when a file is no longer what was opened.
  public func verifyUnchanged() throws(FileError) {
    for file in mapped { try file.verifyUnchanged() }
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

extension WeightRole {
  /// Whether the rows of this weight are rotated in pairs.
  fileprivate var isRotary: Bool {
    switch self {
    case .queryProjection, .keyProjection, .queryBias, .keyBias: true
    default: false
    }
  }
}

/// Block layouts changed with `general.quantization_version` 2, and only they are read.
private func checkQuantisationVersion(_ gguf: GGUFFile, _ tensors: [StoredTensor]) throws {
  let key = "general.quantization_version"
  guard tensors.contains(where: \.info.elementType.isQuantised) else { return }
  guard let version = try gguf.integer(key) else {
    throw GGUFError.missingKey(path: gguf.file.path, key: key)
  }
  guard version == 2 else {
    throw GGUFError.invalidValue(
      path: gguf.file.path, key: key, reason: "expected 2, found \(version)")
  }
}
