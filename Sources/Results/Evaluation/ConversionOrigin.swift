import Files

/// What `conversion.json` says that a conversion was made from.
public struct ConversionOrigin: Sendable, Equatable {
  public let model: String
  public let modelSHA256: String

  /// The part of `conversion.json` that is read.
  private struct Conversion: Decodable {
    struct Provenance: Decodable {
      let model: String
      let modelSHA256: String

      enum CodingKeys: String, CodingKey {
        case model
        case modelSHA256 = "model_sha256"
      }
    }
    let provenance: Provenance?
  }

  /// - Returns: nil when there is no such file in `folder`, or it does not say.
  /// - Throws: `FileError`, `JSONError`.
  public init?(conversionFolder folder: String) throws {
    let path = folder + "/conversion.json"
    guard Folder.kind(of: path) == .file else { return nil }
    let bytes = try MappedFile(path: path, limit: CalibrationOverlap.byteLimit).copyBytes()
    let conversion = try JSONText.decode(Conversion.self, from: bytes, path: path)
    guard let provenance = conversion.provenance else { return nil }
    (model, modelSHA256) = (provenance.model, provenance.modelSHA256)
  }

  /// - Throws: `EvaluationError.otherOrigin` unless a model is the one that the conversion was made
  ///   from.
  public func check(_ sha256: String, dense: String, converted: String) throws(EvaluationError) {
    guard sha256 == modelSHA256 else {
      throw .otherOrigin(
        dense: dense, converted: converted, name: model, expected: modelSHA256, found: sha256)
    }
  }
}
