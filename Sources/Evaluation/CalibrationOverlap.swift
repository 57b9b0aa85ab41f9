import Corpora
import Files

/// Text that a conversion has seen, among the text that it is judged by.
public struct CalibrationOverlap: Sendable, Equatable {
  /// Documents of the evaluation that were calibration documents too.
  public let documentCount: Int
  public let evaluatedCount: Int

  package init(documentCount: Int, evaluatedCount: Int) {
    self.documentCount = documentCount
    self.evaluatedCount = evaluatedCount
  }

  /// The part of `conversion.json` that is read.
  private struct Conversion: Decodable {
    struct Calibration: Decodable {
      let documentDigests: [String]?

      enum CodingKeys: String, CodingKey { case documentDigests = "document_sha256" }
    }
    let calibration: Calibration?
  }

  /// Larger files are no conversion.json of ours.
  static let byteLimit = 256 << 20

  /// Looks for the evaluation's documents among those that `conversion.json` in `folder` lists, by
  /// SHA-256 of their text.
  ///
  /// - Returns: nil when there is no such file, or it lists no documents.
  /// - Throws: `FileError`, `JSONError`.
  public init?(of corpus: TokenizedCorpus, conversionFolder folder: String) throws {
    let path = folder + "/conversion.json"
    guard Folder.kind(of: path) == .file else { return nil }
    let bytes = try MappedFile(path: path, limit: Self.byteLimit).copyBytes()
    let conversion = try JSONText.decode(Conversion.self, from: bytes, path: path)
    guard let seen = conversion.calibration?.documentDigests else { return nil }
    let digests = Set(seen.map { $0.lowercased() })
    let evaluated = Set(corpus.sequences.map(\.document))
    documentCount = evaluated.count { digests.contains(corpus.documents[$0].sha256) }
    evaluatedCount = evaluated.count
  }
}
