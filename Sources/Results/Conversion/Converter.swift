import Activations
import Checkpoints
import Files
import Kernels
import Models
import Tensors

/// Turns a dense model into a MoHD one, a layer at a time.
///
/// A forward and a backward pass through the dense model tell what errors of each output cost. The first pass
/// over the calibration activations changes every component's basis, groups its dimensions and measures what each number of active sub-dimensions would lose. Then the active
/// fraction is given out over all components. A second pass, where the recipe needs one, fits
/// routers and compensation to what stays active.
public struct Converter: Sendable {
  public let checkpoint: Checkpoint
  public let recipe: ConversionRecipe
  let pool: WorkerPool
  private let configuration: ModelConfiguration

  /// - Throws: `ConversionError` when the model is MoHD already or the recipe does not fit it.
  public init(
    checkpoint: Checkpoint, recipe: ConversionRecipe, pool: WorkerPool
  ) throws(ConversionError) {
    configuration = checkpoint.configuration
    guard configuration.mohd == nil else {
      throw .alreadyConverted(path: checkpoint.folder)
    }
    try recipe.validate(for: configuration)
    (self.checkpoint, self.recipe, self.pool) = (checkpoint, recipe, pool)
  }

  /// Passes over the calibration activations that `convert` makes, and the one back.
  public var passCount: Int {
    (ComponentFit.needsRows(recipe) ? 2 : 1) + (recipe.isSequential ? 1 : 0)
      + (recipe.outputWeights == .fisher ? 1 : 0)
  }

  /// Converts, and hands each layer's components over as soon as they are final.
  ///
  /// - Parameters:
  ///   - scratch: a folder with room for the model in float32.
  ///   - progress: called after each layer of each pass; what it throws ends the conversion.
  ///   - layerDone: receives the components of one layer, layers in order.
  /// - Returns: the settings for config.json, and what was chosen for each component.
  /// - Throws: `ConversionError`; `FileError` when `scratch` has no room.
  func convert(
    _ source: CalibrationSource, scratch: String, progress: (_ layer: Int) throws -> Void,
    layerDone: (_ layer: Int, _ components: [MoHDComponent: ConvertedComponent]) throws -> Void
  ) throws -> (settings: MoHDSettings, reports: [ComponentReport]) {
    let split = try CalibrationSplit(source.batch)
    let shelf = try SurveyShelf(folder: scratch)
    var bidders: [ActiveBudget.Bidder] = []
    var sensitivityKnown = true
    let fisher =
      recipe.outputWeights == .fisher
      ? try source.outputFisher(of: checkpoint, pool: pool, progress: progress) : nil
    try source.forEachLayer(layerCount: configuration.layerCount) { layer, inputs in
      let weights = { outputWeights($0, layer: layer, fisher) }
      for (component, survey) in try survey(
        layer: layer, inputs: inputs, split: split, outputWeights: weights)
      {
        try shelf.keep(survey, layer: layer, component: component)
        let settings = recipe[component]
        let sensitivity =
          fisher == nil ? inputs.outputShares?[component]?.squareRoot() : survey.cost
        sensitivityKnown = sensitivityKnown && sensitivity != nil
        bidders.append(
          ActiveBudget.Bidder(
            layer: layer, component: component, losses: survey.losses,
            sharedCount: recipe.usesSubspaces(component) ? 0 : settings.sharedCount,
            count: recipe.budgetSteps(component, hiddenSize: configuration.hiddenSize),
            weightCount: configuration.projectionWidth(component) * configuration.hiddenSize,
            sensitivity: sensitivity ?? 1))
      }
      try progress(layer)
    }
    let active =
      recipe.budget == .sensitivity && sensitivityKnown
      ? try ActiveBudget.allocate(
        bidders, fraction: recipe.activeFraction,
        overhead: recipe.overhead(hiddenSize: configuration.hiddenSize),
        dense: Set(bidders.indices.filter { recipe[bidders[$0].component].isDense }))
      : bidders.map {
        recipe.uniformSteps($0.component, hiddenSize: configuration.hiddenSize)
      }
    var fits: [MoHDComponent: [ComponentFit]] = [:]
    for (bidder, count) in zip(bidders, active) {
      fits[bidder.component, default: []].append(
        ComponentFit(
          recipe: recipe, activeCount: count,
          sensitivity: sensitivityKnown ? bidder.sensitivity : nil))
    }

    var settings = MoHDSettings(attention: [], ffn: [])
    var reports: [ComponentReport] = []
    func finish(_ layer: Int, _ components: [MoHDComponent: ConvertedComponent]) throws {
      for component in MoHDComponent.allCases {
        guard let converted = components[component]?.stored() else { continue }
        settings[component].append(converted.settings)
        if let report = converted.report { reports.append(report) }
      }
      try layerDone(layer, components.mapValues { $0.stored() })
    }
    func plans(_ layer: Int) throws -> [(MoHDComponent, ComponentFit, ComponentSurvey)] {
      try MoHDComponent.allCases.compactMap { component in
        guard let fit = fits[component]?[layer] else { return nil }
        return (component, fit, try shelf.take(layer: layer, component: component))
      }
    }
    if ComponentFit.needsRows(recipe) {
      try source.forEachLayer(layerCount: configuration.layerCount) { layer, inputs in
        let done = Results()
        let plans = try plans(layer)
        pool.forEach(plans.count) { index, _ in
          let (component, fit, survey) = plans[index]
          let converted = fit.fit(
            survey, rows: rows(layer, component, inputs, split),
            dense: joinedProjections(component, layer: layer))
          done.set(converted, component)
        }
        try finish(layer, done.all)
        try progress(layer)
      }
    } else {
      for layer in 0..<configuration.layerCount {
        let converted = try plans(layer).map { component, fit, survey in
          let dense = joinedProjections(component, layer: layer)
          return (component, fit.plain(survey, dense: dense, layer: layer, component: component))
        }
        try finish(layer, Dictionary(uniqueKeysWithValues: converted))
      }
    }
    return (settings, reports)
  }

  private func rows(
    _ layer: Int, _ component: MoHDComponent, _ inputs: LayerInputs, _ split: CalibrationSplit
  ) -> ComponentRows {
    let all = component == .attention ? inputs.attentionInput : inputs.ffnInput
    return ComponentRows(
      layer: layer, component: component, fitting: SharedMatrix(all, rows: split.fitting),
      heldOut: SharedMatrix(all, rows: split.heldOut))
  }

  /// Both components of a layer, each on a worker of its own.
  private func survey(
    layer: Int, inputs: LayerInputs, split: CalibrationSplit,
    outputWeights: (MoHDComponent) -> [Double]
  ) throws -> [(MoHDComponent, ComponentSurvey)] {
    let outcomes = Outcomes()
    let components = MoHDComponent.allCases.map { ($0, outputWeights($0)) }
    pool.forEach(components.count) { index, _ in
      let (component, outputWeights) = components[index]
      outcomes.set(
        Result { () throws(ConversionError) in
          try ComponentSurvey(
            rows(layer, component, inputs, split),
            weights: joinedProjections(component, layer: layer),
            outputWeights: outputWeights, recipe: recipe)
        }, component)
    }
    return try components.compactMap { component, _ in
      try outcomes.get(component).map { (component, try $0.get()) }
    }
  }

  /// What squared errors of the joined projections' outputs count, [m].
  ///
  /// - Parameter fisher: nil: W_v's and W_up's count more. They are multiplied, not averaged, on their
  ///   way.
  private func outputWeights(
    _ component: MoHDComponent, layer: Int, _ fisher: OutputFisher?
  ) -> [Double] {
    if let fisher { return fisher[layer, component] }
    let width = configuration.projectionWidth(component)
    let first =
      component == .attention
      ? width - configuration.keyValueWidth : configuration.intermediateSize
    let factor = recipe.valueUpWeight * recipe.valueUpWeight
    return (0..<width).map { $0 < first ? 1 : factor }
  }

  private func joinedProjections(_ component: MoHDComponent, layer: Int) -> SharedMatrix {
    Conversion.joinedProjections(of: checkpoint, component, layer: layer)
  }
}
