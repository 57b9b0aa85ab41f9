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
    let spikeWindow: SpikeWindow

    enum CodingKeys: String, CodingKey {
      case schema, step
      case spikeWindow = "spike_window"
    }
  }

  private static let schema = 1
  private static let moments = ["exp_avg.", "exp_avg_sq."]

  /// - Parameter moments: the first and the second; empty before the first step.
  static func write(
    _ weights: ModelTensors, moments: [ModelTensors], step: Int, spikes: SpikeWindow,
    _ files: ModelFiles, to folder: TrainingFolder
  ) throws {
    let partial = folder.checkpoints + "/." + TrainingFolder.name(step: step) + ".partial"
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
      tensors(weights, "") + weights.buffers,
      to: partial + "/model.safetensors")
    if !moments.isEmpty {
      try SafetensorsWriter.write(
        zip(Self.moments, moments).flatMap { tensors($1, $0) },
        to: partial + "/optimizer.safetensors")
    }
    try file("config.json", files.configuration)
    for (name, bytes) in files.others.sorted(by: { $0.key < $1.key }) { try file(name, bytes) }
    try file(
      "state.json",
      try JSONText.encode(
        State(schema: schema, step: step, spikeWindow: spikes)))
    try Folder.publish(partial, as: folder.checkpoint(step: step))
  }

  /// The weights of a step's checkpoint, and the losses before it.
  static func weights(
    _ folder: TrainingFolder, step: Int, pool: WorkerPool
  ) throws -> (ModelTensors, SpikeWindow) {
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
    return (ModelTensors(try Checkpoint.open(path), pool: pool), state.spikeWindow)
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
  /// What a component has that is not trained: `dimension_order`, and norms of the weights as they are.
  fileprivate var buffers: [SafetensorsWriter.Tensor] {
    let norms = routerNorms().map {
      SafetensorsWriter.Tensor($0.name, shape: [$0.norms.columnCount], [$0.norms])
    }
    guard let row = MoHDWeights.all.first(where: { $0.role == .dimensionOrder }) else {
      return norms
    }
    let named = orders.compactMap { key, order -> (name: String, order: [Int32])? in
      guard case .mohd(_, let component) = key.role, let layer = key.layer else { return nil }
      return (row.name(component, layer: layer), order)
    }
    // Sorted: a dictionary's order is another in every process.
    return norms
      + named.sorted { $0.name < $1.name }.map { .init($0.name, $0.order.map { Int($0) }) }
  }
}
