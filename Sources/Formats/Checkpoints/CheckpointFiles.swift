import Files

/// How a checkpoint's weights are stored.
public enum CheckpointFormat: String, Sendable, Codable {
  case safetensors, gguf
}

/// A tensor and the file it lies in.
package struct StoredTensor: Sendable {
  package let info: TensorInfo
  package let file: MappedFile

  package init(info: TensorInfo, file: MappedFile) {
    self.info = info
    self.file = file
  }
}

/// The opened files of a checkpoint, before anyone asks what the tensors mean.
struct CheckpointFiles {
  let folder: String
  let format: CheckpointFormat
  /// `config.json`; nil for GGUF.
  let configuration: MappedFile?
  /// Weight files in name order.
  var weights: [MappedFile] = []
  /// In file order.
  var tensors: [StoredTensor] = []
  /// The first split, whose metadata counts.
  var gguf: GGUFFile?
  /// Of an index: where it says that each tensor lies.
  var index: SafetensorsIndex?

  /// Adds one file's tensors.
  private mutating func add(_ file: MappedFile, _ infos: [TensorInfo]) {
    weights.append(file)
    tensors.append(contentsOf: infos.map { StoredTensor(info: $0, file: file) })
  }

  /// By the name that the model's weights go by.
  ///
  /// A name that stands in two files of an index is read from the later file, as transformers reads
  /// it. Names of the base class, which lack `model.`, are those of the whole model.
  func tensorsByName(_ warnings: inout [String]) throws(CheckpointError) -> [String: StoredTensor] {
    var result: [String: StoredTensor] = [:]
    var overridden: [String] = []
    for tensor in tensors {
      guard let other = result.updateValue(tensor, forKey: tensor.info.name) else { continue }
      guard index != nil else {
        throw .duplicateTensor(
          path: tensor.file.path, tensor: tensor.info.name, other: other.file.path)
      }
      overridden.append(tensor.info.name)
    }
    if let index, !overridden.isEmpty {
      warnings.append(
        "\(index.path): \(names(overridden)) in several of its files: read from the last one, as "
          + "transformers reads")
    }
    guard format == .safetensors else { return result }
    for (name, tensor) in result where !name.hasPrefix("model.") && name != "lm_head.weight" {
      let whole = "model." + name
      if result[whole] == nil {
        result[whole] = tensor
        result[name] = nil
      }
    }
    return result
  }
}

/// What `model.safetensors.index.json` says.
struct SafetensorsIndex: Sendable {
  let path: String
  /// Tensor → file name.
  let places: [String: String]
}

/// Some names for a message: "3 tensors (a, b, c)".
func names(_ names: some Collection<String>) -> String {
  let shown = names.prefix(3).map(printable).joined(separator: ", ")
  return counted(names.count, "tensor") + " (\(shown)"
    + (names.count > 3 ? ", …)" : ")")
}

// MARK: - safetensors

extension CheckpointFiles {
  /// Largest index that is read.
  private static let indexLimit = 64 << 20

  /// One safetensors file beside a `config.json`.
  init(safetensors path: String) throws {
    let folder = DurableFile.split(path).folder
    // First, since what it is matters more than what stands beside it.
    let file = try SafetensorsFile(path: path)
    self.init(
      folder: folder, format: .safetensors,
      configuration: try CheckpointFiles.configuration(in: folder))
    add(file.file, file.tensors)
  }

  /// The files that `model.safetensors.index.json` names.
  init(index path: String) throws {
    let folder = DurableFile.split(path).folder
    self.init(
      folder: folder, format: .safetensors,
      configuration: try CheckpointFiles.configuration(in: folder))
    let places = try CheckpointFiles.readIndex(path)
    index = SafetensorsIndex(path: path, places: places)
    for name in Set(places.values).sorted() {
      let file = try SafetensorsFile(path: folder + "/" + name)
      add(file.file, file.tensors)
    }
  }

  private static func configuration(in folder: String) throws(FileError) -> MappedFile {
    try MappedFile(path: folder + "/config.json", limit: ModelConfiguration.fileLimit)
  }

  /// The `weight_map` of an index: tensor → file name.
  private static func readIndex(_ path: String) throws -> [String: String] {
    let file = try MappedFile(path: path, limit: indexLimit)
    try ForeignFileError.check(
      file, expected: "an index of safetensors files (JSON)", kinds: [.jsonObject])
    var scanner = JSONScanner(ByteCursor(file))
    var places: [String: String]?
    try scanner.object { scanner, key in
      guard key == "weight_map" else { return try scanner.skipValue() }
      var map: [String: String] = [:]
      try scanner.object { scanner, tensor in
        let name = try scanner.string()
        // A name, never a path: an index must not reach out of its folder.
        guard name.hasSuffix(".safetensors"), !name.contains("/"), !name.hasPrefix("."),
          !name.utf8.contains(0), name.utf8.count < 256
        else {
          throw CheckpointError.invalidIndex(
            path: path,
            reason: "\(printable(tensor)): expected the name of a .safetensors file, "
              + "found \"\(printable(name))\"")
        }
        guard map.count < tensorCountLimit else {
          throw CheckpointError.invalidIndex(
            path: path, reason: "weight_map: expected at most \(tensorCountLimit) tensors")
        }
        map[tensor] = name
      }
      places = map
    }
    try scanner.finish()
    guard let places, !places.isEmpty else {
      throw CheckpointError.invalidIndex(
        path: path, reason: "weight_map: expected tensors and their files, found none")
    }
    return places
  }
}

// MARK: - GGUF

extension CheckpointFiles {
  /// A GGUF file, or all splits of which it is one.
  init(gguf path: String) throws {
    self.init(folder: DurableFile.split(path).folder, format: .gguf, configuration: nil)
    let first = try GGUFFile(path: path)
    let count = try first.integer("split.count") ?? 1
    guard count > 1 else {
      gguf = first
      add(first.file, first.tensors)
      return
    }
    guard let name = SplitName(path), name.count == count else {
      throw CheckpointError.invalidSplit(
        path: path,
        reason: "split.count is \(count): expected a name that ends in -00001-of-"
          + SplitName.digits(count) + ".gguf")
    }
    for index in 0..<count {
      let split = index + 1 == name.index ? first : try GGUFFile(path: name.path(index + 1))
      let number = try split.integer("split.no")
      guard number == index, try split.integer("split.count") == count else {
        throw CheckpointError.invalidSplit(
          path: split.file.path,
          reason: "expected split.no \(index) of \(count), found "
            + (number.map { "\($0)" } ?? "none"))
      }
      if index == 0 { gguf = split }
      add(split.file, split.tensors)
    }
    if let total = try gguf?.integer("split.tensors.count"), total != tensors.count {
      throw CheckpointError.invalidSplit(
        path: path,
        reason: "split.tensors.count: expected \(total) tensors in all splits, "
          + "found \(tensors.count)")
    }
  }
}

/// The name of one split: `PREFIX-00001-of-00003.gguf`.
struct SplitName {
  let prefix: String
  /// Counted from 1.
  let index: Int
  let count: Int

  init?(_ path: String) {
    let suffix = "-00000-of-00000.gguf"
    guard path.hasSuffix(".gguf"), path.utf8.count > suffix.utf8.count else { return nil }
    let tail = Array(path.utf8.suffix(suffix.utf8.count))
    func number(_ range: Range<Int>) -> Int? {
      tail[range].allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        ? Int(String(decoding: tail[range], as: UTF8.self)) : nil
    }
    guard tail[0] == UInt8(ascii: "-"), tail[6..<10].elementsEqual("-of-".utf8),
      let index = number(1..<6), let count = number(10..<15), index >= 1, index <= count
    else { return nil }
    prefix = String(decoding: path.utf8.dropLast(suffix.utf8.count), as: UTF8.self)
    self.index = index
    self.count = count
  }

  func path(_ index: Int) -> String {
    "\(prefix)-\(SplitName.digits(index))-of-\(SplitName.digits(count)).gguf"
  }

  static func digits(_ number: Int) -> String {
    let text = "\(number)"
    return String(repeating: "0", count: max(0, 5 - text.utf8.count)) + text
  }
}

// MARK: - Finding

extension CheckpointFiles {
  /// Opens what `name` names: a file, a folder, or a hub id in the local cache.
  init(_ name: String, environment: [String: String]) throws {
    switch Folder.kind(of: name) {
    case .file: try self.init(file: name)
    case .folder: try self.init(folder: name)
    case .other: throw FileError.notRegular(path: name)
    case .missing:
      guard let identifier = HubCache.Identifier(name) else {
        throw CheckpointError.notFound(name: name)
      }
      try self.init(folder: HubCache(environment: environment).snapshot(of: identifier))
    }
  }

  /// What a file is, its first bytes say; its name counts only where they say nothing. So blobs of
  /// caches, whose names are digests, open like any other file.
  private init(file path: String) throws {
    let name = DurableFile.split(path).name
    let found = ForeignFile(try MappedFile(path: path))
    if found?.kind == .gguf || name.hasSuffix(".gguf") {
      try self.init(gguf: path)
    } else if found?.kind == .safetensors || name.hasSuffix(".safetensors") {
      try self.init(safetensors: path)
    } else if name.hasSuffix(".safetensors.index.json") {
      try self.init(index: path)
    } else if let found, found.kind == .gitLFSPointer || !CheckpointFiles.isPickle(name) {
      throw ForeignFileError(path: path, expected: "a .gguf or .safetensors file", found: found)
    } else if CheckpointFiles.isPickle(name) {
      throw CheckpointError.pickle(
        path: path,
        command: ForeignFile.safetensorsCommand(folder: DurableFile.split(path).folder))
    } else {
      throw CheckpointError.unknownFormat(path: path)
    }
  }

  private init(folder: String) throws {
    let folder = folder.count > 1 && folder.hasSuffix("/") ? String(folder.dropLast()) : folder
    let names = try Folder.names(in: folder)
    // transformers looks in this order.
    if names.contains("model.safetensors") {
      try self.init(safetensors: folder + "/model.safetensors")
      return
    }
    if names.contains("model.safetensors.index.json") {
      try self.init(index: folder + "/model.safetensors.index.json")
      return
    }
    // Of the splits of one model, the first stands for all.
    let models = names.filter { name in
      name.hasSuffix(".gguf") && SplitName("/" + name).map { $0.index == 1 } ?? true
    }
    if models.count > 1 {
      throw CheckpointError.severalCheckpoints(path: folder, names: models)
    }
    if let model = models.first {
      try self.init(gguf: folder + "/" + model)
      return
    }
    if names.contains(where: CheckpointFiles.isPickle) {
      throw CheckpointError.pickle(
        path: folder, command: ForeignFile.safetensorsCommand(folder: folder))
    }
    throw CheckpointError.noWeights(path: folder)
  }

  private static func isPickle(_ name: String) -> Bool {
    [".bin", ".pt", ".pth", ".ckpt", ".bin.index.json"].contains { name.hasSuffix($0) }
  }
}
