import Activations
import Checkpoints
import Tensors

/// What one block computed for a batch: all that the backward pass needs of the forward one. A sink
/// like any other: the taps hand it over.
struct LayerTape: ActivationSink {
  let layer: Int
  /// x, [tokens, hidden].
  let residualPre: MatrixView
  /// a = RMSNorm(x), [tokens, hidden].
  let attentionInput: MatrixView
  /// [query | key | value] before rotary embedding, [tokens, projection].
  let projections: MatrixView
  /// h, [tokens, hidden].
  let residualMid: MatrixView
  /// m = RMSNorm(h), [tokens, hidden].
  let ffnInput: MatrixView
  /// [gate | up], [tokens, 2 · intermediate].
  let gateUp: MatrixView
  /// The routers' scores, [tokens, N]: they say what was chosen. Without meaning in a dense model.
  let attentionScores: MatrixView
  let ffnScores: MatrixView
  private let shape: BlockShape

  fileprivate init(
    layer: Int, storage: TapeStorage, tokenCount: Int, settings: MoHDSettings?
  ) {
    self.layer = layer
    let rows = 0..<tokenCount
    shape = storage.shape
    residualPre = storage.residualPre.rows(rows)
    attentionInput = storage.attentionInput.rows(rows)
    projections = storage.projections.rows(rows)
    residualMid = storage.residualMid.rows(rows)
    ffnInput = storage.ffnInput.rows(rows)
    gateUp = storage.gateUp.rows(rows)
    func scores(_ matrix: MatrixView, _ component: MoHDComponent) -> MatrixView {
      matrix.reshaped(rowCount: tokenCount, columnCount: settings?[component][layer].count ?? 1)
    }
    attentionScores = scores(storage.attentionScores.view, .attention)
    ffnScores = scores(storage.ffnScores.view, .ffn)
  }

  private func place(_ hookPoint: HookPoint) -> MatrixView? {
    switch hookPoint {
    case .residualPre: residualPre
    case .attentionInput: attentionInput
    case .attentionRouter: attentionScores
    case .query: projections.columns(shape.queryColumns)
    case .key: projections.columns(shape.keyColumns)
    case .value: projections.columns(shape.valueColumns)
    case .residualMid: residualMid
    case .ffnInput: ffnInput
    case .ffnRouter: ffnScores
    case .ffnGate: gateUp.columns(0..<shape.intermediateSize)
    case .ffnUp: gateUp.columns(shape.intermediateSize..<2 * shape.intermediateSize)
    default: nil
    }
  }

  func wants(_ site: ActivationSite) -> Bool {
    site.layer == layer && place(site.hookPoint) != nil
  }

  func begin(_ batch: TokenBatch) {}
  func finish(layer: Int) {}
  func end(_ batch: TokenBatch) {}

  func receive(_ values: Span<Float>, rows: Range<Int>, at site: ActivationSite) {
    guard let target = place(site.hookPoint)?.rows(rows) else { return }
    let width = target.columnCount
    for row in 0..<rows.count {
      target.rows(row..<row + 1).withMutableSpan { out in
        for column in 0..<width { out[column] = values[row * width + column] }
      }
    }
  }
}

/// The room for one layer's tape.
final class TapeStorage: Sendable {
  let shape: BlockShape
  let residualPre: Matrix
  let attentionInput: Matrix
  let projections: Matrix
  let residualMid: Matrix
  let ffnInput: Matrix
  let gateUp: Matrix
  let attentionScores: Matrix
  let ffnScores: Matrix

  /// - Parameter subDimensionCount: of any component at most.
  init(_ shape: BlockShape, tokenCount: Int, subDimensionCount: Int) {
    self.shape = shape
    residualPre = Matrix(rowCount: tokenCount, columnCount: shape.hiddenSize)
    attentionInput = Matrix(rowCount: tokenCount, columnCount: shape.hiddenSize)
    projections = Matrix(rowCount: tokenCount, columnCount: shape.projectionSize)
    residualMid = Matrix(rowCount: tokenCount, columnCount: shape.hiddenSize)
    ffnInput = Matrix(rowCount: tokenCount, columnCount: shape.hiddenSize)
    gateUp = Matrix(rowCount: tokenCount, columnCount: 2 * shape.intermediateSize)
    attentionScores = Matrix(rowCount: tokenCount, columnCount: subDimensionCount)
    ffnScores = Matrix(rowCount: tokenCount, columnCount: subDimensionCount)
  }

  /// Bytes that one takes for `tokenCount` tokens.
  static func byteCount(_ shape: BlockShape, tokenCount: Int, subDimensionCount: Int) -> Int {
    4 * tokenCount
      * (4 * shape.hiddenSize + shape.projectionSize + 2 * shape.intermediateSize
        + 2 * subDimensionCount)
  }

  func tape(layer: Int, tokenCount: Int, settings: MoHDSettings?) -> LayerTape {
    LayerTape(layer: layer, storage: self, tokenCount: tokenCount, settings: settings)
  }
}
