import Activations
import Checkpoints
import Kernels
import Models
import Tensors

/// Trains a converted model to say what the dense one says: the mean over tokens of KL(dense ‖
/// converted) of the next token, by Adam.
///
/// What is trained are both factors of each sparse component, W and B of a ↦ (mask of B a) Wᵀ, and the
/// learned router that chooses the mask; all else stays. Weights, gradients and two moments of all layers are in memory together.
struct LogitDistillation {
  let dense: Checkpoint
  /// The folder that the conversion wrote; layer shards are replaced in it.
  let folder: String
  let settings: DistillationSettings
  let text: DistillationText
  let pool: WorkerPool

  /// Trains, and keeps what it found where held-out text comes closer.
  ///
  /// - Parameter progress: called with the number of tokens of each step, and with 0 between; what it
  ///   throws ends the training.
  func run(progress: (_ tokens: Int) throws -> Void) throws -> Distillation {
    let converted = try Checkpoint.open(folder)
    guard let readout = Readout(checkpoint: converted, pool: pool),
      let teacherReadout = Readout(checkpoint: dense, pool: pool)
    else { throw ConversionError.notTrainable(setting: "a model without a head") }
    let student = Student(converted, pool: pool)
    let teacher = LayerSweep(checkpoint: dense, pool: pool)

    /// The mean KL over some batches.
    func loss(_ batches: [TokenBatch]) throws -> Double {
      var (sum, count) = (0.0, 0)
      for batch in batches {
        let wanted = try teacher.run(batch, into: NoSink())
        let found = student.forward(batch)
        sum +=
          Double(batch.tokenCount)
          * readout.divergence(found, from: teacherReadout, wanted.view, gradient: nil)
        count += batch.tokenCount
        try progress(0)
      }
      return sum / Double(max(count, 1))
    }

    let before = try loss(text.heldOut)
    var losses: [Double] = []
    let optimizer = student.optimizer(settings)
    let gradient = student.gradient(
      tokenCount: text.steps.map(\.tokenCount).max() ?? 0,
      longestSequence: text.longestSequence)
    for (index, batch) in text.steps.enumerated() {
      let wanted = try teacher.run(batch, into: NoSink())
      let residual = student.forward(batch, with: gradient)
      let d = Matrix(rowCount: batch.tokenCount, columnCount: residual.columnCount)
      let loss = readout.divergence(
        residual, from: teacherReadout, wanted.view, gradient: d.view)
      guard loss.isFinite else { break }  // too large a rate: nothing will come of it
      losses.append(loss)
      for layer in student.layers.indices.reversed() {
        student.goBack(batch, layer: layer, d: d.view, with: gradient)
        try progress(0)
      }
      optimizer.step(share: (Double(index) + 0.5) / Double(text.steps.count))
      student.updateNorms()
      try progress(batch.tokenCount)
    }
    let after = losses.count == text.steps.count ? try loss(text.heldOut) : .infinity
    let isKept = after < before
    if isKept {
      for layer in student.layers.indices {
        try ConvertedLayer.replace(
          layer: layer, of: converted, with: student.layers[layer].trainable, in: folder)
      }
    }
    return Distillation(
      tokenCount: text.tokenCount, heldOutTokenCount: text.heldOutTokenCount, settings: settings,
      lossBefore: before, lossAfter: after.isFinite ? after : nil, isKept: isKept, losses: losses)
  }
}
