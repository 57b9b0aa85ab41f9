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
  ///   - parts: "both" has every rung, the others the main ones.
  ///   - recovers: whether the last rung is there: it needs text.
  func trials(_ parts: [RecipeShapes.Components], recovers: Bool) -> [Trial] {
    parts.flatMap { part in
      switch part {
      case .both: all(recovers: recovers)
      case .attention: main(.attention, series: "attention only")
      case .ffn: main(.ffn, series: "FFN only")
      }
    }
  }

  private func all(recovers: Bool) -> [Trial] {
    let series = "attention and FFN"
    func trial(
      _ name: String, _ recipe: ConversionRecipe, role: Setting.Role = .other,
      isDefault: Bool = false,
      _ change: (inout ConversionRecipe) -> Void = { _ in }
    ) -> Trial {
      var recipe = recipe
      change(&recipe)
      return Trial(Setting(name, series: series, role: role, isDefault: isDefault), recipe)
    }
    // The paper's architecture on dense weights: it was made to be trained.
    var rungs = [
      trial("paper's gates", shapes.coarseRecipe()) {
        ($0.basis, $0.grouping, $0.router) = (.identity, .contiguous, .centroid)
        ($0.gate, $0.scaling) = (.softmax, .paper)
      },
      trial("unit gates", shapes.coarseRecipe()) {
        ($0.basis, $0.grouping, $0.router) = (.identity, .contiguous, .centroid)
      },
      trial("importance, static", shapes.staticSlice()) { $0.basis = .identity },
      trial("PCA, static", shapes.staticSlice()) { $0.basis = .pca },
      trial("output-aware, unweighed", shapes.staticSlice()) {
        ($0.outputWeights, $0.valueUpWeight) = (.valueUp, 1)
      },
      trial("output-aware, static", shapes.staticSlice(), role: .staticSlice),
      trial("N = \(shapes.coarse), routed", shapes.coarseRecipe(), role: .router),
    ]
    rungs += finer.map { trial("N = \($0)", shapes.recipe($0), role: .router) }
    rungs += [
      trial("N = \(shapes.hiddenSize)", shapes.recipe(shapes.hiddenSize, shared: 0), role: .oracle),
      trial("+ budget", shapes.single()),
    ]
    if recovers {
      rungs.append(trial("+ recovery", shapes.single()) { $0.recovers = true })
    }
    return rungs + trained + [usual, papersRouter]
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

  /// The static slice, the paper's preset, one router between, and the oracle.
  private func main(_ components: RecipeShapes.Components, series: String) -> [Trial] {
    var trials = [
      Trial(
        Setting("output-aware, static", series: series, role: .staticSlice),
        shapes.staticSlice(components: components)),
      Trial(
        Setting("N = \(shapes.coarse), routed", series: series, role: .router),
        shapes.coarseRecipe(components: components)),
    ]
    if let middle = finer.dropFirst().first ?? finer.first {
      trials.append(
        Trial(
          Setting("N = \(middle)", series: series, role: .router),
          shapes.recipe(middle, components: components)))
    }
    return trials + [
      Trial(
        Setting("N = \(shapes.hiddenSize)", series: series, role: .oracle),
        shapes.recipe(shapes.hiddenSize, shared: 0, components: components))
    ]
  }
}
