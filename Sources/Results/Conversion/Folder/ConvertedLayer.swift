import Checkpoints
import Kernels
import Models
import Tensors

/// The tensors of one converted layer, by their names in a Hugging Face checkpoint.
struct ConvertedLayer {
  let checkpoint: Checkpoint
  let layer: Int
  let components: [MoHDComponent: ConvertedComponent]

  /// Everything that the layer's shard holds.
  func tensors() -> [SafetensorsWriter.Tensor] {
    dense()
      + MoHDComponent.allCases.flatMap { component in
        components[component].map { added(component, $0) } ?? []
      }
  }

  /// Writes a layer's shard again with other input projections, or another fusion, of one component.
  ///
  /// - Parameters:
  ///   - weights: the joined projections in the component's basis, [m, D]; nil: as they are.
  ///   - fusion: nil: as it is.
  static func replace(
    _ component: MoHDComponent, layer: Int, of converted: Checkpoint,
    with weights: SharedMatrix? = nil, fusion: (right: SharedMatrix, left: SharedMatrix?)? = nil,
    in folder: String
  ) throws {
    try rewrite(layer: layer, of: converted, in: folder) { each, found in
      guard each == component else { return }
      if let weights { found.weights = weights }
      if let fusion { found.fusion = fusion }
    }
  }

  /// Writes a layer's shard again with what training made of it.
  static func replace(
    layer: Int, of converted: Checkpoint, with trained: TrainableLayer, in folder: String
  ) throws {
    try rewrite(layer: layer, of: converted, in: folder) { component, found in
      guard let trained = trained[component] else { return }
      func shared(_ matrix: MatrixView) -> SharedMatrix {
        SharedMatrix(matrix, rows: Array(0..<matrix.rowCount))
      }
      found.weights = shared(trained.projections)
      found.basis = trained.basis.map(shared)
      if let router = trained.router, let bias = trained.routerBias {
        found.router = (DoubleMatrix(router), bias.elements().map { Double($0) })
      }
    }
  }

  /// Reads a layer's components, lets `change` at them, and writes the layer's shard again.
  private static func rewrite(
    layer: Int, of converted: Checkpoint, in folder: String,
    _ change: (MoHDComponent, inout ConvertedComponent) -> Void
  ) throws {
    let configuration = converted.configuration
    var components: [MoHDComponent: ConvertedComponent] = [:]
    for component in MoHDComponent.allCases {
      guard let settings = configuration.mohd?[component][layer] else { continue }
      var found = ConvertedComponent(
        reading: component, settings: settings, layer: layer, of: converted)
      change(component, &found)
      components[component] = found
    }
    let tensors = ConvertedLayer(checkpoint: converted, layer: layer, components: components)
      .tensors()
    let name = ConvertedFolder.shardName(layer + 2, of: configuration.layerCount + 1)
    try SafetensorsWriter.write(tensors, to: folder + "/" + name)
  }

  /// The dense model's own tensors; the input projections in their new coordinates.
  private func dense() -> [SafetensorsWriter.Tensor] {
    let configuration = checkpoint.configuration
    let intermediate = configuration.intermediateSize
    let (query, keyValue) = (configuration.queryWidth, configuration.keyValueWidth)
    let parts: [WeightRole: (MoHDComponent, Range<Int>)] = [
      .queryProjection: (.attention, 0..<query),
      .keyProjection: (.attention, query..<query + keyValue),
      .valueProjection: (.attention, query + keyValue..<query + 2 * keyValue),
      .gateProjection: (.ffn, 0..<intermediate),
      .upProjection: (.ffn, intermediate..<2 * intermediate),
    ]
    return LlamaWeights.all.filter { $0.role.isPerLayer }.compactMap { row in
      guard let weight = checkpoint.weight(row.role, layer: layer) else { return nil }
      let name = row.name(in: .safetensors, layer: layer)
      if let (component, rows) = parts[row.role], let converted = components[component] {
        let view = converted.weights.view
        return .init(name, shape: [rows.count, view.columnCount], [view.rows(rows)])
      }
      let shape = row.shape(in: configuration, layer: layer)
      let matrix = SharedMatrix(rowCount: weight.rowCount, columnCount: weight.columnCount)
      weight.widen(rows: 0..<weight.rowCount, into: matrix.view)
      scaleOutput(matrix.view, of: row.role)
      if let used = usedOutputs(of: row.role), used.count < shape[0] {
        return selected(used, of: matrix, name, shape: shape)
      }
      return .init(name, shape: shape, [matrix.view])
    }
  }

  /// Multiplies W_out, or its bias, by its component's factor.
  private func scaleOutput(_ matrix: MatrixView, of role: WeightRole) {
    let component = MoHDComponent.allCases.first { $0.outputRoles.contains(role) }
    guard let factor = component.flatMap({ components[$0]?.outputFactor }), factor != 1 else {
      return
    }
    matrix.withMutableSpan { numbers in
      for index in numbers.indices { numbers[index] *= Float(factor) }
    }
  }

  /// The outputs of a projection that are kept; nil: all.
  private func usedOutputs(of role: WeightRole) -> [Int]? {
    let component = MoHDComponent.allCases.first { $0.outputRoles.contains(role) }
    guard let converted = component.flatMap({ components[$0] }),
      converted.settings.keepsUsedOutputs(hiddenSize: checkpoint.configuration.hiddenSize)
    else { return nil }
    return converted.order
  }

  /// Some rows of W_out, or entries of its bias.
  private func selected(
    _ used: [Int], of matrix: SharedMatrix, _ name: String, shape: [Int]
  ) -> SafetensorsWriter.Tensor {
    guard shape.count == 1 else {
      return .init(
        name, shape: [used.count, shape[1]], [SharedMatrix(matrix.view, rows: used).view])
    }
    let bias = SharedMatrix(rowCount: 1, columnCount: used.count)
    for (place, entry) in used.enumerated() { bias.view[0, place] = matrix.view[0, entry] }
    return .init(name, shape: [used.count], [bias.view])
  }

  /// What MoHD adds.
  private func added(
    _ component: MoHDComponent, _ converted: ConvertedComponent
  ) -> [SafetensorsWriter.Tensor] {
    let settings = converted.settings
    let fusion =
      settings.fusion == .none
      ? nil
      : converted.fusion
        ?? MonarchFit(
          identity: checkpoint.configuration.hiddenSize, blockCount: settings.fusionBlockCount,
          hasLeft: settings.fusion == .monarch
        ).tensors
    return MoHDWeights.all.compactMap { row in
      guard row.presence(converted.settings) != .absent else { return nil }
      let name = row.name(component, layer: layer)
      let shape = row.shape(component, converted.settings, in: checkpoint.configuration)
      func floats(_ matrix: SharedMatrix?) -> SafetensorsWriter.Tensor? {
        matrix.map { .init(name, shape: shape, [$0.view]) }
      }
      switch row.role {
      case .dimensionOrder: return .init(name, converted.order)
      case .routerWeight: return floats(converted.router.map { SharedMatrix($0.weight) })
      case .routerBias: return floats(converted.router.map { rowMatrix($0.bias) })
      case .routerNorms:
        let norms = columnSquares(converted.weights.view).map { Double($0).squareRoot() }
        return floats(rowMatrix(norms))
      case .scale:
        let ones = [Double](repeating: 1, count: converted.settings.count)
        return floats(rowMatrix(converted.scale ?? ones))
      case .basis: return floats(converted.basis)
      case .inactiveBias: return floats(converted.inactiveBias)
      case .lowRankDown: return floats(converted.lowRank?.down)
      case .lowRankUp: return floats(converted.lowRank?.up)
      case .fusionRight: return floats(fusion?.right)
      case .fusionLeft: return floats(fusion?.left)
      case .basisLeft, .basisRight: return nil
      }
    }
  }

  private func rowMatrix(_ numbers: [Double]) -> SharedMatrix {
    let matrix = SharedMatrix(rowCount: 1, columnCount: numbers.count)
    for (index, number) in numbers.enumerated() { matrix.view[0, index] = Float(number) }
    return matrix
  }
}
