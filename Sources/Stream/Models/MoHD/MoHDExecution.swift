import Checkpoints
import Kernels

/// How the arithmetic of a MoHD model is done; the results agree to rounding.
public enum MoHDExecution: String, Sendable, CaseIterable {
  /// Block-sparse where it pays, for each component by its settings.
  case automatic
  /// The definition: everything is computed, and masked. The oracle.
  case naive
  /// The work of inactive sub-dimensions is left out.
  case blockSparse = "block-sparse"

  /// Whether a component with these settings runs block-sparse.
  ///
  /// The rule of `automatic`, by measurement (Benchmarks/README.md): a product over fewer than
  /// `leastSize` dimensions moves its result for longer than it multiplies; and where all
  /// sub-dimensions are active there is nothing to leave out but scores that decide nothing, which
  /// pays where they are small.
  func isBlockSparse(_ settings: SubDimensions, hiddenSize: Int) -> Bool {
    switch self {
    case .naive: false
    case .blockSparse: true
    case .automatic:
      settings.activeCount < settings.count
        ? settings.isStatic || settings.size(hiddenSize: hiddenSize) >= Self.leastSize
        : settings.gate == .unit && settings.width(hiddenSize: hiddenSize) < hiddenSize
    }
  }

  /// The smallest sub-dimension for which block-sparse products pay.
  static let leastSize = 16
}

/// One layer's weights, widened, as a pass uses them.
package struct LoadedLayer {
  let weights: BlockWeights
  /// Of a MoHD model.
  let mixtures: Mixtures?
}

/// The two mixtures of a loaded layer.
struct Mixtures {
  let attention: any Mixture
  let ffn: any Mixture
}

extension LayerSweep {
  /// Widens a MoHD layer's weights, packed where its execution is block-sparse.
  ///
  /// - Parameter storage: room for bases and packed weights.
  func loadMixtures(
    _ mohd: MoHDSettings, layer: Int, into weights: BlockWeights, storage: MixtureStorage
  ) -> Mixtures {
    let hiddenSize = configuration.hiddenSize
    /// Whether outputs are packed, by what a token chooses of them.
    func choosesOutputs(_ settings: SubDimensions) -> Bool {
      settings.sparseSide == .both && !settings.keepsUsedOutputs(hiddenSize: hiddenSize)
    }
    func settings(_ component: MoHDComponent) -> SubDimensions {
      var settings = mohd[component][layer]
      if intervention.removed.contains(.scaling) { settings.scaling = .none }
      return settings
    }
    func isSparse(_ component: MoHDComponent) -> Bool {
      execution.isBlockSparse(mohd[component][layer], hiddenSize: hiddenSize)
    }
    var packed: Set<WeightRole> = []
    for component in MoHDComponent.allCases where isSparse(component) {
      if !MixtureWeights.needsProjections(
        component, layer: layer, of: checkpoint, settings(component), intervention)
      {
        packed.formUnion(component.inputRoles)
      }
      if choosesOutputs(settings(component)) { packed.insert(component.outputRole) }
    }
    weights.load(layer: layer, of: checkpoint, pool: pool, except: packed)

    func pack(
      _ roles: [WeightRole], _ projection: PackedProjection, _ key: MixtureStorage.Key
    ) -> PackedWeight {
      projection.pack(
        roles.compactMap { checkpoint.weight($0, layer: layer) },
        into: storage.room(key, count: projection.sources.count * projection.inputCount),
        pool: pool)
    }
    func mixture(_ component: MoHDComponent) -> any Mixture {
      let settings = settings(component)
      let isAttention = component == .attention
      let width = settings.width(hiddenSize: hiddenSize)
      let input = weights.input(component, width: width)
      let inputBias = isAttention ? weights.queryKeyValueBias : weights.gateUpBias
      let outputRows = 0..<settings.outputWidth(hiddenSize: hiddenSize)
      let output = (isAttention ? weights.attentionOutput : weights.down).rows(outputRows)
      let outputBias = (isAttention ? weights.attentionOutputBias : weights.downBias)?
        .columns(outputRows)
      let choosesBasis =
        isSparse(component) && intervention.routing == nil
        && BlockSparseMixture.ChosenBasis.exists(
          settings, order: checkpoint.inputOrder(component, layer: layer))
      let own = MixtureWeights(
        component, layer: layer, of: checkpoint, settings: settings,
        isOrdered: isSparse(component), readsBasis: !choosesBasis, projections: input,
        storage: storage, pool: pool,
        intervention: intervention)
      guard isSparse(component) else {
        return MaskedMixture(
          weights: own, input: input, inputBias: inputBias, output: output,
          outputBias: outputBias)
      }
      let packedInput = pack(
        component.inputRoles,
        PackedProjection(
          inputOf: settings, outputCount: input.rowCount, width: width, order: own.order),
        .init(component: component, part: .input))
      let basis = choosesBasis ? checkpoint.weight(.basis, component, layer: layer) : nil
      let chosenBasis = basis.map { weight in
        let tiles = PackedProjection(
          outputOf: settings, innerCount: hiddenSize, hiddenSize: width, order: nil)
        let room = storage.room(
          .init(component: component, part: .chosenBasis),
          count: tiles.sources.count * tiles.inputCount)
        return BlockSparseMixture.ChosenBasis(
          packed: tiles.pack([weight], into: room, pool: pool), tiles: tiles)
      }
      guard choosesOutputs(settings) else {
        return BlockSparseMixture(
          weights: own, input: packedInput, inputBias: inputBias, chosenBasis: chosenBasis,
          output: .whole(output), outputBias: outputBias)
      }
      let tiles = PackedProjection(
        outputOf: settings, innerCount: output.columnCount, hiddenSize: hiddenSize,
        order: own.outputOrder)
      let packedOutput = pack(
        [component.outputRole], tiles, .init(component: component, part: .output))
      return BlockSparseMixture(
        weights: own, input: packedInput, inputBias: inputBias, chosenBasis: chosenBasis,
        output: .chosen(packedOutput, tiles: tiles), outputBias: outputBias)
    }
    return Mixtures(attention: mixture(.attention), ffn: mixture(.ffn))
  }
}

extension MoHDComponent {
  /// What writes them.
  fileprivate var outputRole: WeightRole {
    self == .attention ? .attentionOutputProjection : .downProjection
  }
}
