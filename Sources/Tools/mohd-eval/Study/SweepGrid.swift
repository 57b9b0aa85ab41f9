import ArgumentParser
import Checkpoints
import Conversion
import Evaluation

/// The settings of a sweep over one thing, all else equal.
struct SweepGrid {
  let shapes: RecipeShapes
  /// N, where that is not what is swept.
  let count: Int
  /// Values to take instead of the usual ones.
  let values: [Double]

  /// - Parameter count: nil: as fine as it gets, or near 36 where shared ones are counted.
  init(_ kind: SweepResult.Kind, shapes: RecipeShapes, count: Int?, values: [Double]) {
    self.shapes = shapes
    self.values = values
    self.count = count ?? (kind == .shared ? shapes.divisor(near: 36) : shapes.hiddenSize)
  }

  /// - Parameter domains: of the calibration text.
  /// - Throws: `ValidationError` for values that do not fit.
  func trials(_ kind: SweepResult.Kind, domains: [String]) throws -> [Trial] {
    switch kind {
    case .subDimensions: try subDimensions()
    case .shared: try shared()
    case .active: try active()
    case .budget: try budget()
    case .scaling: scaling()
    case .domains: overDomains(domains)
    case .headline, .ladder: HeadlineGrid(shapes: shapes, hasText: !domains.isEmpty).trials
    }
  }

  private func whole(_ range: ClosedRange<Int>) throws -> [Int] {
    try values.map { value in
      guard let number = Int(exactly: value), range.contains(number) else {
        throw ValidationError(
          "--values: expected whole numbers from \(range.lowerBound) to \(range.upperBound), "
            + "found \(value)")
      }
      return number
    }
  }

  private func fractions(_ usual: [Double]) throws -> [Double] {
    if let wrong = values.first(where: { !($0 > 0 && $0 <= 1) }) {
      throw ValidationError(
        "--values: expected fractions above 0 and at most 1, found \(wrong)")
    }
    return values.isEmpty ? usual : values
  }

  private func subDimensions() throws -> [Trial] {
    var counts = try whole(1...shapes.hiddenSize)
    if counts.isEmpty {
      counts = [8, 16, 36, 72, 144, 288, shapes.hiddenSize].map { shapes.divisor(near: $0) }
    }
    var seen: Set<Int> = []
    return counts.filter { seen.insert($0).inserted }.map { count in
      Trial(
        Setting("N = \(count)", series: "a quarter shared", position: Double(count), role: .router),
        shapes.recipe(count))
    } + [
      Trial(
        Setting("static slice", series: "static slice", role: .staticSlice), shapes.staticSlice())
    ]
  }

  private func shared() throws -> [Trial] {
    let k = shapes.activeCount(of: count)
    var counts = try whole(0...k)
    if counts.isEmpty { counts = (0...4).map { $0 * k / 4 } }
    var seen: Set<Int> = []
    return counts.filter { seen.insert($0).inserted }.map { shared in
      Trial(
        Setting(
          "\(shared) of \(k)", series: "N = \(count)", position: Double(shared) / Double(k),
          role: shared == k ? .staticSlice : .router),
        shapes.recipe(count, shared: shared))
    }
  }

  private func active() throws -> [Trial] {
    try fractions([0.25, 0.375, 0.5, 0.625, 0.75, 0.875]).map { fraction in
      var own = shapes
      own.active = fraction
      var recipe = own.recipe(count)
      if count == shapes.hiddenSize { recipe = own.single() }
      return Trial(
        Setting(
          "\(NumberText.percent(fraction)) active", series: "N = \(count)", position: fraction),
        recipe)
    }
  }

  /// The same share of the weights, given to attention or to FFN; then the paper's Table 5.
  private func budget() throws -> [Trial] {
    let (attention, ffn) = (
      Double(shapes.configuration.projectionWidth(.attention)),
      Double(shapes.configuration.projectionWidth(.ffn))
    )
    let even = try fractions([0.25, 0.375, 0.5, 0.625, 0.75, 1]).compactMap { fraction in
      let rest = (shapes.active * (attention + ffn) - fraction * attention) / ffn
      return rest > 0 && rest <= 1 ? split(fraction, rest, series: "N = \(count)") : nil
    }
    guard values.isEmpty else { return even }
    return even
      + [(0.25, 1), (0.5, 1), (1, 0.25), (1, 0.5), (0.25, 0.25)].map {
        split($0, $1, series: ComponentSplits.series)
      }
  }

  /// Attention and FFN with active fractions of their own.
  private func split(_ attention: Double, _ ffn: Double, series: String) -> Trial {
    func component(_ fraction: Double) -> ConversionRecipe.Component {
      let k = max(1, Int((fraction * Double(count)).rounded()))
      return .init(subDimensionCount: count, sharedCount: min(count / 4, k), activeCount: k)
    }
    var recipe = shapes.recipe(count)
    (recipe.attention, recipe.ffn) = (component(attention), component(ffn))
    recipe.activeFraction = recipe.uniformFraction(in: shapes.configuration)
    return Trial(
      Setting(
        "attention \(NumberText.percent(attention)), FFN \(NumberText.percent(ffn))",
        series: series, position: attention), recipe)
  }

  /// What active sub-dimensions weigh, without a change of basis, in which outputs could not be cut:
  /// with more active, where something is left of the model, and of the paper's preset.
  private func scaling() -> [Trial] {
    var most = shapes
    most.active = Self.scalingFraction
    let preset = shapes.coarseRecipe()
    return scaling(
      most.coarseRecipe(), series: "\(NumberText.percent(Self.scalingFraction)) active")
      + scaling(preset, series: "paper's preset")
  }

  private static let scalingFraction = 0.875

  private func scaling(_ recipe: ConversionRecipe, series: String) -> [Trial] {
    func trial(_ name: String, _ change: (inout ConversionRecipe) -> Void) -> Trial {
      var recipe = recipe
      (recipe.router, recipe.sparseSide, recipe.basis) = (.centroid, .both, .identity)
      change(&recipe)
      return Trial(Setting(name, series: series), recipe)
    }
    return [
      trial("unit gates") { _ in },
      trial("unit gates, fitted factors") { $0.compensation = [.scale] },
    ]
      + [
        (SubDimensions.Scaling.none, "softmax gates"), (.paper, "softmax, N·G"),
        (.unitSum, "softmax, N/G"), (.unitMean, "softmax, K/G"),
      ].map { scaling, name in
        trial(name) { ($0.gate, $0.scaling) = (.softmax, scaling) }
      }
  }

  private func overDomains(_ domains: [String]) -> [Trial] {
    let recipe = count == shapes.hiddenSize ? shapes.single() : shapes.recipe(count)
    return domains.map { domain in
      Trial(Setting(domain, series: "one domain"), recipe, calibrationDomain: domain)
    } + [Trial(Setting("all domains", series: "all domains"), recipe)]
  }
}

/// Numbers in the names of settings.
enum NumberText {
  /// 0.625 → "62.5 %", 0.5 → "50 %".
  static func percent(_ fraction: Double) -> String {
    let tenths = (fraction * 1000).rounded() / 10
    return (tenths == tenths.rounded() ? "\(Int(tenths))" : "\(tenths)") + " %"
  }
}
