import Activations
import Checkpoints
import Kernels
import Tensors

/// The way back through what one component reads: from its projections to its normalised input.
enum ReadGradient: Sendable {
  /// The joined projections, [m, hidden].
  case dense(MatrixView)
  case sparse(MaskedMixture, Routing)

  /// - Precondition: a MoHD layer was loaded for masked execution.
  init(_ loaded: LoadedLayer, _ component: MoHDComponent, tape: LayerTape, tokenCount: Int) {
    guard let mixtures = loaded.mixtures else {
      self = .dense(
        component == .attention ? loaded.weights.queryKeyValue : loaded.weights.gateUp)
      return
    }
    let mixture = component == .attention ? mixtures.attention : mixtures.ffn
    guard let mixture = mixture as? MaskedMixture else {
      preconditionFailure("gradients need a MoHD layer that was loaded for masked execution")
    }
    self = .sparse(
      mixture,
      Routing(
        settings: mixture.settings, tokenCount: tokenCount,
        scores: component == .attention ? tape.attentionScores : tape.ffnScores))
  }

  /// - Parameters:
  ///   - a: the component's normalised input, [tokens, hidden].
  ///   - rows: of `a`; what follows holds these alone.
  ///   - dProjections: [rows, m].
  ///   - selected: receives z̃, [rows, D], of a sparse component.
  ///   - dSelected: receives the derivative by z, [rows, D], of a sparse component.
  ///   - dLogits: receives the derivative by a learned router's logits, [rows, N], see
  ///     `RouterGradient`; nil: it is not wanted.
  /// - Returns: the derivative by a, [rows, hidden], valid until the workspace's next use.
  func goBack(
    _ a: MatrixView, rows: Range<Int>, dProjections: MatrixView, selected: MatrixView,
    dSelected: MatrixView, dLogits: MatrixView? = nil, workspace: GradientWorkspace
  ) -> MatrixView {
    let da = workspace.normalised(rowCount: rows.count)
    switch self {
    case .dense(let weights):
      multiply(dProjections, weights, into: da)
    case .sparse(let mixture, let routing):
      let (kernels, weights) = (SubDimensionKernels.fastest, mixture.weights)
      let (a, routing) = (a.rows(rows), routing.rows(rows))
      routing.decide()
      let factors = workspace.factors(rowCount: rows.count, columnCount: mixture.settings.count)
      weights.inputFactors(routing, into: factors)
      if let basis = weights.basis {
        multiply(a, transposed: basis, into: selected)
      } else {
        copy(a, into: selected)
      }
      multiply(dProjections, mixture.input, into: dSelected)
      if let dLogits {
        RouterGradient(routing: routing, member: weights.member)
          .goBack(z: selected, dz: dSelected, into: dLogits)
      }
      kernels.weigh(selected, member: weights.member, weights: factors, into: selected)
      kernels.weigh(dSelected, member: weights.member, weights: factors, into: dSelected)
      guard let basis = weights.basis else { return dSelected }
      multiply(dSelected, basis, into: da)
    }
    return da
  }
}

/// One worker's scratch on the way back.
final class GradientWorkspace: Sendable {
  private let innerStorage: Matrix  // [panel, intermediate]
  private let normalisedStorage: Matrix  // [panel, hidden]
  private let factorsStorage: Matrix  // [panel, N]

  init(_ shape: BlockShape, subDimensionCount: Int) {
    let panel = BlockGradient.panelRowCount
    innerStorage = Matrix(rowCount: panel, columnCount: shape.intermediateSize)
    normalisedStorage = Matrix(rowCount: panel, columnCount: shape.hiddenSize)
    factorsStorage = Matrix(rowCount: panel, columnCount: subDimensionCount)
  }

  func inner(rowCount: Int, columnCount: Int) -> MatrixView {
    innerStorage.view.reshaped(rowCount: rowCount, columnCount: columnCount)
  }
  func normalised(rowCount: Int) -> MatrixView { normalisedStorage.rows(0..<rowCount) }
  func factors(rowCount: Int, columnCount: Int) -> MatrixView {
    factorsStorage.view.reshaped(rowCount: rowCount, columnCount: columnCount)
  }
}
