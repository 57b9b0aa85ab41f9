import Activations
import Checkpoints
import Kernels
import Tensors

/// Forward and backward through a whole model for one batch: the loss, and its derivative by every
/// tensor.
///
///     loss = cross entropy + Σ balance losses (Eq. 18) + Σ z-losses
///
/// All layers' weights are in memory, and so is what the forward pass computed. The balance loss is a
/// function of all tokens of the batch, so a batch is a whole step.
public final class TrainingPass {
  private let configuration: ModelConfiguration
  private let pool: WorkerPool
  private let zWeight: Double
  private let leastSize: Int
  private let room: BlockRoom
  private let head: LanguageHead
  /// One for each layer; without backward one for all.
  private let tapes: [BlockTapeStorage]
  private let last: Matrix  // y of the last layer, [tokens, hidden]
  private let d: Matrix  // [tokens, hidden]
  private let tokenCapacity: Int
  private let longestSequence: Int

  /// - Parameters:
  ///   - tensors: of the model, or of one with the same places.
  ///   - tokenCount: of the largest batch.
  ///   - longestSequence: tokens of the longest sequence.
  ///   - zWeight: of the routers' z-loss, mean(logsumexp²); 0: none.
  ///   - hasBackward: without it only losses can be had, in less memory.
  ///   - leastSize: sub-dimensions of fewer entries are multiplied though they are inactive, and masked:
  ///     their products would move more than they multiply.
  public init(
    _ tensors: ModelTensors, tokenCount: Int, longestSequence: Int, zWeight: Double = 0,
    hasBackward: Bool = true, leastSize: Int = TrainingPass.defaultLeastSize, pool: WorkerPool
  ) {
    self.leastSize = leastSize
    configuration = tensors.configuration
    self.pool = pool
    self.zWeight = zWeight
    (tokenCapacity, self.longestSequence) = (tokenCount, longestSequence)
    let configuration = tensors.configuration
    room = BlockRoom(
      tensors, tokenCount: tokenCount, longestSequence: longestSequence, leastSize: leastSize,
      pool: pool, hasBackward: hasBackward)
    head = LanguageHead(
      tensors, tokenCount: tokenCount, room: room.products, pool: pool, hasBackward: hasBackward)
    tapes = (0..<configuration.layerCount).map {
      BlockTapeStorage(
        configuration, layer: $0, tokenCount: tokenCount, hasZLoss: zWeight > 0)
    }
    last = Matrix(rowCount: tokenCount, columnCount: configuration.hiddenSize)
    d = Matrix(rowCount: hasBackward ? tokenCount : 0, columnCount: configuration.hiddenSize)
  }

  /// The smallest sub-dimension for which block-sparse products pay.
  public static let defaultLeastSize = MoHDExecution.leastSize

  /// The losses of a batch.
  ///
  /// - Parameters:
  ///   - weights: the model's.
  ///   - gradients: become the derivatives; nil: only the losses are wanted.
  public func run(
    _ batch: TokenBatch, _ weights: ModelTensors, into gradients: ModelTensors? = nil
  ) -> StepLosses {
    precondition(
      batch.tokenCount <= tokenCapacity
        && batch.sequences.allSatisfy { $0.rows.count <= longestSequence },
      "the batch is larger than the pass has room for")
    let work = BlockWork(batch, room, pool: pool)
    let tapes = tapes.map { $0.tape(tokenCount: batch.tokenCount) }
    let blocks = (0..<configuration.layerCount).map {
      Block(weights, layer: $0, leastSize: leastSize, room: room.products)
    }
    let y = last.rows(0..<batch.tokenCount)
    embed(batch, weights, into: tapes.first?.residualPre ?? y)
    for (layer, block) in blocks.enumerated() {
      block.forward(
        work, tapes[layer], into: layer + 1 < tapes.count ? tapes[layer + 1].residualPre : y)
    }
    let routers = tapes.map { tape in
      MoHDComponent.allCases.compactMap { component in
        (component == .attention ? tape.attention : tape.ffn).routing.map {
          RouterLoss(
            $0, logSums: (component == .attention ? tape.attention : tape.ffn).logSums,
            zWeight: zWeight)
        }
      }
    }
    if let gradients { clear(gradients.storage) }
    let d = gradients == nil ? nil : d.rows(0..<batch.tokenCount)
    let losses = head.run(
      batch, y, LanguageHead.Weights(weights), into: gradients.map { LanguageHead.Weights($0) },
      d: d)
    if let gradients, let d {
      for (layer, block) in blocks.enumerated().reversed() {
        let penalties = routers[layer].map(\.penalty)
        let none = RouterPenalty(
          shares: Matrix(rowCount: 1, columnCount: 0).view, balance: 0, z: 0)
        block.backward(
          work, tapes[layer], d: d,
          penalties: (penalties.first ?? none, penalties.last ?? none),
          into: LayerGradients(gradients, layer: layer))
      }
      embedBackward(batch, d, into: gradients)
    }
    return StepLosses(rows: losses, routers: routers.map { $0.map(\.summary) })
  }

  /// x, the embeddings of the batch's tokens.
  private func embed(_ batch: TokenBatch, _ weights: ModelTensors, into x: MatrixView) {
    guard let embedding = weights[TensorKey(.tokenEmbedding)] else { return }
    let panels = BlockWork.panels(tokenCount: batch.tokenCount)
    pool.forEach(panels.count) { index, _ in
      for row in panels[index] {
        let token = Int(batch.tokenIDs[row])
        copy(embedding.rows(token..<token + 1), into: x.rows(row..<row + 1))
      }
    }
  }

  /// d_E += d_x at each token's row, in the batch's order; columns are shared out.
  private func embedBackward(_ batch: TokenBatch, _ d: MatrixView, into gradients: ModelTensors) {
    guard let target = gradients[TensorKey(.tokenEmbedding)] else { return }
    let step = 64
    let width = target.columnCount
    pool.forEach((width + step - 1) / step) { index, _ in
      let columns = index * step..<min((index + 1) * step, width)
      let (from, to) = (d.columns(columns), target.columns(columns))
      for (row, token) in batch.tokenIDs.enumerated() {
        Elementwise.fastest.add(
          from.rows(row..<row + 1), to: to.rows(Int(token)..<Int(token) + 1))
      }
    }
  }
}
