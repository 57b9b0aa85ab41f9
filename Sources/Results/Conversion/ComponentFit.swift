import Checkpoints
import Kernels
import Tensors

extension SharedMatrix {
  /// Where every row is not 0, if all rows agree in that; nil where they do not, or there is none.
  fileprivate var constantRow: [Bool]? {
    guard view.rowCount > 0 else { return nil }
    let first = (0..<view.columnCount).map { view[0, $0] != 0 }
    for row in 1..<view.rowCount {
      for column in first.indices where (view[row, column] != 0) != first[column] { return nil }
    }
    return first
  }
}

/// A component as it is written: settings and tensors.
struct ConvertedComponent: Sendable {
  var settings: SubDimensions
  var basis: SharedMatrix?
  var weights: SharedMatrix
  var order: [Int]
  var router: (weight: DoubleMatrix, bias: [Double])?
  var scale: [Double]?
  /// What W_out and its bias are multiplied by when they are written.
  var outputFactor = 1.0
  var inactiveBias: SharedMatrix?
  var lowRank: (down: SharedMatrix, up: SharedMatrix)?
  /// R and L as stored; nil: none, or the identity.
  var fusion: (right: SharedMatrix, left: SharedMatrix?)?
  /// nil for one that was read back.
  var report: ComponentReport?
}

extension ConvertedComponent {
  /// A component as a converted folder has it.
  init(
    reading component: MoHDComponent, settings: SubDimensions, layer: Int,
    of checkpoint: Checkpoint
  ) {
    func read(_ role: MoHDRole) -> SharedMatrix? {
      checkpoint.weight(role, component, layer: layer).map { weight in
        let matrix = SharedMatrix(rowCount: weight.rowCount, columnCount: weight.columnCount)
        weight.widen(rows: 0..<weight.rowCount, into: matrix.view)
        return matrix
      }
    }
    self.settings = settings
    weights = joinedProjections(of: checkpoint, component, layer: layer)
    basis = read(.basis)
    order =
      checkpoint.dimensionOrder(component, layer: layer)?.map { Int($0) }
      ?? Array(0..<settings.width(hiddenSize: checkpoint.configuration.hiddenSize))
    router = read(.routerWeight).map { weight in
      let bias = read(.routerBias)?.view.elements().map { Double($0) }
      return (DoubleMatrix(weight.view), bias ?? [Double](repeating: 0, count: settings.count))
    }
    scale = read(.scale)?.view.elements().map { Double($0) }
    inactiveBias = read(.inactiveBias)
    if let down = read(.lowRankDown), let up = read(.lowRankUp) { lowRank = (down, up) }
    fusion = read(.fusionRight).map { ($0, read(.fusionLeft)) }
  }
}

/// What was chosen for a component, and what it lost: an entry of conversion.json.
public struct ComponentReport: Sendable, Codable, Equatable {
  public let layer: Int
  public let component: MoHDComponent
  /// K.
  public let activeCount: Int
  public let subDimensionCount: Int
  public var sharedCount: Int
  public var router: ConversionRecipe.Router
  /// How much an error here weighs in the budget: by the Fisher information what the model would
  /// lose without the component, in nats; nil when it is not known.
  public let sensitivity: Double?
  /// Share of the energy of the outputs that the oracle leaves out, on held-out tokens; without a
  /// router that of the fixed choice.
  public let oracleLoss: Double
  /// Routers that were fitted, by name.
  public var routers: [String: RouterQuality]
  /// What `auto` compared; nil where the recipe named a router.
  public var compared: [RouterBid]?
  /// Share of the outputs' energy that was wrong on held-out tokens, before and after each step of
  /// compensation that was kept; nil when there was none.
  public var outputError: [String: Double]?

  enum CodingKeys: String, CodingKey {
    case layer, component, router, routers, compared, sensitivity
    case activeCount = "top_k"
    case subDimensionCount = "sub_dimensions"
    case sharedCount = "shared"
    case oracleLoss = "oracle_loss"
    case outputError = "output_error"
  }
}

/// From a survey and a number of active sub-dimensions to what is written.
struct ComponentFit: Sendable {
  var recipe: ConversionRecipe
  var activeCount: Int
  let sensitivity: Double?

  /// Whether more than the survey is needed.
  static func needsRows(_ recipe: ConversionRecipe) -> Bool {
    recipe.comparesRouters || !recipe.compensation.isEmpty || recipe.grouping == .subspaces
      || ![.energy, .fixed].contains(recipe.router)
  }

  /// What chooses where nothing was fitted.
  private var unfitted: ConversionRecipe.Router { recipe.router == .fixed ? .fixed : .energy }

  /// The component without a router of its own or compensation: no rows needed.
  ///
  /// With all sub-dimensions active the dense weights are written and no basis.
  func plain(
    _ survey: ComponentSurvey, dense: SharedMatrix, layer: Int, component: MoHDComponent
  ) -> ConvertedComponent {
    var settings = recipe.settings(component, activeCount: activeCount)
    let isWhole = activeCount == settings.count
    if isWhole { (settings.inputBasis, settings.fusion) = (.none, .none) }
    return ConvertedComponent(
      settings: settings, basis: isWhole ? nil : survey.basis,
      weights: isWhole ? dense : survey.weights, order: survey.order,
      report: report(settings, survey, layer, component, unfitted, [:], nil))
  }

  /// The component with the router and the compensation that do best on held-out tokens.
  func fit(_ survey: ComponentSurvey, rows: ComponentRows, dense: SharedMatrix)
    -> ConvertedComponent
  {
    var result =
      recipe.usesSubspaces(rows.component)
      ? fitSubspaces(survey, rows: rows, dense: dense) : fitShared(survey, rows, dense)
    if recipe.gate == .softmax {
      SoftmaxStart(scaling: recipe.scaling, gateAt: recipe.usualGatePlace).apply(
        to: &result, inputs: rows.fitting.view)
    }
    return result
  }

  /// The component with a router over sub-dimensions of one basis for all tokens.
  private func fitShared(
    _ survey: ComponentSurvey, _ rows: ComponentRows, _ dense: SharedMatrix
  ) -> ConvertedComponent {
    var result = plain(survey, dense: dense, layer: rows.layer, component: rows.component)
    guard activeCount < result.settings.count else { return result }
    let (count, shared) = (result.settings.count, result.settings.sharedCount)
    let z = ComponentSurvey.change(rows.fitting, to: survey.basis)
    let heldOutZ = ComponentSurvey.change(rows.heldOut, to: survey.basis)
    let norms = columnSquares(survey.weights.view)
    let task = RouterTask(
      inputs: rows.fitting,
      energies: SubDimensionEnergies(z.view, norms: norms, order: survey.order, count: count),
      heldOutInputs: rows.heldOut,
      heldOutEnergies: SubDimensionEnergies(
        heldOutZ.view, norms: norms, order: survey.order, count: count),
      sharedCount: shared, activeCount: activeCount, seed: recipe.seed)
    let routers = routers(task)
    let name = recipe.router == .auto ? .energy : recipe.router
    let chosen = routers.first { $0.name == name }
    let router = chosen ?? routers.first { $0.name == .energy }
    result.router = router?.centroids
    result.settings.router = router?.centroids == nil ? .energy : .centroid
    result.report = report(
      result.settings, survey, rows.layer, rows.component, chosen?.name ?? unfitted,
      Dictionary(uniqueKeysWithValues: routers.map { ($0.name.rawValue, $0.quality) }), nil)
    if recipe.router == .auto {
      let energies = task.heldOutEnergies.view
      result = RouterContest(
        fit: self, survey: survey, rows: rows, dense: dense, energy: result, fitting: z.view,
        heldOut: heldOutZ.view
      ).best(active: activeSets(scores: energies, shared: shared, active: activeCount).view)
      // Nothing else is fitted to local subspaces.
      guard result.report?.router != .centroid else { return result }
    } else {
      fixIfConstant(&result, task)
    }

    var errors: [String: Double]?
    if !recipe.compensation.isEmpty {
      errors = compensate(&result, task: task, z: z, heldOutZ: heldOutZ, dense: survey.weights)
    }
    result.report?.outputError = errors
    return result
  }

  /// A router that chooses the same for all held-out tokens is no router: those become the first, and
  /// the choice static.
  private func fixIfConstant(_ component: inout ConvertedComponent, _ task: RouterTask) {
    guard let router = component.router else { return }
    let scores = task.scores(
      task.heldOutInputs.view, weight: router.weight, bias: router.bias)
    let active = activeSets(
      scores: scores.view, shared: task.sharedCount, active: task.activeCount)
    guard let first = active.constantRow else { return }
    let size = component.order.count / first.count
    let places = first.indices.filter { first[$0] } + first.indices.filter { !first[$0] }
    component.order = places.flatMap { component.order[$0 * size..<($0 + 1) * size] }
    component.router = nil
    (component.settings.router, component.settings.sharedCount) = (.energy, task.activeCount)
    component.report?.router = .fixed
    component.report?.sharedCount = task.activeCount
  }

  private func routers(_ task: RouterTask) -> [FittedRouter] {
    let energy = [task.fit(.energy)].compactMap { $0 }
    let others: [ConversionRecipe.Router] =
      recipe.comparesRouters
      ? [.centroid, .ridge]
      : [.auto, .energy, .fixed].contains(recipe.router) ? [] : [recipe.router]
    return energy + others.compactMap { task.fit($0) }
  }

  /// Takes each step that lowers the held-out error, in order.
  private func compensate(
    _ result: inout ConvertedComponent, task: RouterTask, z: SharedMatrix,
    heldOutZ: SharedMatrix, dense: SharedMatrix
  ) -> [String: Double] {
    let settings = result.settings
    let (order, router) = (result.order, result.router)
    let size = order.count / settings.count
    func masked(_ z: SharedMatrix, _ inputs: SharedMatrix, norms: [Float]) -> MaskedInputs {
      let energies = SubDimensionEnergies(
        z.view, norms: norms, order: order, count: settings.count)
      let scores = router.map { task.scores(inputs.view, weight: $0.weight, bias: $0.bias) }
      return MaskedInputs(
        z, order: order,
        active: activeSets(
          scores: scores?.view ?? energies.view, shared: settings.sharedCount,
          active: settings.activeCount))
    }
    var component = CompensatedComponent(weights: dense)
    let fitting = masked(z, task.inputs, norms: columnSquares(dense.view))
    var heldOut = masked(heldOutZ, task.heldOutInputs, norms: columnSquares(dense.view))
    let nothing = CompensatedComponent(
      weights: SharedMatrix(
        rowCount: dense.view.rowCount, columnCount: dense.view.columnCount))
    let whole = max(
      heldOut.error(of: nothing, target: dense.view, size: size, order: order),
      .leastNormalMagnitude)
    var least = heldOut.error(of: component, target: dense.view, size: size, order: order)
    var errors = ["masked": least / whole]
    for compensation in recipe.compensation {
      let candidates = compensation.step(rank: recipe.lowRank).candidates(
        component, fitting: fitting, target: dense.view, order: order)
      for candidate in candidates {
        // New weights have new norms, and the energy router goes by them.
        let inputs =
          router == nil && compensation == .refit
          ? masked(heldOutZ, task.heldOutInputs, norms: columnSquares(candidate.weights.view))
          : heldOut
        let error = inputs.error(of: candidate, target: dense.view, size: size, order: order)
        guard error < least else { continue }
        (component, least) = (candidate, error)
        heldOut = inputs
        errors[compensation.rawValue] = error / whole
      }
    }
    result = ConvertedComponent(
      settings: settings, basis: result.basis, weights: component.weights, order: order,
      router: router, scale: component.scale, inactiveBias: component.inactiveBias,
      lowRank: component.lowRank, report: result.report)
    result.settings.hasInactiveBias = component.inactiveBias != nil
    result.settings.lowRank = component.lowRank?.down.view.rowCount ?? 0
    return errors
  }

  private func report(
    _ settings: SubDimensions, _ survey: ComponentSurvey, _ layer: Int, _ component: MoHDComponent,
    _ router: ConversionRecipe.Router, _ routers: [String: RouterQuality],
    _ errors: [String: Double]?
  ) -> ComponentReport {
    let surveyed = recipe[component].sharedCount
    return ComponentReport(
      layer: layer, component: component, activeCount: settings.activeCount,
      subDimensionCount: settings.count, sharedCount: settings.sharedCount, router: router,
      sensitivity: sensitivity,
      oracleLoss: survey.losses[max(0, settings.activeCount - surveyed)], routers: routers,
      outputError: errors)
  }
}
