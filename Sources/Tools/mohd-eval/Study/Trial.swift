import Checkpoints
import Conversion
import Evaluation

/// One conversion of a series: how it is made, and what it is called.
struct Trial {
  var setting: Setting
  var recipe: ConversionRecipe
  /// The domain of the calibration text; nil: all of them.
  var calibrationDomain: String?

  /// - Parameter setting: without options, which the recipe gives.
  init(_ setting: Setting, _ recipe: ConversionRecipe, calibrationDomain: String? = nil) {
    self.setting = setting
    self.recipe = recipe
    self.calibrationDomain = calibrationDomain
    self.setting.options = Self.options(recipe)
    self.setting.options["calibration"] = calibrationDomain
  }

  /// What was chosen, by the names of mohd-convert's options. A component that is left dense is
  /// not spoken of.
  private static func options(_ recipe: ConversionRecipe) -> [String: String] {
    let sparse = MoHDComponent.allCases.filter { !recipe[$0].isDense }
    func text(_ value: (ConversionRecipe.Component) -> Int) -> String {
      let all = sparse.map { value(recipe[$0]) }
      return Set(all).count == 1 ? "\(all[0])" : all.map { "\($0)" }.joined(separator: " and ")
    }
    var options = [
      "basis": recipe.basis.rawValue, "grouping": recipe.grouping.rawValue,
      "router": recipe.router.rawValue, "budget": recipe.budget.rawValue,
      "gate": recipe.gate.rawValue, "recover": recipe.recovers ? "yes" : "no",
      "components": sparse.count == 1 ? sparse[0].rawValue : "both",
    ]
    if recipe.basis == .outputAware {
      options["output_weights"] = recipe.outputWeights.rawValue
      if recipe.outputWeights == .valueUp {
        options["value_up_weight"] = "\(recipe.valueUpWeight)"
      }
    }
    options["distill"] = recipe.distillation.map { "\($0.tokenCount)" }
    options["distill_rate"] = recipe.distillation.map { "\($0.rate)" }
    options["fusion"] = recipe.fusion.rawValue
    options["sparse_side"] = recipe.sparseSide.rawValue
    if recipe.gate == .softmax { options["scaling"] = recipe.scaling.rawValue }
    guard !sparse.isEmpty else { return options }
    options["sub_dimensions"] = text(\.subDimensionCount)
    options["top_k"] = recipe.budget == .uniform ? text(\.activeCount) : "varies"
    options["shared"] =
      recipe.router == .fixed ? options["top_k"] : text(\.sharedCount)
    return options
  }
}

/// Recipes for a model's shape.
struct RecipeShapes {
  let configuration: ModelConfiguration
  /// Active fraction of the hidden dimensions of every component that is not left dense.
  var active: Double
  let seed: UInt64
  /// How settings worth it are trained once more; nil: none are.
  let distillation: DistillationSettings?

  /// Which components become sparse.
  enum Components: String, CaseIterable {
    case both, attention, ffn

    func has(_ component: MoHDComponent) -> Bool {
      switch self {
      case .both: true
      case .attention: component == .attention
      case .ffn: component == .ffn
      }
    }
  }

  var hiddenSize: Int { configuration.hiddenSize }

  /// The divisor of the hidden size that is nearest to `count` by ratio; the smaller of two.
  func divisor(near count: Int) -> Int {
    ConversionRecipe.divisor(of: hiddenSize, near: count)
  }

  /// K of N for the active fraction.
  func activeCount(of count: Int) -> Int { max(1, Int((active * Double(count)).rounded())) }

  /// - Parameters:
  ///   - shared: S; nil: a quarter of N, at most K.
  ///   - topK: nil: by the active fraction.
  func recipe(
    _ count: Int, shared: Int? = nil, topK: Int? = nil, components: Components = .both
  ) -> ConversionRecipe {
    let k = topK ?? activeCount(of: count)
    func component(_ name: MoHDComponent) -> ConversionRecipe.Component {
      let isSparse = components.has(name)
      return .init(
        subDimensionCount: count, sharedCount: min(shared ?? count / 4, k),
        activeCount: isSparse ? k : count)
    }
    var recipe = ConversionRecipe(
      attention: component(.attention), ffn: component(.ffn), activeFraction: active)
    recipe.activeFraction = recipe.uniformFraction(in: configuration)
    recipe.budget = .uniform
    recipe.router = .energy
    recipe.seed = seed
    return recipe
  }

  /// The same sub-dimensions for every token.
  func staticSlice(components: Components = .both) -> ConversionRecipe {
    let count = coarse
    let k = activeCount(of: count)
    return recipe(count, shared: k, topK: k, components: components)
  }

  /// What mohd-convert does when it is told nothing but the active fraction: the same
  /// sub-dimensions for every token, more of them where an error costs more.
  func standard() -> ConversionRecipe {
    var recipe = recipe(divisor(near: ConversionRecipe.usualStaticCount), shared: 0)
    (recipe.router, recipe.budget, recipe.activeFraction) = (.fixed, .sensitivity, active)
    return recipe
  }

  /// Sub-dimensions as in the paper's Table 3: 8 of them at 50 %, all but one of the active shared.
  func coarseRecipe(components: Components = .both) -> ConversionRecipe {
    recipe(coarse, shared: activeCount(of: coarse) - 1, components: components)
  }

  var coarse: Int { divisor(near: 8) }

  /// The same recipe, trained afterwards; nil where nobody wants that.
  func trained(_ recipe: ConversionRecipe) -> ConversionRecipe? {
    distillation.map { settings in
      var recipe = recipe
      recipe.distillation = settings
      return recipe
    }
  }

  /// Single dimensions, chosen for every token by their own energies: what loses least.
  ///
  /// - Parameter shared: in place of none.
  func single(shared: Int = 0) -> ConversionRecipe {
    var recipe = recipe(hiddenSize, shared: shared)
    recipe.activeFraction = active
    recipe.budget = .sensitivity
    return recipe
  }
}
