import Checkpoints
import Tensors

/// What one block computed for a batch that its backward needs: views into a `BlockTapeStorage`.
struct BlockTape: Sendable {
  /// x, [tokens, hidden].
  let residualPre: MatrixView
  /// a = RMSNorm(x), [tokens, hidden].
  let attentionInput: MatrixView
  /// [query | key | value], rotated, [tokens, projection].
  let projections: MatrixView
  /// The heads' outputs, [tokens, query].
  let heads: MatrixView
  /// h, [tokens, hidden].
  let residualMid: MatrixView
  /// m = RMSNorm(h), [tokens, hidden].
  let ffnInput: MatrixView
  /// [gate | up], [tokens, 2 · intermediate].
  let gateUp: MatrixView
  let attention: ComponentTape
  let ffn: ComponentTape
}

/// The room for one block's tape, for batches of up to `tokenCount` tokens.
final class BlockTapeStorage: Sendable {
  private let residualPre: Matrix
  private let attentionInput: Matrix
  private let projections: Matrix
  private let heads: Matrix
  private let residualMid: Matrix
  private let ffnInput: Matrix
  private let gateUp: Matrix
  private let attention: ComponentTapeStorage
  private let ffn: ComponentTapeStorage

  init(_ configuration: ModelConfiguration, layer: Int, tokenCount: Int, hasZLoss: Bool) {
    let shape = BlockShape(configuration)
    func room(_ width: Int) -> Matrix { Matrix(rowCount: tokenCount, columnCount: width) }
    residualPre = room(shape.hiddenSize)
    attentionInput = room(shape.hiddenSize)
    projections = room(shape.projectionSize)
    heads = room(shape.querySize)
    residualMid = room(shape.hiddenSize)
    ffnInput = room(shape.hiddenSize)
    gateUp = room(2 * shape.intermediateSize)
    func component(_ component: MoHDComponent) -> ComponentTapeStorage {
      ComponentTapeStorage(
        configuration.mohd?[component][layer], hiddenSize: shape.hiddenSize,
        tokenCount: tokenCount, hasZLoss: hasZLoss)
    }
    attention = component(.attention)
    ffn = component(.ffn)
  }

  func tape(tokenCount: Int) -> BlockTape {
    let rows = 0..<tokenCount
    return BlockTape(
      residualPre: residualPre.rows(rows), attentionInput: attentionInput.rows(rows),
      projections: projections.rows(rows), heads: heads.rows(rows),
      residualMid: residualMid.rows(rows), ffnInput: ffnInput.rows(rows),
      gateUp: gateUp.rows(rows), attention: attention.tape(tokenCount: tokenCount),
      ffn: ffn.tape(tokenCount: tokenCount))
  }
}

/// The room for one component's tape.
private final class ComponentTapeStorage: Sendable {
  private let settings: SubDimensions?
  private let routing: Matrix  // [tokens, 3 N + 1]
  private let logSums: Matrix  // [tokens, 1]
  private let written: Matrix  // [tokens, rows of W_out]
  private let keepsWritten: Bool
  private let keepsLogSums: Bool

  init(_ settings: SubDimensions?, hiddenSize: Int, tokenCount: Int, hasZLoss: Bool) {
    self.settings = settings
    keepsWritten =
      settings.map { $0.sparseSide == .both || $0.fusion != .none } ?? false
    keepsLogSums = hasZLoss && settings?.router == .centroid
    func room(_ width: Int) -> Matrix { Matrix(rowCount: tokenCount, columnCount: width) }
    routing = room(settings.map { 3 * $0.count + 1 } ?? 0)
    logSums = room(keepsLogSums ? 1 : 0)
    written = room(
      keepsWritten ? settings?.outputWidth(hiddenSize: hiddenSize) ?? hiddenSize : 0)
  }

  func tape(tokenCount: Int) -> ComponentTape {
    let rows = 0..<tokenCount
    let (routing, written, logSums) = (routing.view, written.rows(rows), logSums.rows(rows))
    return ComponentTape(
      routing: settings.map {
        Routing(settings: $0, tokenCount: tokenCount, storage: routing)
      },
      logSums: keepsLogSums ? logSums : nil, written: keepsWritten ? written : nil)
  }
}
