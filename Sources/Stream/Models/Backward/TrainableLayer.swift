import Checkpoints
import Kernels
import Tensors

/// What of one component is trained: both factors of a ↦ (mask of B a) Wᵀ, and the learned router that
/// chooses the mask.
package struct TrainableComponent: Sendable {
  /// W, the joined input projections in the component's basis, [m, D].
  package let projections: MatrixView
  /// B, [D, hidden]; nil where there is none.
  package let basis: MatrixView?
  /// Φ, [N, hidden], and b, [1, N]; nil where nothing is chosen by them.
  package var router: MatrixView?
  package var routerBias: MatrixView?

  package var matrices: [MatrixView] {
    [projections] + [basis, router, routerBias].compactMap { $0 }
  }

  /// Matrices of the same shapes, all 0: for gradients and moments.
  package func zeros() -> TrainableComponent {
    func like(_ matrix: MatrixView) -> MatrixView {
      Matrix(rowCount: matrix.rowCount, columnCount: matrix.columnCount).view
    }
    return TrainableComponent(
      projections: like(projections), basis: basis.map(like), router: router.map(like),
      routerBias: routerBias.map(like))
  }
}

/// What of one layer is trained; nil: a component of which everything is active is left as it is.
package struct TrainableLayer: Sendable {
  package let attention: TrainableComponent?
  package let ffn: TrainableComponent?

  package subscript(component: MoHDComponent) -> TrainableComponent? {
    component == .attention ? attention : ffn
  }

  package var matrices: [MatrixView] {
    MoHDComponent.allCases.flatMap { self[$0]?.matrices ?? [] }
  }

  package func zeros() -> TrainableLayer {
    TrainableLayer(attention: attention?.zeros(), ffn: ffn?.zeros())
  }
}

extension SubDimensions {
  /// Whether `BlockGradient` knows the way back through such a component: outputs are whole, gates
  /// are 1 and nothing stands beside the active inputs.
  package var isTrainable: Bool {
    sparseSide == .input && gate == .unit && fusion == .none && !hasInactiveBias && lowRank == 0
      && inputBasis != .monarch
  }
}

extension LoadedLayer {
  /// The weights that training changes, in place.
  ///
  /// - Precondition: the layer was loaded for masked execution and its settings are trainable.
  package var trainable: TrainableLayer {
    func component(_ mixture: (any Mixture)?) -> TrainableComponent? {
      guard let mixture = mixture as? MaskedMixture,
        mixture.settings.activeCount < mixture.settings.count
          || mixture.weights.width < mixture.weights.hiddenSize
      else { return nil }
      let chooses = mixture.settings.router == .centroid && !mixture.settings.isStatic
      return TrainableComponent(
        projections: mixture.input, basis: mixture.weights.basis,
        router: chooses ? mixture.weights.routerWeight : nil,
        routerBias: chooses ? mixture.weights.routerBias : nil)
    }
    return TrainableLayer(
      attention: component(mixtures?.attention), ffn: component(mixtures?.ffn))
  }

  /// Lets routers that look at energies see the weights as they are now.
  package func updateNorms(pool: WorkerPool) {
    for case let mixture as MaskedMixture in [mixtures?.attention, mixtures?.ffn] {
      mixture.weights.updateNorms(mixture.input, pool: pool)
    }
  }
}
