import Files

/// Files of a corpus's folders that are not read, since their names promise no documents.
public struct PassedOverFiles: Sendable, Equatable, CustomStringConvertible {
  /// How many there are.
  public private(set) var count = 0
  /// The first of them.
  public private(set) var first: [String] = []

  /// How many are remembered by name.
  static let nameLimit = 4

  public init() {}

  mutating func append(_ path: String) {
    count += 1
    if first.count < Self.nameLimit { first.append(path) }
  }

  mutating func append(_ others: PassedOverFiles) {
    count += others.count
    first += others.first.prefix(Self.nameLimit - first.count)
  }

  /// "3 other files: a/x.parquet (a Parquet file), a/notes.md and 1 more".
  public var description: String {
    let names = first.map { path in
      Self.kind(path).map { "\(path) (\($0.name))" } ?? path
    }
    return counted(count, "other file") + ": " + names.joined(separator: ", ")
      + (count > first.count ? " and \(count - first.count) more" : "")
  }

  /// The next step for the first one that is data in another format.
  var advice: String? {
    first.lazy.compactMap { path in Self.kind(path).map { $0.textAdvice(path: path) } }.first
  }

  /// What a file is where that says more than its name: not of texts, nor of what cannot be read.
  private static func kind(_ path: String) -> ForeignFile? {
    guard Folder.kind(of: path) == .file, let stream = try? ByteStream(path: path) else {
      return nil
    }
    var bytes: [UInt8] = []
    _ = try? stream.read(upTo: ForeignFile.sampleByteCount, into: &bytes)
    guard let found = ForeignFile(firstBytes: bytes) else { return nil }
    switch found.kind {
    case .text, .jsonObject, .webPage, .xml, .tiktoken, .empty: return nil
    default: return found
    }
  }
}
