import Checkpoints
import Kernels
import Tensors

/// The tensors of one component of one layer, or the derivatives by them: by role.
struct ComponentTensors: Sendable {
  let component: MoHDComponent
  /// The joined projections that read hidden dimensions, [m, D], and their biases, [1, m].
  let input: MatrixView
  let inputBias: MatrixView?
  /// W_o or W_down, [hidden, inner], and its bias, [1, hidden]; used rows alone, where a static choice
  /// stores no others.
  let output: MatrixView
  let outputBias: MatrixView?
  /// The entries of sub-dimension 0, then of 1, …, of the input, [D], and of the output, [hidden]; nil:
  /// as they are.
  let inputOrder: IndexList?
  let outputOrder: IndexList?
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
    let stored = tensors.orders[TensorKey(.dimensionOrder, component, layer: layer)]
    let (settings, size) = (
      tensors.configuration.mohd?[component][layer], tensors.configuration.hiddenSize
    )
    inputOrder = settings?.inputOrder(stored: stored, hiddenSize: size).map { IndexList($0) }
    outputOrder = settings?.outputOrder(stored: stored, hiddenSize: size).map { IndexList($0) }
  }

  /// ‖w_j‖² of the joined input projections' columns, [1, D].
  var squaredNorms: MatrixView {
    let norms = Matrix(rowCount: 1, columnCount: input.columnCount).view
    SubDimensionKernels.fastest.addSquares(of: input, to: norms)
    return norms
  }

  /// The two projections as they are multiplied.
  ///
  /// - Parameters:
  ///   - input, output: what products on each side leave out; nil: nothing.
  func projections(
    input inputSettings: SubDimensions?, output outputSettings: SubDimensions?, room: ProductRoom
  ) -> (input: HiddenProjection, output: HiddenProjection) {
    let isAttention = component == .attention
    return (
      HiddenProjection(
        input, readsHidden: true, inputSettings, order: inputOrder,
        storage: room.weights(isAttention ? .attentionInput : .ffnInput)),
      HiddenProjection(
        output, readsHidden: false, outputSettings, order: outputOrder,
        storage: room.weights(isAttention ? .attentionOutput : .ffnOutput))
    )
  }

  /// What MoHD adds; nil where the component has none.
  subscript(_ role: MoHDRole) -> MatrixView? { own[role] }
}
