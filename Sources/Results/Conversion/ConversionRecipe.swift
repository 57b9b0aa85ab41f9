import Checkpoints
import Files

/// What a conversion does, rung by rung; every rung is a strategy in a file of its own.
public struct ConversionRecipe: Sendable, Equatable, Codable {
  /// Which linear transform of a component's input is cut into sub-dimensions.
  public enum Basis: String, Sendable, Codable, CaseIterable {
    /// The model's own dimensions, permuted.
    case identity
    /// Principal components of the calibration activations.
    case pca
    /// Directions ordered by what the component's outputs lose without them.
    case outputAware = "output-aware"
  }

  /// What an error of each output of the input projections counts.
  public enum OutputWeights: String, Sendable, Codable, CaseIterable {
    /// What it costs the model's predictions: the Fisher information, from a way back through the
    /// dense model.
    case fisher
    /// More for W_v and W_up than for the others.
    case valueUp = "value-up"
  }

  /// How dimensions become sub-dimensions.
  public enum Grouping: String, Sendable, Codable, CaseIterable {
    /// Neighbours, in the basis's own order.
    case contiguous
    /// By mean energy, largest first.
    case importance
    /// Dimensions that the same tokens need.
    case coactivation
    /// Tokens are clustered, and each cluster has directions of its own.
    case subspaces
  }

  /// Where scores come from.
  public enum Router: String, Sendable, Codable, CaseIterable {
    /// Static, centroids of local subspaces or energies: what leaves least of a component's outputs out
    /// on held-out calibration tokens.
    case auto
    /// The sub-dimensions' own energies; no parameters.
    case energy
    /// k-means centroids of tokens, with a prior (the paper's φ).
    case centroid
    /// Ridge regression onto each sub-dimension's share of energy.
    case ridge
    /// None: the same sub-dimensions for every token, as many as the budget gives.
    case fixed = "static"
  }

  /// How the active fraction is spread over layers, attention and FFN.
  public enum Budget: String, Sendable, Codable, CaseIterable {
    /// The same everywhere.
    case uniform
    /// More where an error costs more.
    case sensitivity
  }

  /// What makes up for the inactive sub-dimensions.
  public enum Compensation: String, Sendable, Codable, CaseIterable {
    /// A factor for each sub-dimension.
    case scale
    /// Least-squares refit of the weights.
    case refit
    /// A bias for each inactive sub-dimension.
    case bias
    /// A low-rank path from inactive entries.
    case lowRank = "low-rank"
  }

  /// N, S and K of one component.
  public struct Component: Sendable, Equatable, Codable {
    public var subDimensionCount: Int
    public var sharedCount: Int
    /// Sub-dimensions active per token under a uniform budget.
    public var activeCount: Int

    enum CodingKeys: String, CodingKey {
      case subDimensionCount = "sub_dimensions"
      case sharedCount = "shared"
      case activeCount = "top_k"
    }

    public init(subDimensionCount: Int, sharedCount: Int, activeCount: Int) {
      self.subDimensionCount = subDimensionCount
      self.sharedCount = sharedCount
      self.activeCount = activeCount
    }

    /// Everything stays active: the component is left as it is, whatever the budget.
    public var isDense: Bool { activeCount == subDimensionCount }
  }

  public var attention: Component
  public var ffn: Component
  /// Mean active fraction over components, weighted by their input-side weights.
  public var activeFraction: Double
  public var basis = Basis.outputAware
  public var outputWeights = OutputWeights.fisher
  public var grouping = Grouping.importance
  public var router = Router.auto
  public var budget = Budget.sensitivity
  public var compensation: [Compensation] = []
  /// Rank of the low-rank path, where there is one.
  public var lowRank = 16
  /// How much more an error of W_v's and W_up's outputs counts than of the others', as a factor of
  /// the weights, where that is what decides.
  public var valueUpWeight = 2.0
  /// Added to the covariance's diagonal, as a share of its mean.
  public var damping = 0.01
  /// Whether inactive dimensions are left out of the outputs too, as in the paper.
  public var sparseSide = SubDimensions.SparseSide.input
  /// What mixes the outputs, fitted to the dense model's.
  public var fusion = SubDimensions.Fusion.none
  /// r of the fusion; nil: N, or 8 where sub-dimensions are finer.
  public var fusionBlockCount: Int?
  /// Fits every router and reports each, whichever is used.
  public var comparesRouters = false
  /// Fits each component again behind the converted ones before it.
  public var recovers = false
  /// What active sub-dimensions weigh. Softmax gates start even, see `SoftmaxStart`.
  public var gate = SubDimensions.Gate.unit
  /// Where softmax gates multiply; nil: outputs where those are sparse, else inputs.
  public var gateAt: SubDimensions.GatePlace?
  /// α, with softmax gates.
  public var scaling = SubDimensions.Scaling.none
  /// Training by the dense model's logits, after everything else.
  public var distillation: DistillationSettings?
  public var seed: UInt64 = 0
  /// Local subspaces: how much wider than the hidden size the sub-dimensions are together, on
  /// average over components.
  public var times: Double?

  enum CodingKeys: String, CodingKey {
    case attention, ffn, basis, grouping, router, budget, compensation, damping, seed
    case gate, scaling, fusion, distillation, times
    case gateAt = "gate_at"
    case outputWeights = "output_weights"
    case sparseSide = "sparse_side"
    case fusionBlockCount = "fusion_blocks"
    case activeFraction = "active_fraction"
    case lowRank = "low_rank"
    case valueUpWeight = "value_up_weight"
    case comparesRouters = "compare_routers"
    case recovers = "recover"
  }

  /// Whether layers are fitted behind the converted ones before them.
  public var isSequential: Bool { recovers || fusion != .none }

  public init(attention: Component, ffn: Component, activeFraction: Double) {
    self.attention = attention
    self.ffn = ffn
    self.activeFraction = activeFraction
  }

  public subscript(component: MoHDComponent) -> Component {
    component == .attention ? attention : ffn
  }

  /// r of a component's fusion.
  private func fusionBlocks(_ component: MoHDComponent) -> Int {
    let n = self[component].subDimensionCount
    if usesSubspaces(component), fusion == .none { return fusionBlockCount ?? 1 }
    return fusionBlockCount ?? (fusion == .none || n <= 16 ? n : 8)
  }

  /// What every converted component multiplies beside its projections, the larger component's: its
  /// basis and its fusion. Of a basis without a router only the active rows are.
  func overhead(hiddenSize: Int) -> ActiveBudget.Overhead {
    let blockDiagonal = MoHDComponent.allCases.map { hiddenSize / max(fusionBlocks($0), 1) }.max()
    let fusionWidth =
      switch fusion {
      case .none: 0
      case .blockDiagonal: blockDiagonal ?? 0
      case .monarch:
        (blockDiagonal ?? 0) + (MoHDComponent.allCases.map { fusionBlocks($0) }.max() ?? 0)
      }
    let basisCount = basis == .identity ? 0 : hiddenSize * hiddenSize
    if grouping == .subspaces {
      let most = MoHDComponent.allCases.map { self[$0].subDimensionCount }.max() ?? 0
      return ActiveBudget.Overhead(
        whole: hiddenSize * (fusionWidth + most), kept: basisCount)
    }
    return ActiveBudget.Overhead(
      whole: hiddenSize * fusionWidth + (router == .fixed ? 0 : basisCount),
      kept: router == .fixed ? basisCount : 0)
  }

  /// What has been asked for and is not fitted to local subspaces; nil: nothing.
  private var notOfSubspaces: String? {
    if let first = compensation.first { return "--refit \(first.rawValue)" }
    if sparseSide != .input { return "--sparse-side \(sparseSide.rawValue)" }
    if fusion != .none { return "--fusion \(fusion.rawValue)" }
    return comparesRouters ? "--compare-routers" : nil
  }

  /// Whether a component's sub-dimensions are local subspaces, whose size d_e the budget gives out.
  func usesSubspaces(_ component: MoHDComponent) -> Bool {
    grouping == .subspaces && !self[component].isDense
  }

  /// What the budget gives out one by one: sub-dimensions, or with local subspaces entries of d_e.
  func budgetSteps(_ component: MoHDComponent, hiddenSize: Int) -> Int {
    guard usesSubspaces(component) else { return self[component].subDimensionCount }
    let k = self[component].activeCount
    return (hiddenSize + k - 1) / k
  }

  /// Steps of a uniform budget.
  func uniformSteps(_ component: MoHDComponent, hiddenSize: Int) -> Int {
    guard usesSubspaces(component) else { return self[component].activeCount }
    let size = (times ?? 1) * Double(hiddenSize) / Double(self[component].subDimensionCount)
    return max(1, Int(size.rounded()))
  }

  /// The active fraction of a uniform budget: K/N of the components, weighted by their input-side
  /// weights.
  public func uniformFraction(in configuration: ModelConfiguration) -> Double {
    var (kept, whole) = (0.0, 0.0)
    for component in MoHDComponent.allCases {
      let weight = Double(configuration.projectionWidth(component))
      whole += weight
      kept +=
        weight * Double(self[component].activeCount) * (usesSubspaces(component) ? times ?? 1 : 1)
        / Double(max(self[component].subDimensionCount, 1))
    }
    return kept / whole
  }

  /// Whether the model can be trained by the dense one's logits.
  public var isTrainable: Bool { notTrainable == nil }

  /// The option that stands in the way of training.
  private var notTrainable: String? {
    if sparseSide != .input { return "--sparse-side \(sparseSide.rawValue)" }
    if gate != .unit { return "--gate \(gate.rawValue)" }
    if fusion != .none { return "--fusion \(fusion.rawValue)" }
    if compensation.contains(.bias) { return "--refit bias" }
    if compensation.contains(.lowRank) { return "--refit low-rank" }
    return nil
  }

  /// Where softmax gates multiply.
  var usualGatePlace: SubDimensions.GatePlace {
    gateAt ?? (sparseSide == .both ? .output : .everyProjection)
  }

  /// Whether softmax gates have scores that can be made even, and something to multiply.
  private func validateGates(_ component: MoHDComponent) throws(ConversionError) {
    guard gate == .softmax else { return }
    guard [.centroid, .ridge].contains(router) else {
      throw .wrongSetting(
        component: component, setting: "router",
        expected: "centroid or ridge with --gate softmax, which starts from even scores "
          + "of a learned router", found: router.rawValue)
    }
    guard sparseSide == .both || usualGatePlace == .everyProjection else {
      throw .wrongSetting(
        component: component, setting: "gate-at",
        expected: "every_projection with --sparse-side input, whose outputs carry no gates",
        found: usualGatePlace.rawValue)
    }
  }

  /// What stands in the way of fitting components again behind the converted ones.
  private var notRecoverable: String? {
    if gate != .unit { return "--gate \(gate.rawValue)" }
    return [.bias, .lowRank].first { compensation.contains($0) }.map { "--refit \($0.rawValue)" }
  }

  /// - Throws: `ConversionError.wrongSetting` when a number is out of range for the model;
  ///   `notTrainable` when it shall be trained and is not of the kind that can be.
  public func validate(for configuration: ModelConfiguration) throws(ConversionError) {
    if distillation != nil, let setting = notTrainable {
      throw .notTrainable(setting: setting)
    }
    if recovers, let setting = notRecoverable { throw .notRecoverable(setting: setting) }
    for component in MoHDComponent.allCases {
      try validateGates(component)
      // It sorts by what tokens choose, not by what they need most.
      guard router != .fixed || grouping != .coactivation else {
        throw .wrongSetting(
          component: component, setting: "grouping",
          expected: "contiguous or importance with --router static", found: grouping.rawValue)
      }
      let settings = self[component]
      let (n, hidden) = (settings.subDimensionCount, configuration.hiddenSize)
      func check(
        _ holds: Bool, _ setting: String, _ expected: String, _ found: Int
      ) throws(ConversionError) {
        guard !holds else { return }
        throw .wrongSetting(
          component: component, setting: setting, expected: expected, found: "\(found)")
      }
      if grouping == .subspaces {
        guard basis == .outputAware else {
          throw .wrongSetting(
            component: component, setting: "basis",
            expected: "output-aware with --grouping subspaces, whose distances it makes plain",
            found: basis.rawValue)
        }
        if let setting = notOfSubspaces {
          throw .wrongSetting(
            component: component, setting: "grouping",
            expected: "another than subspaces with \(setting)", found: grouping.rawValue)
        }
        guard [.centroid, .auto].contains(router) else {
          throw .wrongSetting(
            component: component, setting: "router",
            expected: "centroid or auto with --grouping subspaces", found: router.rawValue)
        }
      }
      try check(
        n >= 1 && (usesSubspaces(component) || hidden % max(n, 1) == 0), "sub-dimensions",
        "a divisor of the hidden size \(hidden), such as \(Self.divisors(of: hidden))", n)
      try check(
        (1...n).contains(settings.activeCount), "top-k", "a number in 1…\(n)", settings.activeCount)
      try check(
        (0...settings.activeCount).contains(settings.sharedCount), "shared",
        "a number in 0…\(settings.activeCount), the active ones", settings.sharedCount)
      try check(
        router != .fixed || settings.sharedCount == 0, "shared",
        "none with --router static, which shares all that are active", settings.sharedCount)
      let blocks = fusionBlocks(component)
      try check(
        blocks >= 1 && hidden % max(blocks, 1) == 0, "fusion-blocks",
        "a divisor of the hidden size \(hidden), such as \(Self.divisors(of: hidden))", blocks)
    }
  }

  /// Where perplexity over measured speed bends most, of what was tried on SmolLM2 and trains
  /// nothing (reports/headline).
  public static let usualActiveFraction = 0.5

  /// Near so many sub-dimensions there are enough steps for a budget: without a choice there is no
  /// use in single dimensions, and a product likes round numbers.
  public static let usualStaticCount = 72

  /// The divisor of the hidden size that is nearest to `count` by ratio; the smaller of two.
  public static func divisor(of hiddenSize: Int, near count: Int) -> Int {
    func distance(_ n: Int) -> Double {
      let (one, other) = (Double(n), Double(count))
      return max(one / other, other / one)
    }
    return (1...hiddenSize).filter { hiddenSize % $0 == 0 }.min { distance($0) < distance($1) } ?? 1
  }

  private static func divisors(of hidden: Int) -> String {
    (4...hidden).filter { hidden % $0 == 0 }.prefix(12).map(String.init).joined(separator: ", ")
  }

  /// The settings that config.json states for a component with K active sub-dimensions.
  ///
  /// A conversion is fitted with unit gates; where softmax gates are asked for, `SoftmaxStart` puts
  /// them in place of those of components that choose.
  public func settings(_ component: MoHDComponent, activeCount: Int) -> SubDimensions {
    let recipe = self[component]
    return SubDimensions(
      count: recipe.subDimensionCount,
      sharedCount: router == .fixed ? activeCount : min(recipe.sharedCount, activeCount),
      activeCount: activeCount, router: .energy, gate: .unit, scaling: .none,
      sparseSide: sparseSide,
      fusion: fusion, fusionBlockCount: fusionBlocks(component),
      inputBasis: basis == .identity ? .none : .dense)
  }
}
