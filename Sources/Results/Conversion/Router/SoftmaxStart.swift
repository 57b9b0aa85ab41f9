import Checkpoints
import Kernels
import Tensors

/// The paper's own gates, where a conversion can start from: softmax scores that are so even that
/// they multiply everything by one constant, which weights take back.
///
/// Dividing Φ and b by a temperature changes no choice. As scores go to 1/N, gates do, and
///
///     α g_i → K/N (`paper`), N/K (`unit_sum`), 1 (`unit_mean`), 1/N (`none`).
///
/// Output weights are divided by that where outputs carry gates; where inputs do
/// (`every_projection`), their factors c_i are N. Training then pulls the scores apart.
/// Source: ours; MoHD, Sections 4.1 and 4.2, for what is started.
struct SoftmaxStart {
  /// A token's logits differ by no more than this, and so gates by half a per cent at most.
  static let spread = 5e-3
  /// Tokens that are asked how much logits differ.
  static let tokenCount = 4096

  let scaling: SubDimensions.Scaling
  let gateAt: SubDimensions.GatePlace

  /// - Parameter inputs: of the component, [tokens, d].
  func apply(to component: inout ConvertedComponent, inputs: MatrixView) {
    guard let router = component.router else { return }
    let some = SharedMatrix(inputs, rows: evenly(inputs.rowCount, atMost: Self.tokenCount)).view
    let logits = SubspaceRouter(weight: router.weight, bias: router.bias).scores(some)
    var most = 0.0
    for token in 0..<some.rowCount {
      let row = logits.view.rows(token..<token + 1).elements()
      most = max(most, Double((row.max() ?? 0) - (row.min() ?? 0)))
    }
    let factor = most > Self.spread ? Self.spread / most : 1
    var weight = router.weight
    weight.scale(by: factor)
    component.router = (weight, router.bias.map { $0 * factor })

    (component.settings.gate, component.settings.scaling) = (.softmax, scaling)
    component.settings.gateAt = gateAt
    let (n, k) = (Double(component.settings.count), Double(component.settings.activeCount))
    if gateAt == .everyProjection {
      let old = component.scale ?? [Double](repeating: 1, count: component.settings.count)
      component.scale = old.map { $0 * n }
    }
    if component.settings.sparseSide == .both {
      let alpha =
        switch scaling {
        case .paper: k
        case .unitSum: n * n / k
        case .unitMean: n
        case .none: 1.0
        }
      component.outputFactor = n / alpha
    }
  }
}
