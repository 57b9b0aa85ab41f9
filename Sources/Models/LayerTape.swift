import Activations
import Checkpoints
import Tensors

/// What one block of a MoHD model computed for a batch: all that the way back needs of the way
/// there. A sink like any other: the taps hand it over.
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
  /// The routers' scores; `decide` makes choices of them.
  let attentionRouting: Routing
  let ffnRouting: Routing
  private let shape: BlockShape

  fileprivate init(
    layer: Int, storage: TapeStorage, tokenCount: Int, settings: MoHDSettings
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
    attentionRouting = Routing(settings: settings.attention[layer], tokenCount: tokenCount)
    ffnRouting = Routing(settings: settings.ffn[layer], tokenCount: tokenCount)
  }

  private func place(_ hookPoint: HookPoint) -> MatrixView? {
    switch hookPoint {
    case .residualPre: residualPre
    case .attentionInput: attentionInput
    case .attentionRouter: attentionRouting.scores
    case .query: projections.columns(shape.queryColumns)
    case .key: projections.columns(shape.keyColumns)
    case .value: projections.columns(shape.valueColumns)
    case .residualMid: residualMid
    case .ffnInput: ffnInput
    case .ffnRouter: ffnRouting.scores
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

/// The room for one layer's tape, used for one layer after the other.
final class TapeStorage: Sendable {
  let shape: BlockShape
  let residualPre: Matrix
  let attentionInput: Matrix
  let projections: Matrix
  let residualMid: Matrix
  let ffnInput: Matrix
  let gateUp: Matrix

  init(_ shape: BlockShape, tokenCount: Int) {
    self.shape = shape
    residualPre = Matrix(rowCount: tokenCount, columnCount: shape.hiddenSize)
    attentionInput = Matrix(rowCount: tokenCount, columnCount: shape.hiddenSize)
    projections = Matrix(rowCount: tokenCount, columnCount: shape.projectionSize)
    residualMid = Matrix(rowCount: tokenCount, columnCount: shape.hiddenSize)
    ffnInput = Matrix(rowCount: tokenCount, columnCount: shape.hiddenSize)
    gateUp = Matrix(rowCount: tokenCount, columnCount: 2 * shape.intermediateSize)
  }

  func tape(layer: Int, tokenCount: Int, settings: MoHDSettings) -> LayerTape {
    LayerTape(layer: layer, storage: self, tokenCount: tokenCount, settings: settings)
  }
}
