import Files

/// What `conversion.json` says about training by the dense model's logits.
public struct TrainingRecord: Codable, Sendable, Equatable {
  /// Tokens that it trained on.
  public var tokenCount: Int
  /// Mean KL(dense ‖ converted) of held-out tokens in nats.
  public var lossBefore: Double
  /// The same afterwards; nil when numbers grew beyond all bounds.
  public var lossAfter: Double?
  /// Whether the trained weights were kept.
  public var isKept: Bool
  /// The same of each step's own tokens, before the step.
  public var losses: [Double]

  enum CodingKeys: String, CodingKey {
    case losses
    case tokenCount = "token_count"
    case lossBefore = "loss_before"
    case lossAfter = "loss_after"
    case isKept = "kept"
  }

  package init(
    tokenCount: Int, lossBefore: Double, lossAfter: Double?, isKept: Bool, losses: [Double]
  ) {
    (self.tokenCount, self.lossBefore, self.lossAfter) = (tokenCount, lossBefore, lossAfter)
    (self.isKept, self.losses) = (isKept, losses)
  }

  /// The part of `conversion.json` that is read.
  private struct Conversion: Decodable {
    let distillation: TrainingRecord?
  }

  /// - Returns: nil when there is no such file in `folder`, or the conversion did not train.
  /// - Throws: `FileError`, `JSONError`.
  public static func read(conversionFolder folder: String) throws -> TrainingRecord? {
    let path = folder + "/conversion.json"
    guard Folder.kind(of: path) == .file else { return nil }
    let bytes = try MappedFile(path: path, limit: CalibrationOverlap.byteLimit).copyBytes()
    return try JSONText.decode(Conversion.self, from: bytes, path: path).distillation
  }
}
