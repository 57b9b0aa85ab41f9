import Checkpoints
import Kernels
import Tensors

extension ComponentFit {
  /// The component as local subspaces with a router, or as a static choice of as many directions
  /// where that loses no more on held-out tokens.
  ///
  /// - Returns: the dense component where everything would be active.
  func fitSubspaces(_ survey: ComponentSurvey, rows: ComponentRows, dense: SharedMatrix)
    -> ConvertedComponent
  {
    let counts = recipe[rows.component]
    let hidden = dense.view.columnCount
    let size = activeCount
    let width = counts.activeCount * size
    guard width < hidden else { return whole(survey, rows, dense) }

    let space = ErrorSpace(survey)
    let x = space.coordinates(ComponentSurvey.change(rows.fitting, to: survey.basis).view)
    let heldOut = space.coordinates(ComponentSurvey.change(rows.heldOut, to: survey.basis).view)
    let staticError = SubspaceFit.staticError(heldOut.view, width: width)
    let outcome =
      counts.sharedCount < counts.activeCount && staticError > 0
      ? SubspaceFit(counts: counts, size: size, seed: recipe.seed)
        .fit(x.view, heldOut: heldOut.view) : nil
    // A router that never changes its choice is a fixed choice, and no better than the best of those.
    guard let outcome, outcome.routedError < staticError,
      Set(outcome.chosen.clusters).count > outcome.chosen.perToken
    else {
      return fixed(space, survey, rows, size: size, error: staticError, routed: outcome)
    }
    var settings = recipe.settings(rows.component, activeCount: counts.activeCount)
    settings.size = size * counts.subDimensionCount == hidden ? nil : size
    settings.router = .centroid
    let router = routerOverInput(outcome, space, x.view)
    return ConvertedComponent(
      settings: settings, basis: space.overInput(outcome.subspaces.analysis.view),
      weights: space.projected(outcome.subspaces.synthesis.view),
      order: Array(0..<settings.width(hiddenSize: hidden)), router: router,
      report: report(
        settings, rows, router: .centroid, loss: outcome.oracleError,
        quality: quality(outcome, counts, staticError: staticError)))
  }

  /// N = K = S: the first directions for every token, and nothing else stored.
  private func fixed(
    _ space: ErrorSpace, _ survey: ComponentSurvey, _ rows: ComponentRows, size: Int,
    error: Double, routed: SubspaceFit.Outcome?
  ) -> ConvertedComponent {
    let counts = recipe[rows.component]
    let width = counts.activeCount * size
    let directions = SharedMatrix(rowCount: width, columnCount: survey.order.count)
    for index in 0..<width { directions.view[index, index] = 1 }
    var settings = recipe.settings(rows.component, activeCount: counts.activeCount)
    settings.count = counts.activeCount
    settings.sharedCount = counts.activeCount
    settings.fusionBlockCount = counts.activeCount
    settings.size = size
    settings.router = .energy
    return ConvertedComponent(
      settings: settings, basis: space.overInput(directions.view),
      weights: space.projected(directions.view), order: Array(0..<width),
      report: report(
        settings, rows, router: .fixed, loss: error,
        quality: routed.map { quality($0, counts, staticError: error) }))
  }

  private func whole(
    _ survey: ComponentSurvey, _ rows: ComponentRows, _ dense: SharedMatrix
  ) -> ConvertedComponent {
    let counts = recipe[rows.component]
    var settings = recipe.settings(rows.component, activeCount: counts.subDimensionCount)
    (settings.inputBasis, settings.fusion) = (.none, .none)
    // Any N that divides d: nothing is chosen.
    if dense.view.columnCount % settings.count != 0 { settings.count = 1 }
    (settings.activeCount, settings.sharedCount) = (settings.count, settings.count)
    settings.fusionBlockCount = settings.count
    settings.router = .energy
    return ConvertedComponent(
      settings: settings, basis: nil, weights: dense, order: Array(0..<dense.view.columnCount),
      report: report(settings, rows, router: .fixed, loss: 0, quality: nil))
  }

  /// Φ over the component's input, [N, d], and its bias: the shared ones, which nothing chooses among,
  /// have the mean of the others, so that their gates stand in the middle where there are any.
  private func routerOverInput(
    _ outcome: SubspaceFit.Outcome, _ space: ErrorSpace, _ x: MatrixView
  ) -> (weight: DoubleMatrix, bias: [Double]) {
    let counts = outcome.subspaces.counts
    let specialised = space.overInput(SharedMatrix(outcome.router.weight).view)
    var weight = DoubleMatrix(
      rowCount: counts.subDimensionCount, columnCount: specialised.view.columnCount)
    var bias = [Double](repeating: 0, count: counts.subDimensionCount)
    for cluster in outcome.router.bias.indices {
      let row = counts.sharedCount + cluster
      bias[row] = outcome.router.bias[cluster]
      for column in 0..<weight.columnCount {
        weight[row, column] = Double(specialised.view[cluster, column])
      }
    }
    let clusters = Double(max(outcome.router.bias.count, 1))
    for row in 0..<counts.sharedCount {
      bias[row] = outcome.router.bias.reduce(0, +) / clusters
      for column in 0..<weight.columnCount {
        let sum = (counts.sharedCount..<counts.subDimensionCount).reduce(0.0) {
          $0 + weight[$1, column]
        }
        weight[row, column] = sum / clusters
      }
    }
    return (weight, bias)
  }

  private func quality(
    _ outcome: SubspaceFit.Outcome, _ counts: ConversionRecipe.Component, staticError: Double
  ) -> RouterQuality {
    let chance =
      Double(outcome.subspaces.choiceCount) / Double(max(outcome.subspaces.clusterCount, 1))
    return RouterQuality(
      recall: outcome.chosen.agreement(with: outcome.best), chanceRecall: chance,
      capturedEnergy: 1 - outcome.routedError, oracleEnergy: 1 - outcome.oracleError,
      staticEnergy: 1 - staticError)
  }

  private func report(
    _ settings: SubDimensions, _ rows: ComponentRows, router: ConversionRecipe.Router,
    loss: Double, quality: RouterQuality?
  ) -> ComponentReport {
    ComponentReport(
      layer: rows.layer, component: rows.component, activeCount: settings.activeCount,
      subDimensionCount: settings.count, sharedCount: settings.sharedCount, router: router,
      sensitivity: sensitivity, oracleLoss: loss,
      routers: quality.map { [ConversionRecipe.Router.centroid.rawValue: $0] } ?? [:],
      outputError: nil)
  }
}
