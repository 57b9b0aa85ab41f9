import Activations
import Checkpoints
import Kernels
import Tensors

/// What an experiment changes in a forward pass. The empty one changes nothing and costs nothing.
public struct Intervention: Sendable {
  /// Changes what enters attention and FFN.
  public var edit: (any ActivationEdit)?
  /// Changes which sub-dimensions are active, of a MoHD model; everything is computed then, and
  /// masked (`MoHDExecution.naive`).
  public var routing: (any RoutingOverride)?
  /// Parts of a MoHD model that are left out.
  public var removed: Set<RemovablePart>

  public init(
    edit: (any ActivationEdit)? = nil, routing: (any RoutingOverride)? = nil,
    removed: Set<RemovablePart> = []
  ) {
    self.edit = edit
    self.routing = routing
    self.removed = removed
  }
}

/// Changes the values at `attentionInput` and `ffnInput` before anything reads them.
public protocol ActivationEdit: Sendable {
  /// Called from any thread, once for each panel of rows; its own edits it may see, other panels'
  /// it may not.
  ///
  /// - Parameters:
  ///   - values: what RMSNorm gave, [tokens, hidden], to change in place.
  ///   - tokens: which token each row is.
  func edit(_ values: MatrixView, tokens: [TokenPlace], at site: ActivationSite)
}

/// Decides which sub-dimensions are active, after the model's own rule has.
public protocol RoutingOverride: Sendable {
  /// Whether `choose` needs the sub-dimensions' energies.
  var needsEnergies: Bool { get }

  /// Called from any thread, once for each panel of rows.
  ///
  /// - Parameters:
  ///   - routing: the model's own decisions. `routing.active`, [tokens, N], may be changed to any 1
  ///     and 0; gates and α follow from it and the scores afterwards.
  ///   - energies: ‖D_i z_i‖² of each sub-dimension, [tokens, N], if they are needed: the scores of
  ///     `SubDimensions.Router.energy`, whichever router the model has.
  ///   - tokens: which token each row is.
  func choose(
    _ routing: Routing, energies: MatrixView?, tokens: [TokenPlace], layer: Int,
    component: MoHDComponent)
}

/// An intervention on one panel of rows of one layer.
struct PanelIntervention: Sendable {
  let intervention: Intervention
  let layer: Int
  let tokens: [TokenPlace]

  /// - Returns: nil when nothing happens to panels.
  init?(_ intervention: Intervention, on rows: Range<Int>, of batch: TokenBatch, layer: Int) {
    guard intervention.edit != nil || intervention.routing != nil else { return nil }
    self.intervention = intervention
    self.layer = layer
    tokens = batch.places(of: rows)
  }

  func edit(_ values: MatrixView, at hookPoint: HookPoint) {
    intervention.edit?.edit(
      values, tokens: tokens, at: ActivationSite(layer: layer, hookPoint: hookPoint))
  }

  /// Lets the override choose.
  ///
  /// - Parameters:
  ///   - routing: as the model decides.
  ///   - z: the component's input in its basis, [tokens, D].
  func choose(_ routing: Routing, _ z: MatrixView, weights: MixtureWeights) {
    guard let override = intervention.routing else { return }
    override.choose(
      routing, energies: override.needsEnergies ? weights.energies(z, routing) : nil,
      tokens: tokens, layer: layer, component: weights.component)
    routing.weigh()
  }
}

extension MixtureWeights {
  /// The energy of each sub-dimension, [tokens, N]; those of an energy router are its scores.
  fileprivate func energies(_ z: MatrixView, _ routing: Routing) -> MatrixView? {
    if settings.router == .energy { return routing.scores }
    guard let norms else { return nil }
    let energies = Matrix(rowCount: z.rowCount, columnCount: settings.count).view
    SubDimensionKernels.fastest.energy(z, norms: norms, order: order, into: energies)
    return energies
  }
}
