import Checkpoints
import Files
import Foundation
import Kernels
import Tensors

/// The weights of a converted model as they are published: one model.safetensors, or the usual cut
/// above 5 GB, in the type that was chosen, made from the pieces that the conversion wrote.
///
/// Pieces are float32, a file for each layer; a layer or less is in memory at a time.
struct ModelFiles {
  let pieces: Checkpoint
  let type: FloatingType
  /// Bytes of tensors that a file holds at most, unless one tensor alone has more.
  let byteLimit: Int

  /// Where transformers cuts.
  static let usualByteLimit = 5_000_000_000

  /// The model's configuration: products are stored in place of factors that are larger.
  var configuration: ModelConfiguration {
    var configuration = pieces.configuration
    configuration.mohd = configuration.mohd?.stored(in: configuration)
    return configuration
  }

  /// Writes the weights to a folder, and the index where there are several files.
  func write(to folder: String) throws {
    let tensors = tensors()
    var files: [[SafetensorsWriter.Tensor]] = [[]]
    var size = 0
    for tensor in tensors {
      if size > 0, size + tensor.byteCount > byteLimit {
        files.append([])
        size = 0
      }
      files[files.count - 1].append(tensor)
      size += tensor.byteCount
    }
    guard files.count > 1 else {
      return try SafetensorsWriter.write(tensors, to: folder + "/model.safetensors")
    }
    var index = ShardIndex()
    for (number, tensors) in files.enumerated() {
      let name = ConvertedFolder.shardName(number + 1, of: files.count)
      try SafetensorsWriter.write(tensors, to: folder + "/" + name)
      index.add(tensors, in: name)
    }
    try DurableFile.write(
      JSONText.encode(index), to: folder + "/model.safetensors.index.json")
  }

  /// Everything in the order of the model: embedding, layers, final norm, head.
  private func tensors() -> [SafetensorsWriter.Tensor] {
    func outside(_ roles: [WeightRole]) -> [SafetensorsWriter.Tensor] {
      LlamaWeights.all.filter {
        roles.contains($0.role) && $0.isPresent(in: pieces.configuration)
      }.compactMap { dense($0, layer: nil) }
    }
    var tensors = outside([.tokenEmbedding])
    for layer in 0..<pieces.configuration.layerCount {
      tensors += LlamaWeights.all.filter(\.role.isPerLayer).compactMap { dense($0, layer: layer) }
      for component in MoHDComponent.allCases { tensors += added(component, layer: layer) }
    }
    return tensors + outside([.finalNorm, .outputProjection])
  }

  /// A weight of the dense model's table, times the basis where that is the smaller.
  private func dense(_ row: WeightDescription, layer: Int?) -> SafetensorsWriter.Tensor? {
    guard let weight = pieces.weight(row.role, layer: layer) else { return nil }
    let name = row.name(in: .safetensors, layer: layer)
    if let layer,
      let component = MoHDComponent.allCases.first(where: {
        $0.inputRoles.contains(row.role)
      }), isMultiplied(component, layer: layer),
      let basis = pieces.weight(.basis, component, layer: layer)
    {
      return .init(name, shape: [weight.rowCount, basis.columnCount], type: type) { rows, target in
        let (factor, whole) = (
          SharedMatrix(rowCount: rows.count, columnCount: weight.columnCount),
          SharedMatrix(rowCount: basis.rowCount, columnCount: basis.columnCount)
        )
        weight.widen(rows: rows, into: factor.view)
        basis.widen(rows: 0..<basis.rowCount, into: whole.view)
        multiply(factor.view, whole.view, into: target)
      }
    }
    return .init(name, shape: row.shape(in: pieces.configuration, layer: layer), type: type) {
      weight.widen(rows: $0, into: $1)
    }
  }

  /// What MoHD adds to a component. Integers stay integers, and norms float32.
  private func added(_ component: MoHDComponent, layer: Int) -> [SafetensorsWriter.Tensor] {
    guard let settings = configuration.mohd?[component][layer] else { return [] }
    let isMultiplied = isMultiplied(component, layer: layer)
    return MoHDWeights.all.compactMap { row in
      let name = row.name(component, layer: layer)
      guard row.presence(settings) != .absent else { return nil }
      if row.role == .dimensionOrder {
        guard !isMultiplied else { return nil }
        return pieces.dimensionOrder(component, layer: layer)
          .map { .init(name, $0.map { Int($0) }) }
      }
      // Scores decide nothing where all is active, and there is nothing to weigh.
      if isMultiplied, row.role == .routerNorms || row.role == .scale { return nil }
      guard let weight = pieces.weight(row.role, component, layer: layer) else { return nil }
      return .init(
        name, shape: row.shape(component, settings, in: configuration),
        type: row.role == .routerNorms ? .float32 : type
      ) { weight.widen(rows: $0, into: $1) }
    }
  }

  private func isMultiplied(_ component: MoHDComponent, layer: Int) -> Bool {
    guard let settings = pieces.configuration.mohd?[component][layer] else { return false }
    let configuration = pieces.configuration
    return settings.multiplied(
      width: configuration.projectionWidth(component), hiddenSize: configuration.hiddenSize) != nil
  }
}

/// model.safetensors.index.json: which file holds which tensor.
struct ShardIndex: Encodable {
  private var metadata: [String: Int] = ["total_size": 0]
  private var weight_map: [String: String] = [:]

  mutating func add(_ tensors: [SafetensorsWriter.Tensor], in name: String) {
    for tensor in tensors {
      weight_map[tensor.name] = name
      metadata["total_size", default: 0] += tensor.byteCount
    }
  }
}

extension ModelConfiguration {
  /// Bytes that the weights of a model of this configuration take when they are written.
  public func storedByteCount(_ type: FloatingType) -> Int {
    var configuration = self
    configuration.mohd = mohd?.stored(in: self)
    var total = 0
    for row in LlamaWeights.all where row.isPresent(in: configuration) {
      let layers: [Int?] = row.role.isPerLayer ? (0..<layerCount).map { $0 } : [nil]
      for layer in layers {
        total += type.byteCount * row.shape(in: configuration, layer: layer).reduce(1, *)
      }
    }
    for component in MoHDComponent.allCases {
      for settings in configuration.mohd?[component] ?? [] {
        for row in MoHDWeights.all where row.presence(settings) != .absent {
          let bytes =
            row.role == .dimensionOrder ? 8 : row.role == .routerNorms ? 4 : type.byteCount
          total += bytes * row.shape(component, settings, in: configuration).reduce(1, *)
        }
      }
    }
    return total
  }
}
