import Activations
import Checkpoints
import Foundation
import Kernels
import Models
import Synchronization
import Tensors

/// Evens a router's load without training it: specialised sub-dimensions are chosen by
///
///     s_i / (mean s_i)^w
///
/// with the mean over other text. With w = 0 that is the model's own routing, with w = 1 each is
/// chosen where it scores high *for itself*. Of softmax scores it is a router bias of
/// −w log(mean s_i), the most a balance loss (Eq. 13) could reach by biases alone. Shared ones stay
/// active, and what is chosen weighs its own score.
package final class LoadBalancing: RoutingOverride {
  /// w, in 0…1.
  let weight: Double
  /// (mean s_i)^−w, [N].
  private let factors: [Place: [Float]]
  private let loads = Mutex<[Place: RouterSums]>([:])
  private let kernels = SubDimensionKernels.fastest

  private struct Place: Hashable {
    let layer: Int
    let component: MoHDComponent
  }

  package init(weight: Double, uses: [ComponentUse]) {
    self.weight = weight
    factors = Dictionary(
      uniqueKeysWithValues: uses.map { use in
        (
          Place(layer: use.layer, component: use.component),
          // One that never scores stays what it is: 0, whatever it is multiplied by.
          use.usualScore.map { $0 > 0 ? Float(pow($0, -weight)) : 1 }
        )
      })
  }

  package var needsEnergies: Bool { false }

  package func choose(
    _ routing: Routing, energies: MatrixView?, tokens: [TokenPlace], layer: Int,
    component: MoHDComponent
  ) {
    let place = Place(layer: layer, component: component)
    let (settings, count) = (routing.settings, routing.settings.count)
    guard let own = factors[place], own.count == count else { return }
    let scores = Matrix(rowCount: routing.tokenCount, columnCount: count).view
    for token in 0..<routing.tokenCount {
      for i in 0..<count { scores[token, i] = routing.scores[token, i] * own[i] }
    }
    kernels.choose(
      scores, sharedCount: settings.sharedCount, activeCount: settings.activeCount,
      into: routing.active)
    // Whole numbers: their sums do not depend on the order of the panels. Position 0 is left out.
    var found = RouterSums(count: count)
    for token in 0..<routing.tokenCount where tokens[token].position > 0 {
      found.tokenCount += 1
      for i in 0..<count where routing.active[token, i] != 0 { found.activeCounts[i] += 1 }
    }
    let added = found
    loads.withLock { $0[place, default: RouterSums(count: count)].add(added) }
  }

  /// How even the loads were that came of it.
  func evenness(_ settings: MoHDSettings) -> LoadEvenness {
    let loads = loads.withLock { $0 }
    return LoadEvenness(
      settings.attention.indices.flatMap { layer in
        MoHDComponent.allCases.map { component in
          let own = settings[component][layer]
          let sums = loads[Place(layer: layer, component: component)]
          return RouterResult(
            layer: layer, component: component.rawValue, settings: own,
            parts: [("all", sums ?? RouterSums(count: own.count))])
        }
      })
  }
}

/// How evenly a model's routers use what they may choose.
public struct LoadEvenness: Codable, Sendable, Equatable {
  /// Routers that have a choice.
  public var routerCount: Int
  /// Of these, those whose specialised loads are all within the healthy factor of even use.
  public var evenCount: Int
  /// Of these, those that use few of their sub-dimensions.
  public var collapsedCount: Int
  /// Mean over them of the entropy of specialised loads over its largest possible value; 1 is even use.
  public var loadEntropy: Double?

  enum CodingKeys: String, CodingKey {
    case routerCount = "routers"
    case evenCount = "even_routers"
    case collapsedCount = "collapsed_routers"
    case loadEntropy = "load_entropy"
  }

  init(_ routers: [RouterResult]) {
    let choosing = routers.filter(\.hasChoice)
    routerCount = choosing.count
    evenCount = choosing.count(where: \.isEven)
    collapsedCount = choosing.count(where: \.hasCollapsed)
    let entropies = choosing.compactMap(\.loadEntropy)
    loadEntropy =
      entropies.isEmpty ? nil : entropies.reduce(0, +) / Double(entropies.count)
  }
}
