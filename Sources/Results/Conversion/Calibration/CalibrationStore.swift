import Activations
import Checkpoints
import Files
import Models
import Tensors

/// Calibration activations on disk, for several conversions of one model: the first forward pass fills
/// it, all others read. 8 bytes for each token, layer and hidden dimension.
public final class CalibrationStore {
  public let batch: TokenBatch
  private let file: ScratchFile
  private let hiddenSize: Int
  /// Found by the first conversion that asks.
  var outputFisher: OutputFisher?
  private var shares: [[MoHDComponent: Double]?] = []

  /// Runs the text through the model.
  ///
  /// - Parameters:
  ///   - folder: where there is room; the file has no name and goes with this object.
  ///   - progress: called after each layer; what it throws ends the work.
  /// - Throws: `FileError` when there is no room, and what `progress` throws.
  public init(
    _ batch: TokenBatch, sweep: LayerSweep, folder: String,
    progress: (_ layer: Int) throws -> Void
  ) throws {
    self.batch = batch
    hiddenSize = sweep.configuration.hiddenSize
    file = try ScratchFile(folder: folder)
    try CalibrationSource.text(batch, sweep).forEachLayer(
      layerCount: sweep.configuration.layerCount
    ) { layer, inputs in
      for (index, rows) in [inputs.attentionInput, inputs.ffnInput].enumerated() {
        try rows.withSpan { (numbers) throws(FileError) in
          try file.write(numbers, at: offset(layer: layer, index))
        }
      }
      shares.append(inputs.outputShares)
      try progress(layer)
    }
  }

  /// What the forward pass gave for one layer.
  func inputs(layer: Int) throws(FileError) -> LayerInputs {
    LayerInputs(
      attentionInput: try read(layer: layer, 0).view, ffnInput: try read(layer: layer, 1).view,
      outputShares: shares[layer])
  }

  private func read(layer: Int, _ index: Int) throws(FileError) -> SharedMatrix {
    let matrix = SharedMatrix(rowCount: batch.tokenCount, columnCount: hiddenSize)
    try matrix.view.withMutableSpan { (numbers) throws(FileError) in
      try file.read(into: &numbers, at: offset(layer: layer, index))
    }
    return matrix
  }

  private func offset(layer: Int, _ index: Int) -> Int {
    4 * (2 * layer + index) * batch.tokenCount * hiddenSize
  }
}
