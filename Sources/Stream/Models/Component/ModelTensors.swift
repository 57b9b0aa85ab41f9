import Checkpoints
import Kernels
import Tensors

/// Which tensor of a model: what it does, and in which layer.
public struct TensorKey: Hashable, Sendable {
  public enum Role: Hashable, Sendable {
    case llama(WeightRole)
    case mohd(MoHDRole, MoHDComponent)
  }

  public let role: Role
  /// Of a weight that every layer has.
  public let layer: Int?

  public init(_ role: WeightRole, layer: Int? = nil) {
    (self.role, self.layer) = (.llama(role), layer)
  }

  public init(_ role: MoHDRole, _ component: MoHDComponent, layer: Int) {
    (self.role, self.layer) = (.mohd(role, component), layer)
  }
}

/// All numbers of a model that training changes, in the order of the tables of names: one block of
/// memory in which every tensor has its place.
///
/// Weights, gradients and moments are four of these with the same places, so whatever treats all
/// parameters alike walks one block. Projections that read the same input lie behind each other, and
/// are one matrix. `dimension_order` is integers, is not trained, and stands apart; an energy router's
/// norms follow from the projections, and are not kept.
public struct ModelTensors: Sendable {
  public let configuration: ModelConfiguration
  /// In table order: embedding, layer by layer, final norm, head.
  public let entries: [Entry]
  /// All of them, [1, count].
  public let storage: MatrixView
  /// `dimension_order`, as stored, of the components that have one that is not the identity.
  public let orders: [TensorKey: [Int32]]
  private let places: [TensorKey: Int]

  /// One tensor, and where it lies.
  public struct Entry: Sendable {
    public let key: TensorKey
    /// In a Hugging Face checkpoint.
    public let name: String
    /// Sizes, outermost first.
    public let shape: [Int]
    /// Of `storage`.
    public let range: Range<Int>
  }

  /// Zeros.
  ///
  /// - Parameters:
  ///   - has: whether an optional tensor (a router's bias, a scale) is there.
  ///   - orders: see above.
  public init(
    _ configuration: ModelConfiguration, has: (TensorKey) -> Bool = { _ in false },
    orders: [TensorKey: [Int32]] = [:]
  ) {
    let entries = Self.entries(configuration, has: has)
    self.init(
      configuration: configuration, entries: entries, orders: orders,
      places: Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($1.key, $0) }))
  }

  /// The tensors of a checkpoint, widened.
  public init(_ checkpoint: Checkpoint, pool: WorkerPool) {
    let configuration = checkpoint.configuration
    var orders: [TensorKey: [Int32]] = [:]
    if configuration.mohd != nil {
      for layer in 0..<configuration.layerCount {
        for component in MoHDComponent.allCases {
          guard let order = checkpoint.dimensionOrder(component, layer: layer),
            order.enumerated().contains(where: { $0.offset != Int($0.element) })
          else { continue }
          orders[TensorKey(.dimensionOrder, component, layer: layer)] = order
        }
      }
    }
    self.init(configuration, has: { checkpoint.weight($0) != nil }, orders: orders)
    let all = self
    pool.forEach(entries.count) { index, _ in
      let entry = all.entries[index]
      guard let weight = checkpoint.weight(entry.key) else { return }
      weight.widen(rows: 0..<weight.rowCount, into: all.matrix(entry))
    }
  }

  private init(
    configuration: ModelConfiguration, entries: [Entry], orders: [TensorKey: [Int32]],
    places: [TensorKey: Int]
  ) {
    self.configuration = configuration
    self.entries = entries
    self.orders = orders
    self.places = places
    storage =
      Matrix(rowCount: 1, columnCount: entries.last.map(\.range.upperBound) ?? 0).view
  }

  /// Zeros in the same places.
  public func zeros() -> ModelTensors {
    ModelTensors(configuration: configuration, entries: entries, orders: orders, places: places)
  }

  public var count: Int { storage.columnCount }

  /// A tensor as [all but the last side, last side]; a vector is one row. nil: the model has none.
  public subscript(_ key: TensorKey) -> MatrixView? {
    places[key].map { matrix(entries[$0]) }
  }

  public func matrix(_ entry: Entry) -> MatrixView {
    let width = entry.shape.last ?? 1
    return storage.columns(entry.range)
      .reshaped(rowCount: entry.range.count / max(width, 1), columnCount: width)
  }

  /// Tensors that lie behind each other, as one matrix with the columns of the first; vectors as one
  /// row. nil: the model has not all of them.
  func joined(_ keys: [TensorKey]) -> MatrixView? {
    let found = keys.compactMap { places[$0].map { entries[$0] } }
    guard found.count == keys.count, let first = found.first else { return nil }
    var end = first.range.lowerBound
    for entry in found {
      precondition(entry.range.lowerBound == end, "joined tensors must follow each other")
      end = entry.range.upperBound
    }
    let all = storage.columns(first.range.lowerBound..<end)
    guard first.shape.count > 1, let width = first.shape.last else { return all }
    return all.reshaped(rowCount: all.columnCount / width, columnCount: width)
  }

  /// Norms of the joined input projections' columns, as they are now, of every component whose router
  /// goes by energies: what a checkpoint keeps as `router.norms`, [1, D] each.
  public func routerNorms() -> [(name: String, norms: MatrixView)] {
    guard let mohd = configuration.mohd,
      let row = MoHDWeights.all.first(where: { $0.role == .routerNorms })
    else { return [] }
    var found: [(name: String, norms: MatrixView)] = []
    for layer in 0..<configuration.layerCount {
      for component in MoHDComponent.allCases where mohd[component][layer].router == .energy {
        let norms = ComponentTensors(component, layer: layer, of: self).squaredNorms
        for column in 0..<norms.columnCount { norms[0, column].formSquareRoot() }
        found.append((row.name(component, layer: layer), norms))
      }
    }
    return found
  }

  private static func entries(
    _ configuration: ModelConfiguration, has: (TensorKey) -> Bool
  ) -> [Entry] {
    var entries: [Entry] = []
    func add(_ key: TensorKey, _ name: String, _ shape: [Int]) {
      let start = entries.last?.range.upperBound ?? 0
      entries.append(
        Entry(key: key, name: name, shape: shape, range: start..<start + shape.reduce(1, *)))
    }
    func add(_ row: WeightDescription, layer: Int?) {
      guard row.isPresent(in: configuration) else { return }
      add(
        TensorKey(row.role, layer: layer), row.name(in: .safetensors, layer: layer),
        row.shape(in: configuration, layer: layer))
    }
    let isLayers = LlamaWeights.all.map(\.role.isPerLayer)
    let first = isLayers.firstIndex(of: true) ?? 0
    let last = isLayers.lastIndex(of: true).map { $0 + 1 } ?? 0
    for row in LlamaWeights.all[..<first] { add(row, layer: nil) }
    for layer in 0..<configuration.layerCount {
      for row in LlamaWeights.all[first..<last] { add(row, layer: layer) }
      guard let mohd = configuration.mohd else { continue }
      for component in MoHDComponent.allCases {
        let settings = mohd[component][layer]
        for row in MoHDWeights.all where row.role.isTrained {
          let key = TensorKey(row.role, component, layer: layer)
          let presence = row.presence(settings)
          guard presence == .required || presence == .optional && has(key) else { continue }
          add(
            key, row.name(component, layer: layer),
            row.shape(component, settings, in: configuration))
        }
      }
    }
    for row in LlamaWeights.all[last...] { add(row, layer: nil) }
    return entries
  }
}

extension MoHDRole {
  /// Whether it is a parameter, and none of a component's buffers.
  public var isTrained: Bool { self != .dimensionOrder && self != .routerNorms }
}

extension Checkpoint {
  /// A weight of either table; nil where the model has none.
  func weight(_ key: TensorKey) -> WeightTensor? {
    switch key.role {
    case .llama(let role): weight(role, layer: key.layer)
    case .mohd(let role, let component):
      key.layer.flatMap { weight(role, component, layer: $0) }
    }
  }
}
