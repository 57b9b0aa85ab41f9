import Conversion
import Evaluation

/// The settings of the headline figure: everything that trades quality for speed, few of each.
struct HeadlineGrid {
  let shapes: RecipeShapes

  /// Whether settings that run the model again are among them: they need text.
  let hasText: Bool

  var trials: [Trial] { usual + slices + coarse + fine + parts + sides + trained }

  private func at(_ fraction: Double) -> RecipeShapes {
    var own = shapes
    own.active = fraction
    return own
  }

  private func name(_ text: String, _ fraction: Double) -> String {
    "\(text), \(NumberText.percent(fraction))"
  }

  /// The same for every token: what costs least to run.
  private var slices: [Trial] {
    [0.5, 0.75].map { fraction in
      Trial(
        Setting(name("static", fraction), series: "static slice", role: .staticSlice),
        at(fraction).staticSlice())
    }
      + [
        Trial(
          Setting(name("PCA static", 0.75), series: "other bases", role: .staticSlice),
          change(at(0.75).staticSlice()) { $0.basis = .pca }),
        Trial(
          Setting(name("N = \(shapes.coarse) unchanged", 0.75), series: "other bases"),
          change(at(0.75).coarseRecipe()) { $0.basis = .identity }),
      ]
  }

  /// The same for every token, and more where an error costs more.
  private var usual: [Trial] {
    [0.375, 0.5, 0.625, 0.75, 0.875].map { fraction in
      Trial(
        Setting(
          name("default", fraction), series: "default: static, with a budget",
          isDefault: fraction == ConversionRecipe.usualActiveFraction),
        at(fraction).standard())
    }
  }

  /// Sub-dimensions large enough to leave their work out.
  private var coarse: [Trial] {
    [0.5, 0.75].map { fraction in
      Trial(
        Setting(name("N = \(shapes.coarse)", fraction), series: "coarse", role: .router),
        at(fraction).coarseRecipe())
    } + [finerCoarse]
  }

  private var finerCoarse: Trial {
    let own = at(0.5)
    let count = own.divisor(near: 16)
    return Trial(
      Setting(name("N = \(count)", 0.5), series: "coarse", role: .router),
      own.recipe(count, shared: own.activeCount(of: count) - 1))
  }

  /// Sub-dimensions for quality.
  private var fine: [Trial] {
    let own = at(0.5)
    var seen: Set<Int> = [own.coarse, own.hiddenSize]
    let counts = [36, 144, 288].map { own.divisor(near: $0) }
      .filter { seen.insert($0).inserted }
    return [0.5, 0.75].flatMap { fraction in
      counts.map { count in
        Trial(
          Setting(name("N = \(count)", fraction), series: "fine", role: .router),
          at(fraction).recipe(count))
      }
    }
      + [0.5, 0.75].map { fraction in
        Trial(
          Setting(name("N = \(own.hiddenSize) + budget", fraction), series: "fine"),
          at(fraction).single())
      }
  }

  /// One component alone.
  private var parts: [Trial] {
    [0.5, 0.75].map { fraction in
      Trial(
        Setting(name("FFN static", fraction), series: "one component", role: .staticSlice),
        at(fraction).staticSlice(components: .ffn))
    }
      + [
        Trial(
          Setting(name("attention static", 0.5), series: "one component", role: .staticSlice),
          at(0.5).staticSlice(components: .attention))
      ]
  }

  /// Inputs and outputs sparse, as in the paper, on the model's own dimensions: without a change of
  /// basis the two sides have the same ones.
  private var sides: [Trial] {
    func trial(_ text: String, _ body: (inout ConversionRecipe) -> Void) -> Trial {
      Trial(
        Setting(name(text, 0.75), series: "both sides sparse"),
        change(at(0.75).coarseRecipe()) {
          ($0.basis, $0.sparseSide) = (.identity, .both)
          body(&$0)
        })
    }
    let plain = trial("N = \(shapes.coarse) both") { _ in }
    return hasText ? [plain, trial("+ fusion") { $0.fusion = .monarch }] : [plain]
  }

  /// What runs fastest, and what it loses when it has been trained.
  private var trained: [Trial] {
    let own = at(0.5)
    return shapes.trained(own.standard()).map {
      [Trial(Setting(name("default", 0.5) + ", trained", series: "trained"), $0)]
    } ?? []
  }

  private func change(
    _ recipe: ConversionRecipe, _ body: (inout ConversionRecipe) -> Void
  ) -> ConversionRecipe {
    var recipe = recipe
    body(&recipe)
    return recipe
  }
}
