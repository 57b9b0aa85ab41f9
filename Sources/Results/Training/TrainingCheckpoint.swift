import Checkpoints
import Files
import Foundation
import Kernels
import Learning
import Models
import Tensors

/// What every checkpoint holds beside its numbers, so that it is a complete Hugging Face folder.
public struct ModelFiles: Sendable {
  /// config.json's bytes.
  public let configuration: [UInt8]
  /// Tokenizer and code, by name.
  public let others: [String: [UInt8]]

  public init(configuration: [UInt8], others: [String: [UInt8]]) {
    self.configuration = configuration
    self.others = others
  }
}

/// A checkpoint of a run: a Hugging Face folder beside optimizer.safetensors (`exp_avg.NAME`,
/// `exp_avg_sq.NAME`) and state.json, published whole.
enum TrainingCheckpoint {
  private struct State: Codable {
    let schema: Int
    let step: Int
  }

  private static let schema = 1
  private static let moments = ["exp_avg.", "exp_avg_sq."]

  static func write(_ trainer: Trainer, _ files: ModelFiles, to folder: TrainingFolder) throws {
    let partial = folder.checkpoints + "/." + TrainingFolder.name(step: trainer.step) + ".partial"
    try Folder.create(partial)
    func file(_ name: String, _ bytes: [UInt8]) throws {
      try DurableFile.write(bytes, to: partial + "/" + name)
    }
    func tensors(_ tensors: ModelTensors, _ prefix: String) -> [SafetensorsWriter.Tensor] {
      tensors.entries.map {
        .init(prefix + $0.name, shape: $0.shape, [tensors.matrix($0)])
      }
    }
    try SafetensorsWriter.write(
      tensors(trainer.weights, "") + trainer.weights.orderTensors,
      to: partial + "/model.safetensors")
    let optimizer = trainer.optimizer
    try SafetensorsWriter.write(
      zip(moments, [optimizer.firstMoment, optimizer.secondMoment]).flatMap {
        tensors($1, $0)
      }, to: partial + "/optimizer.safetensors")
    try file("config.json", files.configuration)
    for (name, bytes) in files.others.sorted(by: { $0.key < $1.key }) { try file(name, bytes) }
    try file("state.json", try JSONText.encode(State(schema: schema, step: trainer.step)))
    try Folder.publish(partial, as: folder.checkpoint(step: trainer.step))
  }

  /// The weights of a step's checkpoint.
  static func weights(_ folder: TrainingFolder, step: Int, pool: WorkerPool) throws -> ModelTensors
  {
    let path = folder.checkpoint(step: step)
    let statePath = path + "/state.json"
    let state = try JSONText.decode(
      State.self, from: MappedFile(path: statePath).copyBytes(), path: statePath)
    guard state.schema == schema, state.step == step else {
      throw TrainingError.damaged(
        path: statePath,
        reason: "expected schema \(schema) and step \(step), found \(state.schema) and "
          + "\(state.step)")
    }
    return ModelTensors(try Checkpoint.open(path), pool: pool)
  }

  /// Fills the moments of a trainer whose weights are the checkpoint's.
  static func readMoments(_ folder: TrainingFolder, step: Int, into trainer: Trainer) throws {
    let path = folder.checkpoint(step: step) + "/optimizer.safetensors"
    let file = try SafetensorsFile(path: path)
    let stored = Dictionary(
      file.tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    for (prefix, tensors) in zip(
      moments, [trainer.optimizer.firstMoment, trainer.optimizer.secondMoment])
    {
      for entry in tensors.entries {
        guard let info = stored[prefix + entry.name], info.shape == entry.shape,
          info.elementType == .float32
        else {
          throw TrainingError.damaged(
            path: path,
            reason: "expected float32 numbers \(prefix + entry.name) of shape \(entry.shape)")
        }
        file.widen(info, into: tensors.matrix(entry))
      }
    }
  }
}

extension ModelTensors {
  /// `dimension_order` of the components that have one.
  fileprivate var orderTensors: [SafetensorsWriter.Tensor] {
    guard let row = MoHDWeights.all.first(where: { $0.role == .dimensionOrder }) else { return [] }
    return orders.compactMap { key, order in
      guard case .mohd(_, let component) = key.role, let layer = key.layer else { return nil }
      return .init(row.name(component, layer: layer), order.map { Int($0) })
    }
  }
}
