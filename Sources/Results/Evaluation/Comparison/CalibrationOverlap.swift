import Corpora
import Files

/// Text that a conversion has seen, among the text that it is judged by.
public struct CalibrationOverlap: Sendable, Equatable {
  /// Documents of the evaluation that were calibration text too, as a whole or for half of their
  /// passages; nil where that is not known, because the conversion knew its text from a capture only.
  public let documentCount: Int?
  public let evaluatedCount: Int
  /// The share of the evaluation's passages (see `TextFingerprint`) that were calibration text; nil
  /// where the conversion does not say which its passages were, or the evaluation is too short.
  public let share: Double?

  package init(documentCount: Int?, evaluatedCount: Int, share: Double? = nil) {
    self.documentCount = documentCount
    self.evaluatedCount = evaluatedCount
    self.share = share
  }

  /// Passages are shared by chance (a licence, a proverb) below this share of a text.
  static let leastShare = 0.01

  /// The part of `conversion.json` that is read.
  private struct Conversion: Decodable {
    struct Calibration: Decodable {
      let documentDigests: [String]?
      let corpusDigest: String?
      let passages: TextFingerprint?

      enum CodingKeys: String, CodingKey {
        case passages
        case documentDigests = "document_sha256"
        case corpusDigest = "corpus_sha256"
      }
    }
    let calibration: Calibration?
  }

  /// Larger files are no conversion.json of ours.
  static let byteLimit = 256 << 20

  /// Looks for the evaluation's passages and documents among those that `conversion.json` in `folder`
  /// lists. Where it lists none, as of a capture, the same corpus as a whole is still recognised.
  ///
  /// - Parameter decode: the text of some tokens, special tokens left out.
  /// - Returns: nil when there is no such file, or it says nothing of calibration.
  /// - Throws: `FileError`, `JSONError`.
  public init?(
    of corpus: TokenizedCorpus, conversionFolder folder: String, decode: ([Int32]) -> [UInt8]
  ) throws {
    let path = folder + "/conversion.json"
    guard Folder.kind(of: path) == .file else { return nil }
    let bytes = try MappedFile(path: path, limit: Self.byteLimit).copyBytes()
    let conversion = try JSONText.decode(Conversion.self, from: bytes, path: path)
    guard let calibration = conversion.calibration else { return nil }
    self.init(
      of: corpus, documentDigests: calibration.documentDigests ?? [],
      corpusDigest: calibration.corpusDigest, passages: calibration.passages, decode: decode)
  }

  /// Looks for the evaluation's passages and documents among those of a calibration.
  ///
  /// - Parameters:
  ///   - documentDigests: SHA-256 of the calibration's documents; empty where only a capture is
  ///     known, as text has at least one.
  ///   - corpusDigest: SHA-256 of its corpus.
  ///   - passages: those of its text; nil where it is not known.
  ///   - decode: the text of some tokens, special tokens left out.
  public init(
    of corpus: TokenizedCorpus, documentDigests: [String], corpusDigest: String?,
    passages: TextFingerprint?, decode: ([Int32]) -> [UInt8]
  ) {
    let documents = Set(corpus.sequences.map(\.document)).sorted()
    evaluatedCount = documents.count
    let digests = Set(documentDigests.map { $0.lowercased() })
    var seen = Set(documents.filter { digests.contains(corpus.documents[$0].sha256) })
    var (known, all) = (0, 0)
    if let passages {
      let texts = corpus.batch(corpus.sequences.indices).texts(decode: decode)
      for (document, text) in zip(documents, texts) {
        let found = passages.passages(of: text)
        (known, all) = (known + found.known, all + found.all)
        if found.known > 0 && 2 * found.known >= found.all { seen.insert(document) }
      }
    }
    share = all > 0 ? Double(known) / Double(all) : nil
    let isSameCorpus = corpusDigest == corpus.sha256
    documentCount =
      isSameCorpus
      ? documents.count : digests.isEmpty && passages == nil ? nil : seen.count
  }
}
