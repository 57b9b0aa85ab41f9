import Activations
import Checkpoints
import Files
import Foundation
import Kernels
import Tensors

/// The folder that a conversion writes: config.json with its code, weights, the tokenizer,
/// conversion.json and a model card.
///
/// While it runs, weights lie in a folder inside, a float32 file for each layer: recovery and
/// training write them again and again. At the end `ModelFiles` makes what is published of them.
///
/// Everything is written to a hidden folder beside it and gets its name when it is complete, so that
/// no half-written model is ever found there.
public struct ConvertedFolder {
  public let path: String
  private let partial: String
  private let fileByteLimit: Int

  /// - Parameter fileByteLimit: bytes of weights in a file at most; nil: the usual 5 GB.
  /// - Throws: `ConversionError.outputExists` when there is something at `path`; `FileError`.
  public init(_ path: String, fileByteLimit: Int? = nil) throws {
    self.fileByteLimit = fileByteLimit ?? ModelFiles.usualByteLimit
    self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    let (parent, name) = DurableFile.split(self.path)
    partial = parent + "/." + name + ".partial"
    switch Folder.kind(of: self.path) {
    case .missing: break
    case .folder:
      guard try Folder.names(in: self.path).isEmpty else {
        throw ConversionError.outputExists(path: path)
      }
    case .file, .other: throw FileError.notDirectory(path: path)
    }
  }

  /// Converts and writes everything.
  ///
  /// - Parameters:
  ///   - tokenizerFiles: by name, as Hugging Face's tokenizers read them.
  ///   - type: of the weights that are written.
  ///   - text: to train on, where the recipe says so.
  ///   - progress: called after each layer of each pass.
  ///   - trained: called with the number of tokens of each step of training.
  /// - Returns: what conversion.json holds.
  public func write(
    _ converter: Converter, source: CalibrationSource, provenance: ConversionPlan.Provenance,
    calibration: ConversionPlan.Calibration, tokenizerFiles: [String: [UInt8]],
    type: FloatingType = .float32, text: DistillationText? = nil,
    progress: @escaping (_ layer: Int) throws -> Void,
    trained: @escaping (_ tokens: Int) throws -> Void = { _ in }
  ) throws -> ConversionPlan {
    try Folder.create(partial)
    let lock = try FolderLock(partial)
    defer { extendLifetime(lock) }
    // What a killed run left must not be published with what this one writes.
    for name in try Folder.names(in: partial) {
      try FileManager.default.removeItem(atPath: partial + "/" + name)
    }
    do {
      let plan = try fill(
        converter, source: source, provenance: provenance, calibration: calibration,
        tokenizerFiles: tokenizerFiles, type: type, text: text, progress: progress,
        trained: trained)
      try Folder.publish(partial, as: path)
      return plan
    } catch {
      try? FileManager.default.removeItem(atPath: partial)
      throw error
    }
  }

  private func fill(
    _ converter: Converter, source: CalibrationSource, provenance: ConversionPlan.Provenance,
    calibration: ConversionPlan.Calibration, tokenizerFiles: [String: [UInt8]],
    type: FloatingType, text: DistillationText?, progress: @escaping (_ layer: Int) throws -> Void,
    trained: @escaping (_ tokens: Int) throws -> Void
  ) throws -> ConversionPlan {
    let checkpoint = converter.checkpoint
    let pieces = partial + "/pieces"
    try Folder.create(pieces)
    let shardCount = checkpoint.configuration.layerCount + 1
    var index = ShardIndex()
    func shard(_ number: Int, _ tensors: [SafetensorsWriter.Tensor]) throws {
      let name = Self.shardName(number, of: shardCount)
      try SafetensorsWriter.write(tensors, to: pieces + "/" + name)
      index.add(tensors, in: name)
    }
    try shard(1, Self.outsideLayers(checkpoint))
    let (settings, reports) = try converter.convert(
      source, scratch: partial, progress: progress
    ) { layer, components in
      try shard(
        layer + 2,
        ConvertedLayer(checkpoint: checkpoint, layer: layer, components: components).tensors())
    }
    var configuration = checkpoint.configuration
    configuration.architecture = .mohd
    configuration.mohd = settings
    func file(_ name: String, _ bytes: [UInt8]) throws {
      try DurableFile.write(bytes, to: partial + "/" + name)
    }
    try DurableFile.write(
      JSONText.encode(index), to: pieces + "/model.safetensors.index.json")
    try DurableFile.write(
      ModelingCode.configurationFile(configuration), to: pieces + "/config.json")
    for (name, bytes) in ModelingCode.files { try file(name, bytes) }
    for (name, bytes) in tokenizerFiles { try file(name, bytes) }
    let recovery =
      converter.recipe.isSequential
      ? try SequentialRecovery(
        dense: checkpoint, folder: pieces, recipe: converter.recipe, batch: source.batch,
        pool: converter.pool
      ).run(progress: progress) : nil
    var distillation: Distillation?
    if let settings = converter.recipe.distillation, let text {
      distillation = try LogitDistillation(
        dense: checkpoint, folder: pieces, settings: settings, text: text,
        pool: converter.pool
      ).run(progress: trained)
    }
    let files = ModelFiles(
      pieces: try Checkpoint.open(pieces), type: type, byteLimit: fileByteLimit)
    try files.write(to: partial)
    try file("config.json", ModelingCode.configurationFile(files.configuration, type))
    try FileManager.default.removeItem(atPath: pieces)
    let plan = ConversionPlan(
      schema: ConversionPlan.currentSchema, provenance: provenance, recipe: converter.recipe,
      calibration: calibration,
      activeParameters: .init(configuration, stored: files.configuration), components: reports,
      recovery: recovery, distillation: distillation, dtype: type)
    try file("conversion.json", JSONText.encode(plan))
    try file(
      "README.md", Array(ModelCard(plan: plan, name: DurableFile.split(path).name).text.utf8))
    return plan
  }

  /// The name that Hugging Face gives the file `number`, from 1.
  static func shardName(_ number: Int, of count: Int) -> String {
    String(format: "model-%05d-of-%05d.safetensors", number, count)
  }

  /// Embedding, final norm, and a head of its own.
  private static func outsideLayers(_ checkpoint: Checkpoint) -> [SafetensorsWriter.Tensor] {
    LlamaWeights.all.filter { row in
      !row.role.isPerLayer && row.isPresent(in: checkpoint.configuration)
    }.compactMap { row in
      guard let weight = checkpoint.weight(row.role) else { return nil }
      let matrix = SharedMatrix(rowCount: weight.rowCount, columnCount: weight.columnCount)
      weight.widen(rows: 0..<weight.rowCount, into: matrix.view)
      return .init(
        row.name(in: .safetensors, layer: nil), shape: row.shape(in: checkpoint.configuration),
        [matrix.view])
    }
  }
}
