import Checkpoints
import Models

/// One experiment of an ablation: which model, and what is changed in it. What is absent is as the
/// model has it; its JSON names the result on the shelf.
struct AblationSetting: Codable, Sendable, Hashable {
  enum Model: String, Codable, Sendable { case converted, dense }

  var model: Model
  var routing: RoutingVariant?
  var removed: RemovablePart?
  var knockedOut: SubDimensionPlace?
  var zeroed: ZeroedDimensions?
  /// How far loads are evened: the weight of `LoadBalancing`.
  var balance: Double?
  /// Of settings that draw.
  var seed: UInt64?

  enum CodingKeys: String, CodingKey {
    case model, routing, removed, zeroed, balance, seed
    case knockedOut = "knocked_out"
  }

  init(_ model: Model) { self.model = model }

  /// One of the two models, unchanged.
  var isWhole: Bool {
    routing ?? .own == .own && removed == nil && knockedOut == nil && zeroed == nil
      && balance == nil
  }

  init(routing: RoutingVariant, seed: UInt64) {
    self.init(.converted)
    self.routing = routing
    self.seed = routing == .random ? seed : nil
  }

  init(removed: RemovablePart) {
    self.init(.converted)
    self.removed = removed
  }

  init(knockedOut: SubDimensionPlace) {
    self.init(.converted)
    self.knockedOut = knockedOut
  }

  init(balance: Double) {
    self.init(.converted)
    self.balance = balance
  }

  init(_ model: Model, zeroed: ZeroedDimensions, seed: UInt64) {
    self.init(model)
    self.zeroed = zeroed
    self.seed = zeroed.order == .random ? seed : nil
  }

  /// - Parameters:
  ///   - fixed: the static variant's sub-dimensions.
  ///   - balancing: of a setting that evens loads.
  func intervention(fixed: FixedChoice?, balancing: LoadBalancing?) -> Intervention {
    var intervention = Intervention(routing: balancing)
    if let routing, routing != .own {
      intervention.routing = VariantRouting(routing, seed: seed ?? 0, fixed: fixed)
    }
    if let knockedOut { intervention.routing = KnockOut(place: knockedOut) }
    if let zeroed { intervention.edit = MagnitudeEdit(zeroed: zeroed, seed: seed ?? 0) }
    if let removed { intervention.removed = [removed] }
    return intervention
  }
}
