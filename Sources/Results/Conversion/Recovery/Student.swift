import Activations
import Checkpoints
import Kernels
import Models
import Tensors

/// A converted model whose weights are all in memory and can be trained.
final class Student {
  let layers: [LoadedLayer]
  private let trained: [TrainableLayer]
  private let gradients: [TrainableLayer]
  private let configuration: ModelConfiguration
  private let sweep: LayerSweep
  private let pool: WorkerPool

  /// - Precondition: all settings are trainable (`SubDimensions.isTrainable`).
  init(_ checkpoint: Checkpoint, pool: WorkerPool) {
    self.pool = pool
    configuration = checkpoint.configuration
    // Masked, so that weights lie as they are stored.
    let sweep = LayerSweep(checkpoint: checkpoint, pool: pool, execution: .naive)
    self.sweep = sweep
    layers = (0..<configuration.layerCount).map { sweep.loadApart(layer: $0) }
    trained = layers.map(\.trainable)
    gradients = trained.map { $0.zeros() }
  }

  /// Room for the backward pass of batches up to this size.
  func gradient(tokenCount: Int, longestSequence: Int) -> BlockGradient {
    BlockGradient(
      configuration, tokenCount: tokenCount, longestSequence: longestSequence, pool: pool)
  }

  func optimizer(_ settings: DistillationSettings) -> Optimizer {
    Optimizer(trained, gradients: gradients, settings: settings, pool: pool)
  }

  /// - Parameter gradient: keeps what the backward pass needs; nil: there will be none.
  /// - Returns: the residual stream after the last layer, [tokens, hidden].
  func forward(_ batch: TokenBatch, with gradient: BlockGradient? = nil) -> MatrixView {
    let residual = sweep.embed(batch).view
    for (index, layer) in layers.enumerated() {
      if let gradient {
        gradient.goThrough(batch, layer: index, of: sweep, layer, residual: residual)
        continue
      }
      sweep.use(layer)
      sweep.pass(batch, through: index, residual: residual, sink: NoSink())
    }
    return residual
  }

  /// Backward through one layer, layers in descending order.
  ///
  /// - Parameter d: the derivative by the residual stream behind the layer, [tokens, hidden];
  ///   by the one before it on return.
  func goBack(_ batch: TokenBatch, layer: Int, d: MatrixView, with gradient: BlockGradient) {
    gradient.goBack(
      batch, layer: layer, of: sweep, layers[layer], d: d, into: gradients[layer])
  }

  /// Lets routers see the weights as they are now.
  func updateNorms() {
    for layer in layers { layer.updateNorms(pool: pool) }
  }
}
