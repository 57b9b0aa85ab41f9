import Activations
import Kernels
import Tensors

/// From the last residual stream to the cross entropy of the next token, and back:
///
///     n = RMSNorm(y)     l = n·W_outᵀ     loss = mean over scored tokens of logsumexp(l) − l_next
///     d_l = (softmax(l) − 1 at next) / count     d_n = d_l·W_out     d_W_out += d_lᵀ n
///
/// A token is scored when the next one is of the same sequence. Logits exist for some rows at a time.
final class LanguageHead {
  private let room: ProductRoom
  private let pool: WorkerPool
  private let epsilon: Float
  private let normalised: Matrix  // [tokens, hidden]
  private let logits: Matrix  // [rows of a chunk, vocabulary]
  private let dNormalised: [MatrixView]  // [panel, hidden], for each worker
  private let dNorm: Matrix  // [panels, hidden]
  private let chunkRowCount: Int

  static let panelRowCount = 128
  /// Logits that exist at the same time, 64 MiB.
  private static let chunkElementCount = 1 << 24

  /// Rows whose logits exist at the same time.
  static func chunkRowCount(vocabularySize: Int, _ tokenCount: Int) -> Int {
    let panel = panelRowCount
    return min(tokenCount, max(panel, chunkElementCount / vocabularySize / panel * panel))
  }

  init(
    _ tensors: ModelTensors, tokenCount: Int, room: ProductRoom, pool: WorkerPool,
    hasBackward: Bool
  ) {
    self.room = room
    let configuration = tensors.configuration
    self.pool = pool
    epsilon = Float(configuration.normEpsilon)
    let (hidden, vocabulary) = (configuration.hiddenSize, configuration.vocabularySize)
    let panel = Self.panelRowCount
    chunkRowCount = max(
      1, Self.chunkRowCount(vocabularySize: vocabulary, tokenCount))
    normalised = Matrix(rowCount: tokenCount, columnCount: hidden)
    logits = Matrix(rowCount: chunkRowCount, columnCount: vocabulary)
    dNormalised = (0..<(hasBackward ? pool.workerCount : 0)).map { _ in
      Matrix(rowCount: panel, columnCount: hidden).view
    }
    dNorm = Matrix(rowCount: (tokenCount + panel - 1) / panel, columnCount: hidden)
  }

  /// What the head needs of the model.
  struct Weights: Sendable {
    /// The final norm's gain, [1, hidden].
    let gain: MatrixView
    /// W_out, [vocabulary, hidden]: the embedding where it is tied.
    let output: MatrixView

    init(_ tensors: ModelTensors) {
      guard let gain = tensors[TensorKey(.finalNorm)],
        let output = tensors[TensorKey(.outputProjection)] ?? tensors[TensorKey(.tokenEmbedding)]
      else { preconditionFailure("the table of names gives every model a norm and a head") }
      (self.gain, self.output) = (gain, output)
    }
  }

  /// - Parameters:
  ///   - y: the last residual stream, [tokens, hidden].
  ///   - gradients: are added to; nil: only the losses are wanted.
  ///   - d: receives the derivative by y; may not be y.
  /// - Returns: the loss of each row in nats, NaN where none is scored.
  func run(
    _ batch: TokenBatch, _ y: MatrixView, _ weights: Weights, into gradients: Weights?,
    d: MatrixView?
  ) -> [Double] {
    let targets = batch.targets
    let scored = targets.count { $0 >= 0 }
    let losses = RowLosses(count: batch.tokenCount)
    if gradients != nil { clear(dNorm.view) }
    let forward = projection(weights, .head)
    let backward = gradients.map { _ in projection(weights, .headBackward) }
    forward.packToWide(pool)
    backward?.packToHidden(pool)
    for start in stride(from: 0, to: batch.tokenCount, by: chunkRowCount) {
      let chunk = start..<min(start + chunkRowCount, batch.tokenCount)
      run(
        chunk, targets, y, weights, (forward, backward), d, losses,
        weight: gradients == nil ? nil : 1 / Float(max(scored, 1)))
      guard let gradients else { continue }
      ProjectionSum(
        projection: forward, hidden: normalised.rows(chunk), wide: logits.rows(0..<chunk.count),
        routing: nil, target: gradients.output
      ).add(room, pool: pool)
    }
    if let gradients { TrainingKernels.fastest.addRows(of: dNorm.view, to: gradients.gain) }
    return losses.values
  }

  private func projection(_ weights: Weights, _ place: ProductRoom.Place) -> HiddenProjection {
    HiddenProjection(
      weights.output, readsHidden: true, nil, order: nil, storage: room.weights(place))
  }

  private func run(
    _ chunk: Range<Int>, _ targets: [Int32], _ y: MatrixView, _ weights: Weights,
    _ projections: (forward: HiddenProjection, backward: HiddenProjection?), _ d: MatrixView?,
    _ losses: RowLosses, weight: Float?
  ) {
    let step = Self.panelRowCount
    let (epsilon, dNorm) = (epsilon, dNorm.view)
    let (normalised, logits) = (normalised.view, logits.view)
    let (scratch, room) = (dNormalised, room)
    pool.forEach((chunk.count + step - 1) / step) { index, worker in
      let local = index * step..<min((index + 1) * step, chunk.count)
      let rows = chunk.lowerBound + local.lowerBound..<chunk.lowerBound + local.upperBound
      let n = normalised.rows(rows)
      let l = logits.rows(local)
      Elementwise.fastest.rmsNorm(y.rows(rows), gain: weights.gain, epsilon: epsilon, into: n)
      projections.forward.multiplyToWide(n, nil, into: l, room.workers[worker])
      for row in 0..<local.count {
        let target = Int(targets[rows.lowerBound + row])
        let own = l.rows(row..<row + 1)
        guard target >= 0 else {
          clear(own)
          continue
        }
        let logSum = Elementwise.fastest.logSumExp(own)
        losses.set(rows.lowerBound + row, logSum - Double(own[0, target]))
        if let weight {
          TrainingKernels.fastest.crossEntropy(
            own, target: target, logSumExp: logSum, weight: weight)
        }
      }
      guard let backward = projections.backward, let d = d?.rows(rows) else { return }
      let dn = scratch[worker].rows(0..<local.count)
      backward.multiplyToHidden(l, nil, into: dn, room.workers[worker])
      clear(d)
      let panel = rows.lowerBound / step
      TrainingKernels.fastest.rmsNorm(
        y.rows(rows), gain: weights.gain, epsilon: epsilon, dy: dn, addingTo: d,
        dNorm.rows(panel..<panel + 1))
    }
  }
}

extension TokenBatch {
  /// The id of the token after each row's, −1 at the end of a sequence.
  public var targets: [Int32] {
    var targets = tokenIDs.dropFirst() + [-1]
    for sequence in sequences where !sequence.rows.isEmpty {
      targets[targets.startIndex + sequence.rows.upperBound - 1] = -1
    }
    return Array(targets)
  }
}

/// One loss for each row, written by any thread.
private final class RowLosses: Sendable {
  /// Each as two floats whose sum it is to 48 bits, [rows, 2].
  private let parts: Matrix

  init(count: Int) {
    parts = Matrix(
      rowCount: count, columnCount: 2, elements: Array(repeating: .nan, count: 2 * count))
  }

  func set(_ row: Int, _ value: Double) {
    let high = Float(value)
    parts.view[row, 0] = high
    parts.view[row, 1] = Float(value - Double(high))
  }

  var values: [Double] {
    (0..<parts.rowCount).map { Double(parts.view[$0, 0]) + Double(parts.view[$0, 1]) }
  }
}
