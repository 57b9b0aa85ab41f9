import Activations
import Checkpoints
import Kernels
import Models
import Tensors

/// A way to choose sub-dimensions: the model's own, or one that shows what its own is worth.
///
/// Shared sub-dimensions stay active and as many specialised ones are chosen as ever, where it is
/// not said otherwise; weights are the model's.
public enum RoutingVariant: String, Codable, Sendable, CaseIterable {
  /// The model's router.
  case own
  /// Specialised ones drawn evenly for each token.
  case random
  /// The same specialised ones for all tokens: those of highest mean energy on other text.
  case fixed = "static"
  /// No specialised ones: S are active.
  case sharedOnly = "shared_only"
  /// No shared ones: the best min(K, N − S) specialised ones by the router's scores.
  case specialisedOnly = "specialised_only"
  /// The K best of all N by the router's scores: none is kept for all tokens. The paper's "without
  /// mixed activated sub-dimensions" (Table 4).
  case unshared
  /// Specialised ones of highest energy for each token, whatever router the model has.
  case oracle
  /// All of them.
  case all

  /// How many are active for a token.
  func activeCount(_ settings: SubDimensions) -> Int {
    switch self {
    case .own, .random, .fixed, .unshared, .oracle: settings.activeCount
    case .sharedOnly: settings.sharedCount
    case .specialisedOnly: min(settings.activeCount, settings.count - settings.sharedCount)
    case .all: settings.count
    }
  }
}

/// Routes as a variant says.
package struct VariantRouting: RoutingOverride {
  let variant: RoutingVariant
  /// Of `random`.
  let seed: UInt64
  /// Of `fixed`.
  let fixed: FixedChoice?
  private let kernels = SubDimensionKernels.fastest

  package init(_ variant: RoutingVariant, seed: UInt64 = 0, fixed: FixedChoice? = nil) {
    self.variant = variant
    self.seed = seed
    self.fixed = fixed
  }

  package var needsEnergies: Bool { variant == .oracle }

  package func choose(
    _ routing: Routing, energies: MatrixView?, tokens: [TokenPlace], layer: Int,
    component: MoHDComponent
  ) {
    let settings = routing.settings
    func choose(_ scores: MatrixView) {
      kernels.choose(
        scores, sharedCount: settings.sharedCount, activeCount: variant.activeCount(settings),
        into: routing.active)
    }
    switch variant {
    case .own: break
    case .random:
      choose(
        TokenDraws(seed: seed, words: [UInt64(layer), component == .attention ? 0 : 1])
          .uniform(tokens, count: settings.count))
    case .fixed:
      var row = [Float](repeating: 0, count: settings.count)
      for i in fixed?[layer, component] ?? Array(0..<settings.activeCount) { row[i] = 1 }
      for token in 0..<routing.tokenCount {
        for i in 0..<settings.count { routing.active[token, i] = row[i] }
      }
    case .sharedOnly, .all: choose(routing.scores)
    case .specialisedOnly:
      for token in 0..<routing.tokenCount {
        for i in 0..<settings.sharedCount { routing.active[token, i] = 0 }
      }
      let specialised = settings.sharedCount..<settings.count
      kernels.choose(
        routing.scores.columns(specialised), sharedCount: 0,
        activeCount: variant.activeCount(settings), into: routing.active.columns(specialised))
    case .unshared:
      kernels.choose(
        routing.scores, sharedCount: 0, activeCount: settings.activeCount, into: routing.active)
    case .oracle: if let energies { choose(energies) }
    }
  }
}

/// One sub-dimension of one component of one layer.
public struct SubDimensionPlace: Codable, Sendable, Hashable {
  public var layer: Int
  public var component: MoHDComponent
  public var index: Int

  enum CodingKeys: String, CodingKey {
    case layer, component
    case index = "sub_dimension"
  }

  public init(layer: Int, component: MoHDComponent, index: Int) {
    self.layer = layer
    self.component = component
    self.index = index
  }
}

/// Routes as the model does, and takes one sub-dimension out where it was chosen; nobody takes its
/// place.
package struct KnockOut: RoutingOverride {
  let place: SubDimensionPlace

  package init(place: SubDimensionPlace) { self.place = place }

  package var needsEnergies: Bool { false }

  package func choose(
    _ routing: Routing, energies: MatrixView?, tokens: [TokenPlace], layer: Int,
    component: MoHDComponent
  ) {
    guard layer == place.layer, component == place.component else { return }
    for token in 0..<routing.tokenCount { routing.active[token, place.index] = 0 }
  }
}
