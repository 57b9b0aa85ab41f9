import Checkpoints
import Kernels
import Tensors

/// The tensors of one component of one layer, or the derivatives by them: by role.
struct ComponentTensors: Sendable {
  let component: MoHDComponent
  /// The joined projections that read hidden dimensions, [m, D], and their biases, [1, m].
  let input: MatrixView
  let inputBias: MatrixView?
  /// W_o or W_down, [hidden, inner], and its bias, [1, hidden].
  let output: MatrixView
  let outputBias: MatrixView?
  /// The entries of sub-dimension 0, then of 1, …; nil: as they are. [hidden]
  let order: IndexList?
  private let own: [MoHDRole: MatrixView]

  init(_ component: MoHDComponent, layer: Int, of tensors: ModelTensors) {
    func key(_ role: WeightRole) -> TensorKey { TensorKey(role, layer: layer) }
    let isAttention = component == .attention
    let inputRoles: [WeightRole] =
      isAttention
      ? [.queryProjection, .keyProjection, .valueProjection] : [.gateProjection, .upProjection]
    let biasRoles: [WeightRole] =
      isAttention ? [.queryBias, .keyBias, .valueBias] : [.gateBias, .upBias]
    guard let input = tensors.joined(inputRoles.map(key)),
      let output = tensors[key(isAttention ? .attentionOutputProjection : .downProjection)]
    else { preconditionFailure("the tables of names give every layer its projections") }
    self.component = component
    (self.input, self.output) = (input, output)
    inputBias = tensors.joined(biasRoles.map(key))
    outputBias = tensors[key(isAttention ? .attentionOutputBias : .downBias)]
    var own: [MoHDRole: MatrixView] = [:]
    for role in MoHDRole.allCases {
      own[role] = tensors[TensorKey(role, component, layer: layer)]
    }
    self.own = own
    order = tensors.orders[TensorKey(.dimensionOrder, component, layer: layer)].map {
      IndexList($0)
    }
  }

  /// What MoHD adds; nil where the component has none.
  subscript(_ role: MoHDRole) -> MatrixView? { own[role] }
}
