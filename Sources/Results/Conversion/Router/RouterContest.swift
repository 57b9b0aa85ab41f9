import Checkpoints
import Kernels
import Tensors

/// One way to choose, as `auto` compares them: an entry of conversion.json.
public struct RouterBid: Sendable, Codable, Equatable {
  public let router: ConversionRecipe.Router
  /// Share of the outputs' energy that it leaves out on held-out tokens, each output as heavy as the
  /// recipe counts its errors.
  public let outputError: Double
  /// What the component's input side multiplies for a token: basis, router and projections.
  public let multiplied: Int

  enum CodingKeys: String, CodingKey {
    case router, multiplied
    case outputError = "output_error"
  }
}

/// What `auto` does: the fixed choice, centroids over local subspaces and energies, all with as many
/// active dimensions, are fitted; the one that leaves least of the outputs out is taken.
///
/// Errors are sums over entries, which they are exactly in the output-aware basis: weights that read
/// different entries are orthogonal there. Centroids are only fitted in that basis, and where
/// nothing is asked for that is not fitted to local subspaces.
struct RouterContest {
  let fit: ComponentFit
  let survey: ComponentSurvey
  let rows: ComponentRows
  let dense: SharedMatrix
  /// The component with the energy router.
  let energy: ConvertedComponent
  /// Inputs in the survey's basis, [tokens, d].
  let fitting: MatrixView
  let heldOut: MatrixView

  private var hidden: Int { dense.view.columnCount }
  private var settings: SubDimensions { energy.settings }
  /// K · d_e.
  private var width: Int { settings.activeCount * settings.size(hiddenSize: hidden) }

  /// - Parameter active: what the energies choose on held-out tokens: 1 and 0, [tokens, N].
  /// - Returns: the best, with all bids in its report.
  func best(active: MatrixView) -> ConvertedComponent {
    var survey = survey
    survey.order = importance(fitting)
    var (fixedFit, candidates) = (fit, [(bid: RouterBid, component: ConvertedComponent)]())
    fixedFit.recipe.router = .fixed
    candidates.append(
      (
        bid(.fixed, error: leftByFirst(survey.order)),
        fixedFit.plain(survey, dense: dense, layer: rows.layer, component: rows.component)
      ))
    if let centroids = centroids(survey), let quality = centroids.report?.routers["centroid"] {
      candidates.append(
        (
          bid(.centroid, error: 1 - quality.capturedEnergy, count: centroids.settings.count),
          centroids
        ))
    }
    candidates.append((bid(.energy, error: leftBy(active)), energy))
    var (best, least) = (energy, Double.infinity)
    for candidate in candidates where candidate.bid.outputError < least {
      (best, least) = (candidate.component, candidate.bid.outputError)
    }
    let quality = energy.report?.routers ?? [:]
    best.report?.routers.merge(quality) { own, _ in own }
    best.report?.compared = candidates.map(\.bid)
    return best
  }

  private func bid(
    _ router: ConversionRecipe.Router, error: Double, count: Int = 0
  ) -> RouterBid {
    let (outputs, basis) = (dense.view.rowCount, survey.basis == nil ? 0 : hidden)
    let projected = width * outputs
    let multiplied =
      switch router {
      // A basis that costs more than it saves is multiplied into the weights.
      case .fixed: min(projected + width * basis, hidden * outputs)
      case .energy: projected + hidden * basis
      default: projected + width * basis + count * hidden
      }
    return RouterBid(router: router, outputError: error, multiplied: multiplied)
  }

  /// Local subspaces with their router; nil where they are not fitted, or lose to a fixed choice.
  private func centroids(_ survey: ComponentSurvey) -> ConvertedComponent? {
    guard let counts = fit.recipe.contestCounts(rows.component, fraction: fraction) else {
      return nil
    }
    var own = fit
    (own.recipe.attention, own.recipe.ffn) = (counts, counts)
    (own.recipe.grouping, own.recipe.router, own.recipe.times) = (.subspaces, .centroid, 1)
    own.activeCount = width / counts.activeCount
    guard own.activeCount > 0, own.recipe.usesSubspaces(rows.component) else { return nil }
    let found = own.fitSubspaces(survey, rows: rows, dense: dense)
    return found.report?.router == .centroid ? found : nil
  }

  private var fraction: Double { Double(width) / Double(hidden) }

  // MARK: - Errors

  /// Entries by their energy at the outputs, largest first.
  private func importance(_ z: MatrixView) -> [Int] {
    let energies = outputEnergies(z)
    return energies.indices.sorted {
      energies[$0] != energies[$1] ? energies[$0] > energies[$1] : $0 < $1
    }
  }

  /// Σ over tokens of each entry's energy at the outputs, [d].
  private func outputEnergies(_ z: MatrixView) -> [Double] {
    zip(columnEnergies(z), survey.lengths).map { $0 * $1 * $1 }
  }

  private func leftByFirst(_ order: [Int]) -> Double {
    let energies = outputEnergies(heldOut)
    let left = order.dropFirst(width).reduce(0) { $0 + energies[$1] }
    return left / max(energies.reduce(0, +), .leastNormalMagnitude)
  }

  /// - Parameter active: 1 and 0, [tokens, N].
  private func leftBy(_ active: MatrixView) -> Double {
    let energies = SubDimensionEnergies(
      heldOut, norms: survey.lengths.map { Float($0 * $0) }, order: energy.order,
      count: settings.count)
    var (left, whole) = (0.0, 0.0)
    energies.view.withSpan { energies in
      active.withSpan { active in
        for index in energies.indices {
          whole += Double(energies[index])
          left += Double(energies[index] * (1 - active[index]))
        }
      }
    }
    return left / max(whole, .leastNormalMagnitude)
  }
}

extension ConversionRecipe {
  /// N, S and K of the local subspaces that `auto` compares: the recipe's own where centroids can
  /// choose among them, else one shared sub-dimension and one of a few; nil: none are fitted.
  func contestCounts(_ component: MoHDComponent, fraction: Double) -> Component? {
    guard basis == .outputAware, compensation.isEmpty, sparseSide == .input, gate == .unit,
      fusion == .none
    else { return nil }
    let own = self[component]
    let counts =
      own.subDimensionCount <= Self.mostCentroids && own.sharedCount < own.activeCount
      ? own
      : .subspaces(
        count: nil, sharedCount: nil, activeCount: nil, fraction: fraction, times: 1)
    return counts.activeCount < counts.subDimensionCount ? counts : nil
  }

  /// The most sub-dimensions among which centroids choose unless told otherwise: of more they choose
  /// little better than chance.
  public static let mostCentroids = 64
}
