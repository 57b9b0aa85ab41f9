import Checkpoints
import Kernels
import Tensors

/// One layer's weights, widened to Float32: the only layer that is, at any time.
///
/// The matrices are allocated once and filled again for each layer. Projections that read the same
/// input lie below each other, so that one product serves them all.
final class BlockWeights: Sendable {
  private let attentionNormStorage: Matrix  // [1, hidden]
  private let queryKeyValueStorage: Matrix  // [query + key + value, greatest width]
  private let attentionOutputStorage: Matrix  // [hidden, query]
  private let ffnNormStorage: Matrix  // [1, hidden]
  private let gateUpStorage: Matrix  // [2 · intermediate, greatest width]
  private let downStorage: Matrix  // [hidden, intermediate]
  private let biasStorage: Matrix  // [1, projection + hidden + 2 · intermediate + hidden]
  private let shape: BlockShape
  private let configuration: ModelConfiguration

  init(_ configuration: ModelConfiguration) {
    let shape = BlockShape(configuration)
    let (hidden, intermediate) = (shape.hiddenSize, shape.intermediateSize)
    self.shape = shape
    self.configuration = configuration
    attentionNormStorage = Matrix(rowCount: 1, columnCount: hidden)
    queryKeyValueStorage = Matrix(
      rowCount: shape.projectionSize, columnCount: configuration.greatestMixtureWidth(.attention))
    attentionOutputStorage = Matrix(rowCount: hidden, columnCount: shape.querySize)
    ffnNormStorage = Matrix(rowCount: 1, columnCount: hidden)
    gateUpStorage = Matrix(
      rowCount: 2 * intermediate, columnCount: configuration.greatestMixtureWidth(.ffn))
    downStorage = Matrix(rowCount: hidden, columnCount: intermediate)
    biasStorage = Matrix(
      rowCount: 1, columnCount: shape.projectionSize + 2 * hidden + 2 * intermediate)
  }

  var attentionNorm: MatrixView { attentionNormStorage.view }
  var queryKeyValue: MatrixView { queryKeyValueStorage.view }  // of a dense model
  var attentionOutput: MatrixView { attentionOutputStorage.view }
  var ffnNorm: MatrixView { ffnNormStorage.view }
  var gateUp: MatrixView { gateUpStorage.view }  // of a dense model
  var down: MatrixView { downStorage.view }

  /// The joined input projections of a component whose input has this width, [m, width].
  func input(_ component: MoHDComponent, width: Int) -> MatrixView {
    let storage = component == .attention ? queryKeyValueStorage.view : gateUpStorage.view
    return storage.reshaped(rowCount: storage.rowCount, columnCount: width)
  }

  var queryKeyValueBias: MatrixView? {
    configuration.queryKeyValueBias ? bias(0, shape.projectionSize) : nil
  }
  var attentionOutputBias: MatrixView? {
    configuration.attentionOutputBias ? bias(shape.projectionSize, shape.hiddenSize) : nil
  }
  var gateUpBias: MatrixView? {
    let start = shape.projectionSize + shape.hiddenSize
    return configuration.mlpBias ? bias(start, 2 * shape.intermediateSize) : nil
  }
  var downBias: MatrixView? {
    let start = shape.projectionSize + shape.hiddenSize + 2 * shape.intermediateSize
    return configuration.mlpBias ? bias(start, shape.hiddenSize) : nil
  }

  /// Some rows of a weight, and where they go.
  private struct Piece: Sendable {
    let weight: WeightTensor
    let rows: Range<Int>
    /// The whole of it.
    let destination: MatrixView

    func load() { weight.widen(rows: rows, into: destination.rows(rows)) }
  }

  /// Fills all matrices with the weights of `layer`, in parallel pieces of rows.
  ///
  /// - Parameter except: weights that are not needed here; their room is not touched.
  func load(
    layer: Int, of checkpoint: Checkpoint, pool: WorkerPool, except: Set<WeightRole> = []
  ) {
    var pieces: [Piece] = []
    func add(_ role: WeightRole, _ room: MatrixView?) {
      guard let room, !except.contains(role),
        let weight = checkpoint.weight(role, layer: layer)
      else { return }
      // Where used outputs alone are stored, a bias has their number of entries.
      let destination = room.columns(0..<weight.columnCount)
      let step = max(1, Self.pieceElementCount / max(weight.columnCount, 1))
      for start in stride(from: 0, to: weight.rowCount, by: step) {
        pieces.append(
          Piece(
            weight: weight, rows: start..<min(start + step, weight.rowCount),
            destination: destination))
      }
    }
    let queryKeyValue = input(
      .attention, width: configuration.mixtureWidth(.attention, layer: layer))
    let gateUp = input(.ffn, width: configuration.mixtureWidth(.ffn, layer: layer))
    add(.attentionNorm, attentionNorm)
    add(.queryProjection, queryKeyValue.rows(shape.queryColumns))
    add(.keyProjection, queryKeyValue.rows(shape.keyColumns))
    add(.valueProjection, queryKeyValue.rows(shape.valueColumns))
    add(.queryBias, queryKeyValueBias?.columns(shape.queryColumns))
    add(.keyBias, queryKeyValueBias?.columns(shape.keyColumns))
    add(.valueBias, queryKeyValueBias?.columns(shape.valueColumns))
    add(.attentionOutputProjection, attentionOutput)
    add(.attentionOutputBias, attentionOutputBias)
    add(.ffnNorm, ffnNorm)
    add(.gateProjection, gateUp.rows(0..<shape.intermediateSize))
    add(.upProjection, gateUp.rows(shape.intermediateSize..<2 * shape.intermediateSize))
    add(.gateBias, gateUpBias?.columns(0..<shape.intermediateSize))
    add(.upBias, gateUpBias?.columns(shape.intermediateSize..<2 * shape.intermediateSize))
    add(.downProjection, down)
    add(.downBias, downBias)
    let work = pieces
    pool.forEach(work.count) { index, _ in work[index].load() }
    // The mapped pages are not needed again before the next batch: resident memory stays bounded.
    for piece in work where piece.rows.lowerBound == 0 { piece.weight.release() }
  }

  /// Elements widened in one piece: small enough to share among workers, large enough to be worth
  /// a visit.
  private static let pieceElementCount = 1 << 18

  private func bias(_ start: Int, _ count: Int) -> MatrixView {
    biasStorage.view.columns(start..<start + count)
  }
}
