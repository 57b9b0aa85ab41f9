import Files

/// The tensors that MoHD adds to a checkpoint, found and checked.
struct MoHDTensors: Sendable {
  private var weights: [Place: WeightTensor] = [:]
  private var orders: [Place: [Int32]] = [:]
  /// Names of all tensors that are used.
  private(set) var names: Set<String> = []
  /// Names of those that are no parameters.
  private(set) var bufferNames: Set<String> = []

  private struct Place: Hashable {
    let role: MoHDRole
    let component: MoHDComponent
    let layer: Int
  }

  /// - Parameter fallback: the file that a missing tensor is missed in.
  /// - Throws: `CheckpointError` when a tensor is missing, has another shape or type, or an order is
  ///   no permutation.
  init(
    _ settings: MoHDSettings, _ configuration: ModelConfiguration,
    tensors: [String: StoredTensor], fallback: String
  ) throws(CheckpointError) {
    for component in MoHDComponent.allCases {
      for (layer, settings) in settings[component].enumerated() {
        for row in MoHDWeights.all {
          let presence = row.presence(settings)
          guard presence != .absent else { continue }
          let name = row.name(component, layer: layer)
          guard let stored = tensors[name] else {
            guard presence == .optional else {
              throw .missingTensor(path: fallback, tensor: name)
            }
            continue
          }
          let shape = row.shape(component, settings, in: configuration)
          let place = Place(role: row.role, component: component, layer: layer)
          names.insert(name)
          if row.role == .routerNorms { bufferNames.insert(name) }
          if row.role == .dimensionOrder {
            let hiddenSize = configuration.hiddenSize
            orders[place] = try readOrder(
              stored, shape,
              below: settings.keepsUsedOutputs(hiddenSize: hiddenSize) ? hiddenSize : nil)
          } else {
            try Checkpoint.check(stored, shape)
            weights[place] = WeightTensor(stored)
          }
        }
      }
    }
  }

  func weight(_ role: MoHDRole, _ component: MoHDComponent, layer: Int) -> WeightTensor? {
    weights[Place(role: role, component: component, layer: layer)]
  }

  func order(_ component: MoHDComponent, layer: Int) -> [Int32]? {
    orders[Place(role: .dimensionOrder, component: component, layer: layer)]
  }
}

extension Checkpoint {
  /// A weight that MoHD adds to a component; nil when the model has none, or no such layer.
  ///
  /// Matrices of rank 3 are read as [all but the last side, last side].
  public func weight(
    _ role: MoHDRole, _ component: MoHDComponent, layer: Int
  ) -> WeightTensor? {
    mohdTensors?.weight(role, component, layer: layer)
  }

  /// o as it is stored, [D]; nil where the checkpoint has none, and o_j = j.
  public func dimensionOrder(_ component: MoHDComponent, layer: Int) -> [Int32]? {
    mohdTensors?.order(component, layer: layer)
  }

  /// Entry o_j of z belongs to sub-dimension ⌊j / d_e⌋: a permutation, [D]; nil where o_j = j.
  public func inputOrder(_ component: MoHDComponent, layer: Int) -> [Int32]? {
    configuration.mohd?[component][layer].inputOrder(
      stored: dimensionOrder(component, layer: layer), hiddenSize: configuration.hiddenSize)
  }

  /// Entry o_j of the output belongs to sub-dimension ⌊j / (d / N)⌋: a permutation, [hidden]; nil
  /// where o_j = j.
  public func outputOrder(_ component: MoHDComponent, layer: Int) -> [Int32]? {
    configuration.mohd?[component][layer].outputOrder(
      stored: dimensionOrder(component, layer: layer), hiddenSize: configuration.hiddenSize)
  }
}

extension SubDimensions {
  /// The order of the input's entries, [D], by a stored `dimension_order`; nil: as they lie.
  public func inputOrder(stored: [Int32]?, hiddenSize: Int) -> [Int32]? {
    keepsUsedOutputs(hiddenSize: hiddenSize) ? nil : stored
  }

  /// The order of the output's entries, [hidden], by a stored `dimension_order`; nil: as they lie.
  ///
  /// Where W_out holds used rows alone, they come first, and the entries that are 0 in ascending
  /// order after them. Where the input has a width of its own, outputs are cut as they lie.
  public func outputOrder(stored: [Int32]?, hiddenSize: Int) -> [Int32]? {
    guard keepsUsedOutputs(hiddenSize: hiddenSize) else {
      return width(hiddenSize: hiddenSize) == hiddenSize ? stored : nil
    }
    guard let stored else { return nil }
    let used = Set(stored)
    return stored + (0..<Int32(hiddenSize)).filter { !used.contains($0) }
  }
}

/// Reads a tensor of integers in which each of 0..<n stands once.
///
/// - Parameter bound: entries are any that differ of 0..<bound instead.
private func readOrder(
  _ stored: StoredTensor, _ shape: [Int], below bound: Int?
) throws(CheckpointError) -> [Int32] {
  let info = stored.info
  let path = stored.file.path
  guard info.shape == shape, let count = shape.first else {
    throw .wrongShape(path: path, tensor: info.name, expected: shape, found: info.shape)
  }
  let width = info.elementType.layout.blockBytes
  guard info.elementType == .int64 || info.elementType == .int32 else {
    throw .notIntegers(path: path, tensor: info.name, type: info.elementType.rawValue)
  }
  var cursor = ByteCursor(stored.file, range: info.bytes)
  var order: [Int32] = []
  order.reserveCapacity(count)
  let bound = bound ?? count
  var isSeen = [Bool](repeating: false, count: bound)
  for index in 0..<count {
    let value: Int64? =
      width == 8 ? cursor.number(Int64.self) : cursor.number(Int32.self).map { Int64($0) }
    guard let value, value >= 0, value < bound, !isSeen[Int(value)] else {
      throw .notPermutation(
        path: path, tensor: info.name, count: bound, index: index, found: value ?? -1)
    }
    isSeen[Int(value)] = true
    order.append(Int32(value))
  }
  return order
}
