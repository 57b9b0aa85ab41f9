import Activations
import Checkpoints
import Files
import Foundation
import Kernels
import Tensors

/// The folder that a conversion writes: config.json with its code, weights in one file for each
/// layer, the tokenizer, conversion.json and a model card.
///
/// Everything is written to a hidden folder beside it and gets its name when it is complete, so that
/// no half-written model is ever found there.
public struct ConvertedFolder {
  public let path: String
  private let partial: String

  /// - Throws: `ConversionError.outputExists` when there is something at `path`; `FileError`.
  public init(_ path: String) throws {
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
  ///   - text: to train on, where the recipe says so.
  ///   - progress: called after each layer of each pass.
  ///   - trained: called with the number of tokens of each step of training.
  /// - Returns: what conversion.json holds.
  public func write(
    _ converter: Converter, source: CalibrationSource, provenance: ConversionPlan.Provenance,
    calibration: ConversionPlan.Calibration, tokenizerFiles: [String: [UInt8]],
    text: DistillationText? = nil, progress: @escaping (_ layer: Int) throws -> Void,
    trained: @escaping (_ tokens: Int) throws -> Void = { _ in }
  ) throws -> ConversionPlan {
    try Folder.create(partial)
    let lock = try FolderLock(partial)
    defer { extendLifetime(lock) }
    // What a killed run left must not be published with what this one writes.
    for name in try Folder.names(in: partial) { try Folder.removeFile(partial + "/" + name) }
    do {
      let plan = try fill(
        converter, source: source, provenance: provenance, calibration: calibration,
        tokenizerFiles: tokenizerFiles, text: text, progress: progress, trained: trained)
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
    text: DistillationText?, progress: @escaping (_ layer: Int) throws -> Void,
    trained: @escaping (_ tokens: Int) throws -> Void
  ) throws -> ConversionPlan {
    let checkpoint = converter.checkpoint
    let shardCount = checkpoint.configuration.layerCount + 1
    var index = ShardIndex()
    func shard(_ number: Int, _ tensors: [SafetensorsWriter.Tensor]) throws {
      let name = Self.shardName(number, of: shardCount)
      try SafetensorsWriter.write(tensors, to: partial + "/" + name)
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
    try file("model.safetensors.index.json", JSONText.encode(index))
    try file("config.json", ModelingCode.configurationFile(configuration))
    for (name, bytes) in ModelingCode.files { try file(name, bytes) }
    for (name, bytes) in tokenizerFiles { try file(name, bytes) }
    let recovery =
      converter.recipe.isSequential
      ? try SequentialRecovery(
        dense: checkpoint, folder: partial, recipe: converter.recipe, batch: source.batch,
        pool: converter.pool
      ).run(progress: progress) : nil
    var distillation: Distillation?
    if let settings = converter.recipe.distillation, let text {
      distillation = try LogitDistillation(
        dense: checkpoint, folder: partial, settings: settings, text: text,
        pool: converter.pool
      ).run(progress: trained)
    }
    let plan = ConversionPlan(
      schema: ConversionPlan.currentSchema, provenance: provenance, recipe: converter.recipe,
      calibration: calibration, activeParameters: .init(configuration), components: reports,
      recovery: recovery, distillation: distillation)
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

/// model.safetensors.index.json: which file holds which tensor.
private struct ShardIndex: Encodable {
  private var metadata: [String: Int] = ["total_size": 0]
  private var weight_map: [String: String] = [:]

  mutating func add(_ tensors: [SafetensorsWriter.Tensor], in name: String) {
    for tensor in tensors {
      weight_map[tensor.name] = name
      metadata["total_size", default: 0] += tensor.byteCount
    }
  }
}
