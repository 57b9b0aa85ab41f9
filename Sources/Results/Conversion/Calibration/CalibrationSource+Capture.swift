import Activations
import Capture

extension CalibrationSource {
  /// Whole sequences from the start of a capture.
  ///
  /// - Parameters:
  ///   - path: the run's folder.
  ///   - modelSHA256: of the model to convert.
  ///   - tokenCount: at most so many tokens where there is more than one sequence.
  /// - Returns: the source, and what conversion.json says of it.
  /// - Throws: `ConversionError.otherModel`, and what `CaptureReader` throws.
  public static func capture(
    at path: String, modelSHA256: String, tokenCount most: Int
  ) throws -> (source: CalibrationSource, calibration: ConversionPlan.Calibration) {
    let reader = try CaptureReader(path)
    guard reader.plan.model.sha256 == modelSHA256 else {
      throw ConversionError.otherModel(
        run: path, expected: modelSHA256, found: reader.plan.model.sha256)
    }
    let batch = try firstTokens(of: reader, most: most)
    return (
      .capture(reader, batch),
      ConversionPlan.Calibration(
        tokenCount: batch.tokenCount, corpusSHA256: reader.plan.corpus.sha256,
        // A capture's plan names its corpus as a whole.
        documentSHA256: nil)
    )
  }

  private static func firstTokens(of reader: CaptureReader, most: Int) throws -> TokenBatch {
    var tokenIDs: [Int32] = []
    var sequences: [TokenBatch.Sequence] = []
    for index in 0..<reader.batchCount {
      let batch = try reader.batch(index)
      for sequence in batch.sequences {
        let rows = sequence.rows
        guard sequences.isEmpty || tokenIDs.count + rows.count <= most else {
          return TokenBatch(tokenIDs: tokenIDs, sequences: sequences)
        }
        let start = tokenIDs.count
        tokenIDs += batch.tokenIDs[rows]
        sequences.append(
          .init(
            rows: start..<start + rows.count, document: sequence.document, index: sequence.index))
      }
    }
    return TokenBatch(tokenIDs: tokenIDs, sequences: sequences)
  }
}
