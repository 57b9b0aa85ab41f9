import Activations
import Capture
import Files

extension CalibrationSource {
  /// Sequences of a capture, an even part of each domain.
  ///
  /// - Parameters:
  ///   - path: the run's folder.
  ///   - modelSHA256: of the model to convert.
  ///   - tokenizerSHA256: of its tokenizer: tokens of another one are another text.
  ///   - tokenCount: at most so many tokens.
  ///   - seed: decides which sequences.
  ///   - passages: what conversion.json says of the text of a batch.
  /// - Returns: the source, and what conversion.json says of it.
  /// - Throws: `ConversionError.otherModel`, `.otherTokenizer`, and what `CaptureReader` throws.
  public static func capture(
    at path: String, modelSHA256: String, tokenizerSHA256: String, tokenCount most: Int,
    seed: UInt64, passages: (TokenBatch) -> TextFingerprint
  ) throws -> (source: CalibrationSource, calibration: ConversionPlan.Calibration) {
    let reader = try CaptureReader(path)
    guard reader.plan.model.sha256 == modelSHA256 else {
      throw ConversionError.otherModel(
        run: path, expected: modelSHA256, found: reader.plan.model.sha256)
    }
    guard reader.plan.tokenizer.sha256 == tokenizerSHA256 else {
      throw ConversionError.otherTokenizer(
        run: path, expected: tokenizerSHA256, found: reader.plan.tokenizer.sha256)
    }
    let text = try CapturedText(reader, most: most, seed: seed)
    return (
      .capture(text),
      ConversionPlan.Calibration(
        tokenCount: text.batch.tokenCount, corpusSHA256: reader.plan.corpus.sha256,
        // A capture's plan names its corpus as a whole.
        documentSHA256: nil, passages: passages(text.batch), seed: seed, corpora: text.shares)
    )
  }
}
