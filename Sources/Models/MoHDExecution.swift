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
  /// `leastSize` dimensions writes its result more slowly than it multiplies; and where all
  /// sub-dimensions are active there is nothing to leave out.
  func isBlockSparse(_ settings: SubDimensions, hiddenSize: Int) -> Bool {
    switch self {
    case .naive: false
    case .blockSparse: true
    case .automatic:
      settings.activeCount < settings.count
        && (settings.isStatic || hiddenSize / settings.count >= Self.leastSize)
    }
  }

  /// The smallest sub-dimension for which block-sparse products pay.
  static let leastSize = 32
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
  /// Widens a MoHD layer's weights in the orders that its executions need.
  func loadMixtures(
    _ mohd: MoHDSettings, layer: Int, into weights: BlockWeights
  ) -> Mixtures {
    let hiddenSize = configuration.hiddenSize
    func order(_ component: MoHDComponent, isOutput: Bool) -> IndexList? {
      let settings = mohd[component][layer]
      guard execution.isBlockSparse(settings, hiddenSize: hiddenSize),
        !isOutput || BlockSparseMixture.usesOutputOrder(settings)
      else { return nil }
      return MixtureWeights.order(component, layer: layer, of: checkpoint)
    }
    weights.load(
      layer: layer, of: checkpoint, pool: pool,
      orders: DimensionOrders(
        attentionInput: order(.attention, isOutput: false),
        attentionOutput: order(.attention, isOutput: true),
        ffnInput: order(.ffn, isOutput: false), ffnOutput: order(.ffn, isOutput: true)))

    func mixture(_ component: MoHDComponent) -> any Mixture {
      var settings = mohd[component][layer]
      if intervention.removed.contains(.scaling) { settings.scaling = .none }
      let isAttention = component == .attention
      let isSparse = execution.isBlockSparse(settings, hiddenSize: hiddenSize)
      let input = isAttention ? weights.queryKeyValue : weights.gateUp
      let inputBias = isAttention ? weights.queryKeyValueBias : weights.gateUpBias
      let output = isAttention ? weights.attentionOutput : weights.down
      let outputBias = isAttention ? weights.attentionOutputBias : weights.downBias
      let own = MixtureWeights(
        component, layer: layer, of: checkpoint, settings: settings, isOrdered: isSparse,
        projections: input, pool: pool, intervention: intervention)
      return isSparse
        ? BlockSparseMixture(
          weights: own, input: input, inputBias: inputBias, output: output,
          outputBias: outputBias)
        : MaskedMixture(
          weights: own, input: input, inputBias: inputBias, output: output,
          outputBias: outputBias)
    }
    return Mixtures(attention: mixture(.attention), ffn: mixture(.ffn))
  }
}
