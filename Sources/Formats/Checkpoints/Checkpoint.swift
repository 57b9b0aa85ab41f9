import Files
import Foundation

/// A model's configuration and weights on disk, mapped into memory and checked whole at opening.
///
/// Whoever holds one can rely on it: every weight that the configuration calls for is there, in its
/// shape and in a type that can be read, and every byte range lies inside its file.
public struct Checkpoint: Sendable {
  /// As the files are, where they and `config.json` differ: `tiesWordEmbeddings` says what `head` is.
  public let configuration: ModelConfiguration
  /// Where logits come from.
  public let head: Head
  /// What was found that changes no result or was settled as transformers settles it: one line each,
  /// with the file's name.
  public let warnings: [String]
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
  /// Number of parameters: elements of all weights, a tied head counted once, and no integers.
  public let parameterCount: Int
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

  /// What the output projection is.
  public enum Head: String, Sendable, Codable {
    /// The embedding.
    case tied
    /// A matrix of its own, whatever `tie_word_embeddings` says.
    case own
    /// There is none, as in a checkpoint of the base class: activations can be read, logits not.
    case none
  }

  struct WeightPlace: Hashable {
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
    var warnings: [String] = []
    let tensors = try files.tensorsByName(&warnings)
    var configuration: ModelConfiguration
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

    let fallback = files.weights.first?.path ?? files.folder
    var (weights, used) = try Checkpoint.weights(
      tensors, configuration, format: format, index: files.index, fallback: fallback)
    head = try Checkpoint.settleHead(
      &weights, configuration, path: fallback, warnings: &warnings)
    configuration.tiesWordEmbeddings = head == .tied
    self.configuration = configuration
    self.weights = weights
    var counted = Dictionary(
      weights.values.map { ($0.name, $0.rowCount * $0.columnCount) }, uniquingKeysWith: { $1 })
    if let mohd = configuration.mohd {
      let found = try MoHDTensors(mohd, configuration, tensors: tensors, fallback: fallback)
      used.formUnion(found.names)
      // Norms that routers go by are computed from weights, and are none.
      for name in found.names where !found.bufferNames.contains(name) {
        if let info = tensors[name]?.info, info.elementType.isSupported {
          counted[name] = info.elementCount
        }
      }
      mohdTensors = found
    } else {
      mohdTensors = nil
    }
    parameterCount = counted.values.reduce(0, +)
    let ignored = tensors.filter { !used.contains($0.key) }.values.map(\.info.name).sorted()
    ignoredTensors = ignored
    if format == .gguf, let stranger = ignored.first(where: { $0 != "rope_freqs.weight" }) {
      throw CheckpointError.unexpectedTensor(path: fallback, tensor: stranger)
    }
    Checkpoint.warn(
      of: used.compactMap { tensors[$0]?.info }, ignored: ignored, index: files.index,
      path: fallback, found: tensors, warnings: &warnings)
    self.warnings = warnings
  }

  /// A weight of the model; nil when the model has none (a bias, say) or no such layer.
  ///
  /// The output projection of a tied model is its embedding; one without a head has none.
  ///
  /// - Parameter layer: for roles that every layer has.
  public func weight(_ role: WeightRole, layer: Int? = nil) -> WeightTensor? {
    weights[WeightPlace(role: role, layer: layer)]
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
