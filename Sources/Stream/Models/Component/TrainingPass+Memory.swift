import Checkpoints
import Kernels

extension TrainingPass {
  /// Bytes that a pass takes beside weights, gradients and moments: the tape of all layers, the room of
  /// one layer's backward, the head's logits, and each worker's scratch.
  ///
  /// - Parameters:
  ///   - tokenCount: of the largest batch.
  ///   - longestSequence: tokens of the longest sequence.
  public static func byteCount(
    _ configuration: ModelConfiguration, tokenCount: Int, longestSequence: Int, workerCount: Int,
    hasZLoss: Bool = false
  ) -> Int {
    let shape = BlockShape(configuration)
    let (hidden, inner) = (shape.hiddenSize, shape.intermediateSize)
    let widths = ComponentWidths(configuration)
    var perToken =
      configuration.layerCount
      * (4 * hidden + shape.projectionSize + shape.querySize + 2 * inner)
    for component in MoHDComponent.allCases {
      for settings in configuration.mohd?[component] ?? [] {
        perToken += 3 * settings.count + 1
        if settings.sparseSide == .both || settings.fusion != .none { perToken += hidden }
        if hasZLoss, settings.router == .centroid { perToken += 1 }
      }
    }
    // The last residual stream and its derivative; what backward works on; the head's input.
    perToken += 2 * hidden
    perToken += hidden + 3 * inner + shape.querySize + shape.projectionSize
    perToken += widths.perToken
    perToken += hidden
    let panel = BlockWork.scratchRowCount(tokenCount: tokenCount)
    let scratch =
      panel * (inner + hidden + widths.perScratchRow)
      + AttentionScratch.elementCount(longestSequence: longestSequence, headSize: shape.headSize)
      + LanguageHead.panelRowCount * hidden
    let logits =
      LanguageHead.chunkRowCount(vocabularySize: configuration.vocabularySize, tokenCount)
      * configuration.vocabularySize
    let products = ProductCounts(
      configuration, leastSize: defaultLeastSize, hasBackward: true)
    perToken += products.sumsPerToken
    let packed = products.weights.values.reduce(0, +)
    let product =
      ProductKernels.fastest.scratchCount
      + (panel + ProjectionSum.stripCount) * products.widest
    return 4 * (tokenCount * perToken + logits + packed + workerCount * (scratch + product))
  }
}
