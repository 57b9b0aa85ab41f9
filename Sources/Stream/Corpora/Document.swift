import Files

/// One document of a corpus: a text file, or one JSON line.
public struct Document: Sendable, Equatable {
  /// The domain it belongs to.
  public let domain: String
  /// The index of its file among the reader's sources.
  public let source: Int
  /// The file it lies in; "-" for the standard input.
  public let path: String
  /// The 1-based line of a JSON lines file; nil for a text file.
  public let line: Int?
  /// What the identifier field holds, if one was asked for and is there. Corpora repeat
  /// identifiers; path and line are what tells documents apart.
  public let identifier: String?
  /// UTF-8, exactly as in the file or the JSON string: newlines, byte order marks and Unicode
  /// forms are kept.
  public let text: [UInt8]
}

/// A document that was left out, and why.
public struct SkippedDocument: Sendable, Equatable {
  /// The index of its file among the reader's sources.
  public let source: Int
  /// Names the file and the line.
  public let reason: CorpusError

  package init(source: Int, reason: CorpusError) {
    self.source = source
    self.reason = reason
  }
}

/// What a reader finds, in corpus order.
public enum CorpusItem: Sendable, Equatable {
  case document(Document)
  case skipped(SkippedDocument)
}

/// The SHA-256 of what a corpus gives a model: the domain and text of each document, in order.
///
/// Each is preceded by its length (8 bytes, little-endian), so no two corpora share a digest by
/// moving a boundary. Names of files and identifiers are not part of it.
struct CorpusDigest: ~Copyable {
  private var hasher = SHA256()

  mutating func append(_ document: Document) {
    append(Array(document.domain.utf8))
    append(document.text)
  }

  consuming func finish() -> String { hasher.finish() }

  private mutating func append(_ bytes: [UInt8]) {
    let count = UInt64(bytes.count)
    hasher.update((0..<8).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) })
    hasher.update(bytes)
  }
}
