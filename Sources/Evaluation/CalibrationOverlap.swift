import Corpora
import Files

/// Text that a conversion has seen, among the text that it is judged by.
public struct CalibrationOverlap: Sendable, Equatable {
  /// Documents of the evaluation that were calibration documents too; nil where that is not known,
  /// because the conversion knew its text from a capture only.
  public let documentCount: Int?
  public let evaluatedCount: Int

  package init(documentCount: Int?, evaluatedCount: Int) {
    self.documentCount = documentCount
    self.evaluatedCount = evaluatedCount
  }

  /// The part of `conversion.json` that is read.
  private struct Conversion: Decodable {
    struct Calibration: Decodable {
      let documentDigests: [String]?
      let corpusDigest: String?

      enum CodingKeys: String, CodingKey {
        case documentDigests = "document_sha256"
        case corpusDigest = "corpus_sha256"
      }
    }
    let calibration: Calibration?
  }

  /// Larger files are no conversion.json of ours.
  static let byteLimit = 256 << 20

  /// Looks for the evaluation's documents among those that `conversion.json` in `folder` lists, by
  /// SHA-256 of their text. Where it lists none, as of a capture, the same corpus as a whole is still
  /// recognised.
  ///
  /// - Returns: nil when there is no such file, or it says nothing of calibration.
  /// - Throws: `FileError`, `JSONError`.
  public init?(of corpus: TokenizedCorpus, conversionFolder folder: String) throws {
    let path = folder + "/conversion.json"
    guard Folder.kind(of: path) == .file else { return nil }
    let bytes = try MappedFile(path: path, limit: Self.byteLimit).copyBytes()
    let conversion = try JSONText.decode(Conversion.self, from: bytes, path: path)
    guard let calibration = conversion.calibration else { return nil }
    let evaluated = Set(corpus.sequences.map(\.document))
    evaluatedCount = evaluated.count
    // Text has at least one document: older conversions wrote an empty list where they knew none.
    if let seen = calibration.documentDigests, !seen.isEmpty {
      let digests = Set(seen.map { $0.lowercased() })
      documentCount = evaluated.count { digests.contains(corpus.documents[$0].sha256) }
    } else {
      documentCount = calibration.corpusDigest == corpus.sha256 ? evaluated.count : nil
    }
  }
}
