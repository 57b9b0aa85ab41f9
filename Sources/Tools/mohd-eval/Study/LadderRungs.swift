import Conversion
import Evaluation

/// The rungs of a ladder, from the naive slice to the full recipe.
struct LadderRungs {
  let shapes: RecipeShapes

  /// Numbers of sub-dimensions between the paper's 8 and single dimensions, where the hidden size has
  /// such divisors.
  private static let wanted = [36, 144, 288]

  private var finer: [Int] {
    var seen: Set<Int> = [shapes.coarse, shapes.hiddenSize]
    return Self.wanted.map { shapes.divisor(near: $0) }.filter { seen.insert($0).inserted }
  }

  /// - Parameters:
  ///   - parts: "both" has every rung; the others leave out the paper's gates, which lose the model
  ///     with either component, and what is about the budget of both.
  ///   - recovers: whether the last rung is there: it needs text.
  func trials(_ parts: [RecipeShapes.Components], recovers: Bool) -> [Trial] {
    parts.flatMap { part in
      switch part {
      case .both: all(recovers: recovers)
      case .attention: steps(.attention, series: "attention only")
      case .ffn: steps(.ffn, series: "FFN only")
      }
    }
  }

  private func trial(
    _ name: String, series: String, _ recipe: ConversionRecipe, role: Setting.Role = .other,
    _ change: (inout ConversionRecipe) -> Void = { _ in }
  ) -> Trial {
    var recipe = recipe
    change(&recipe)
    return Trial(Setting(name, series: series, role: role), recipe)
  }

  private func all(recovers: Bool) -> [Trial] {
    let series = "attention and FFN"
    // The paper's architecture on dense weights: it was made to be trained.
    var rungs = [
      trial("paper's gates", series: series, shapes.coarseRecipe()) {
        ($0.basis, $0.grouping, $0.router) = (.identity, .contiguous, .centroid)
        ($0.gate, $0.scaling, $0.sparseSide) = (.softmax, .paper, .both)
      },
      trial("unit gates", series: series, shapes.coarseRecipe()) {
        ($0.basis, $0.grouping, $0.router) = (.identity, .contiguous, .centroid)
      },
    ]
    rungs += steps(.both, series: series)
    rungs.append(trial("+ budget", series: series, shapes.single()))
    if recovers {
      rungs.append(trial("+ recovery", series: series, shapes.single()) { $0.recovers = true })
    }
    return rungs + trained + [usual, papersRouter]
  }

  /// From the naive static slice to the oracle, with an even budget.
  private func steps(_ components: RecipeShapes.Components, series: String) -> [Trial] {
    let slice = shapes.staticSlice(components: components)
    let (coarse, single) = (shapes.coarse, shapes.hiddenSize)
    let first = [
      trial("importance, static", series: series, slice) { $0.basis = .identity },
      trial("PCA, static", series: series, slice) { $0.basis = .pca },
      trial("output-aware, unweighed", series: series, slice) {
        ($0.outputWeights, $0.valueUpWeight) = (.valueUp, 1)
      },
      trial("output-aware, static", series: series, slice, role: .staticSlice),
      trial(
        "N = \(coarse), routed", series: series, shapes.coarseRecipe(components: components),
        role: .router),
    ]
    let routers = finer.map { count in
      trial(
        "N = \(count)", series: series, shapes.recipe(count, components: components), role: .router)
    }
    let oracle = trial(
      "N = \(single)", series: series, shapes.recipe(single, shared: 0, components: components),
      role: .oracle)
    return first + routers + [oracle]
  }

  /// Rungs again, after training by the dense model's logits.
  private var trained: [Trial] {
    [
      ("static, trained", shapes.staticSlice()),
      ("N = \(shapes.coarse), trained", shapes.coarseRecipe()),
      ("the default, trained", shapes.standard()),
      ("N = \(shapes.hiddenSize) and budget, trained", shapes.single()),
    ].compactMap { name, recipe in
      shapes.trained(recipe).map { Trial(Setting(name, series: "trained"), $0) }
    }
  }

  /// No step of the ladder, as those with a router have an even budget: it stands beside it.
  private var usual: Trial {
    Trial(
      Setting("static and budget, the default", series: "without a router", isDefault: true),
      shapes.standard())
  }

  /// No step either.
  private var papersRouter: Trial {
    var recipe = shapes.coarseRecipe()
    recipe.router = .centroid
    return Trial(
      Setting("N = \(shapes.coarse), centroids", series: "the paper's router", role: .router),
      recipe)
  }
}
