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
    self.init(
      of: corpus, documentDigests: calibration.documentDigests ?? [],
      corpusDigest: calibration.corpusDigest)
  }

  /// Looks for the evaluation's documents among those of a calibration.
  ///
  /// - Parameters:
  ///   - documentDigests: SHA-256 of the calibration's documents; empty where only a capture is
  ///     known, as text has at least one.
  ///   - corpusDigest: SHA-256 of its corpus.
  public init(of corpus: TokenizedCorpus, documentDigests: [String], corpusDigest: String?) {
    let evaluated = Set(corpus.sequences.map(\.document))
    evaluatedCount = evaluated.count
    if documentDigests.isEmpty {
      documentCount = corpusDigest == corpus.sha256 ? evaluated.count : nil
    } else {
      let seen = Set(documentDigests.map { $0.lowercased() })
      documentCount = evaluated.count { seen.contains(corpus.documents[$0].sha256) }
    }
  }
}
