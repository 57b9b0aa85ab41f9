import ArgumentParser
import Checkpoints
import Conversion

/// The rungs of a conversion, as options.
struct RecipeArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Active fraction of hidden dimensions, above 0 and at most 1. (default: 0.5)",
      valueName: "fraction"))
  var active: Double?

  @Option(
    help: """
      A column of the paper's Table 3: 50% (4 of 8, 3 shared) or 75% (9 of 12, 3 shared; \
      6 of 8 where 12 does not divide the hidden size).
      """)
  var preset: String?

  @Option(
    help: """
      N, equal parts that hidden dimensions are cut into. (default: near 72, and one dimension each \
      with any other router than static)
      """)
  var subDimensions: Int?

  @Option(
    help: """
      S, sub-dimensions that are always active. (default: none of single dimensions, which lose \
      least when all are chosen, else a quarter of N)
      """)
  var shared: Int?

  @Option(help: "K, sub-dimensions active per token; sets the active fraction to K/N.")
  var topK: Int?

  @OptionGroup var components: ComponentArguments

  @Option(
    help: """
      identity: the model's own dimensions, permuted. pca: principal components of the calibration \
      activations. output-aware: directions ordered by what the outputs lose without them. \
      (default: output-aware; identity with --sparse-side both)
      """)
  var basis: ConversionRecipe.Basis?

  @Option(
    help: """
      What an error of each output counts. fisher: what it costs the model's predictions, by a way \
      back through the dense model. value-up: --value-up-weight for W_v and W_up.
      """)
  var outputWeights = ConversionRecipe.OutputWeights.fisher

  @Option(
    help: """
      contiguous: neighbours in the basis. importance: by mean energy. coactivation: dimensions \
      that the same tokens need, by balanced clustering. subspaces: tokens are clustered by the \
      directions that they need, and each cluster has a sub-dimension of its own. (default: \
      subspaces with --router centroid, else importance)
      """)
  var grouping: ConversionRecipe.Grouping?

  @Option(
    help: ArgumentHelp(
      """
      Local subspaces: how many times the hidden size all sub-dimensions together are wide, on \
      average. More clusters cost disk and memory, and no multiplications. (default: 1)
      """, valueName: "factor"))
  var times: Double?

  @Option(
    help: """
      energy: the sub-dimensions' own energies, no parameters. centroid: k-means with a prior (the \
      paper's φ). ridge: regression onto shares of energy. \
      static: none, the same ones for every token, which is what runs fastest. auto: static, \
      centroids (of local subspaces, where --basis and other options allow them) and energies are \
      all fitted with as many active dimensions, and each component takes what leaves least of its \
      outputs out on held-out tokens, whatever it multiplies; conversion.json has all three errors \
      and multiplications. (default: static; where something asks for a choice, centroid among at most \
      64 sub-dimensions of the usual basis without --refit, --fusion or --sparse-side both, \
      else auto: --preset, --compare-routers, --grouping coactivation or \
      subspaces, --times, --gate softmax, or a number of --sub-dimensions, --shared or --top-k)
      """)
  var router: ConversionRecipe.Router?

  @Flag(help: "Fit every router and report each in conversion.json, whichever is used.")
  var compareRouters = false

  @Option(
    help: """
      sensitivity: more active dimensions where an error costs more, by the output weights or, \
      with value-up, by what the component adds to the residual stream. uniform: the same \
      everywhere. (default: sensitivity, unless --preset, --top-k or fractions of components say \
      how many; local subspaces vary in size instead)
      """)
  var budget: ConversionRecipe.Budget?

  @Option(
    parsing: .upToNextOption,
    help: """
      What makes up for inactive sub-dimensions, in this order: scale, refit, bias, low-rank. Each \
      is kept only where it lowers the held-out error.
      """)
  var refit: [ConversionRecipe.Compensation] = []

  @Option(
    help: """
      input: inactive dimensions are left out of what a component reads. both: also of what it \
      writes, as in the paper; the dimensions of another basis are none that it writes, so this \
      takes --basis identity.
      """)
  var sparseSide = SubDimensions.SparseSide.input

  @Option(
    help: """
      unit: active sub-dimensions weigh 1. softmax: their scores, as in the paper, to be trained on: \
      scores of a learned router start so even that weights take back what they multiply.
      """)
  var gate = SubDimensions.Gate.unit

  @Option(
    help: """
      What softmax gates multiply: output (with --sparse-side both) or every_projection, inputs too. \
      (default: output with --sparse-side both, else every_projection)
      """)
  var gateAt: SubDimensions.GatePlace?

  @Option(help: "α of softmax gates: none, paper (N Σ g), unit_sum (N / Σ g), unit_mean (K / Σ g).")
  var scaling = SubDimensions.Scaling.none

  @Option(
    help: """
      What mixes a component's outputs, fitted to the dense model's by alternating least squares \
      from the identity, and kept where held-out text comes closer: none, block_diagonal, monarch. \
      Needs --corpus.
      """)
  var fusion = SubDimensions.Fusion.none

  @Option(help: "Blocks of the fusion. (default: N, or 8 where N is above 16)")
  var fusionBlocks: Int?

  @Flag(
    help: """
      Then fit each component's weights again, behind the converted layers before it, to what the \
      dense model gives for the same tokens, and train as --distill says. Needs --corpus.
      """)
  var recover = false

  @Option(
    help: ArgumentHelp(
      """
      Then train the sparse components' weights, bases and learned routers on so many tokens of --corpus, by the \
      dense model's logits (KL divergence, Adam). SmolLM2-135M: about 65 tokens/s on two cores. All \
      weights with their gradients and moments are in memory. (default: none; 65536 with --recover \
      where the recipe can be trained and memory suffices, unless this says 0)
      """, valueName: "tokens"))
  var distill: Int?

  @Option(
    help: """
      The greatest step of that training, relative to the weights. Fine sub-dimensions bear less \
      than coarse ones.
      """)
  var distillRate = DistillationSettings.usualRate

  @Option(help: "Rank of the low-rank path.")
  var lowRank = 16

  @Option(help: "How much more errors of W_v's and W_up's outputs count, with value-up.")
  var valueUpWeight = 2.0

  @Option(help: "Added to the covariance's diagonal, as a share of its mean.")
  var damping = 0.01

  @Option(help: "Seeds clustering.")
  var seed: UInt64 = 0

  func validate() throws {
    try ComponentArguments.checkFraction("--active", active)
    if let preset, preset != "50%", preset != "75%" {
      throw ValidationError("--preset: expected 50% or 75%, found \(preset)")
    }
    if preset != nil, active != nil || subDimensions != nil || shared != nil || topK != nil {
      throw ValidationError(
        "--preset: stands for --sub-dimensions, --shared and --top-k; give either")
    }
    if let times, !(times > 0 && times <= 64) {
      throw ValidationError("--times: expected a number above 0 and at most 64, found \(times)")
    }
    if times != nil, let grouping, grouping != .subspaces {
      throw ValidationError("--times: goes with --grouping subspaces, found \(grouping.rawValue)")
    }
    if sparseSide == .both, let basis, basis != .identity {
      throw ValidationError(
        "--sparse-side both: expected --basis identity, found \(basis.rawValue): the dimensions of a "
          + "rotated input are no dimensions of the output, and which of those are left out would "
          + "be by chance; no basis is fitted to outputs")
    }
    if topK != nil, active != nil {
      throw ValidationError("--top-k: sets the active fraction; give it or --active")
    }
    guard damping > 0, damping.isFinite else {
      throw ValidationError("--damping: expected a number above 0, found \(damping)")
    }
    guard valueUpWeight > 0, valueUpWeight.isFinite else {
      throw ValidationError("--value-up-weight: expected a number above 0, found \(valueUpWeight)")
    }
    if let distill, distill != 0, !(1024...1 << 30).contains(distill) {
      throw ValidationError("--distill: expected at least 1024 tokens, or 0, found \(distill)")
    }
    guard distillRate > 0, distillRate < 1 else {
      throw ValidationError("--distill-rate: expected a number in 0…1, found \(distillRate)")
    }
    guard lowRank >= 1 else {
      throw ValidationError("--low-rank: expected at least 1, found \(lowRank)")
    }
  }

  /// The recipe for a model of this shape.
  func recipe(for configuration: ModelConfiguration) -> ConversionRecipe {
    var (count, sharedCount, activeCount) = (subDimensions, shared, topK)
    if let preset, let column = MoHDSettings.Preset(rawValue: preset) {
      let counts = column.counts(hiddenSize: configuration.hiddenSize)
      (count, activeCount) = (counts.all, counts.active)
      sharedCount = router == .fixed ? 0 : 3
    }
    let activeFraction = active ?? ConversionRecipe.usualActiveFraction
    let router = usualRouter(count)
    let grouping =
      self.grouping
      ?? (router == .centroid && sparseSide == .input && fusion == .none
        ? .subspaces : .importance)
    let usual =
      router == .fixed
      ? ConversionRecipe.divisor(
        of: configuration.hiddenSize, near: ConversionRecipe.usualStaticCount)
      : configuration.hiddenSize
    func component(_ name: MoHDComponent) -> ConversionRecipe.Component {
      let own = components[name]
      if grouping == .subspaces {
        return .subspaces(
          count: own.subDimensions ?? count, sharedCount: own.shared ?? sharedCount,
          activeCount: own.topK ?? (own.subDimensions == nil ? activeCount : nil),
          fraction: own.active ?? activeFraction, times: times ?? 1)
      }
      let n = own.subDimensions ?? count ?? usual
      let k =
        own.topK ?? own.active.map { rounded($0, n) }
        ?? (own.subDimensions == nil ? activeCount : nil) ?? rounded(activeFraction, n)
      let isSingle = n == configuration.hiddenSize || router == .fixed
      let s = own.shared ?? sharedCount ?? (isSingle ? 0 : min(n / 4, k))
      return .init(subDimensionCount: n, sharedCount: s, activeCount: k)
    }
    let (attention, ffn) = (component(.attention), component(.ffn))
    let isGiven = components[.attention].isGiven || components[.ffn].isGiven
    var recipe = ConversionRecipe(attention: attention, ffn: ffn, activeFraction: activeFraction)
    recipe.grouping = grouping
    recipe.times = grouping == .subspaces ? times ?? 1 : nil
    if topK != nil || preset != nil || isGiven {
      recipe.activeFraction = recipe.uniformFraction(in: configuration)
    }
    // Fractions that were given one by one are not given out again, except what a dense component
    // leaves to the other.
    let isFree = MoHDComponent.allCases.contains { dense in
      MoHDComponent.allCases.allSatisfy {
        $0 == dense ? recipe[$0].isDense : !components[$0].isGiven
      }
    }
    // A budget gives out K, or with local subspaces d_e; where K is given it must be asked for.
    let isSpread = grouping == .subspaces || topK == nil && preset == nil
    recipe.budget = budget ?? (isSpread && (!isGiven || isFree) ? .sensitivity : .uniform)
    recipe.basis = usualBasis
    recipe.outputWeights = outputWeights
    recipe.router = router
    recipe.compensation = ConversionRecipe.Compensation.allCases.filter { refit.contains($0) }
    recipe.lowRank = lowRank
    recipe.valueUpWeight = valueUpWeight
    recipe.damping = damping
    recipe.comparesRouters = compareRouters
    recipe.sparseSide = sparseSide
    recipe.gate = gate
    recipe.gateAt = gateAt
    recipe.scaling = scaling
    recipe.fusion = fusion
    recipe.fusionBlockCount = fusionBlocks
    recipe.recovers = recover
    recipe.seed = seed
    let usualTokenCount = recover && recipe.isTrainable ? Self.recoveryTokenCount : 0
    let tokenCount = distill ?? usualTokenCount
    if tokenCount > 0 {
      var settings = DistillationSettings(tokenCount: tokenCount)
      settings.rate = distillRate
      recipe.distillation = settings
    }
    return recipe
  }

  /// Tokens that a recovery trains on: what two cores do with SmolLM2-135M in less than half an hour.
  private static let recoveryTokenCount = 65_536

  /// The router that is meant where none is named.
  private func usualRouter(_ count: Int?) -> ConversionRecipe.Router {
    if let router { return router }
    if grouping == .subspaces || times != nil { return .centroid }
    guard asksForChoice else { return .fixed }
    // Even gates need scores that can be made even.
    if gate == .softmax { return .centroid }
    let counts =
      [count] + MoHDComponent.allCases.map { components[$0].subDimensions }
    let most = counts.compactMap { $0 }.max()
    // Centroids of finer sub-dimensions are many, and choose little better than chance.
    let isCoarse = most.map { $0 <= ConversionRecipe.mostCentroids } ?? false
    return isCoarse && grouping == nil && usualBasis == .outputAware && !asksForOldParts
      ? .centroid : .auto
  }

  private var usualBasis: ConversionRecipe.Basis {
    basis ?? (sparseSide == .both ? .identity : .outputAware)
  }

  /// Whether an option asks for what is not fitted to local subspaces.
  private var asksForOldParts: Bool {
    compareRouters || !refit.isEmpty || sparseSide != .input || fusion != .none
  }

  /// Whether an option makes no sense without a router.
  private var asksForChoice: Bool {
    preset != nil || subDimensions != nil || shared != nil || topK != nil || compareRouters
      || grouping == .coactivation || gate == .softmax
      || MoHDComponent.allCases.contains {
        let own = components[$0]
        return own.subDimensions != nil || own.shared != nil || own.topK != nil
      }
  }

  private func rounded(_ fraction: Double, _ count: Int) -> Int {
    max(1, Int((fraction * Double(count)).rounded()))
  }
}
