/// One case for each way in which a compressed stream can be wrong.
public enum CompressionError: ReportableError, Equatable {
  /// The input ends inside a gzip member or a zstd frame.
  case truncated(path: String, format: CompressionFormat, offset: Int)
  /// The decoder refuses the bytes near `offset`.
  case corrupt(path: String, format: CompressionFormat, offset: Int, reason: String)
  /// A zstd frame asks for more memory than a file of this size may have.
  case windowTooLarge(path: String, limit: Int)
  /// The stream expands beyond what text can: a decompression bomb.
  case expandsTooMuch(path: String, compressed: Int, expanded: Int)

  public var exitStatus: ExitStatus { .badInput }

  public var description: String {
    switch self {
    case .truncated(let path, let format, let offset):
      "\(path): expected more \(format.rawValue) data, found the end at byte \(offset); "
        + "the file is cut short, fetch it again"
    case .corrupt(let path, let format, let offset, let reason):
      "\(path): expected \(format.rawValue) data near byte \(offset), "
        + "found something else: \(reason)"
    case .windowTooLarge(let path, let limit):
      "\(path): expected a zstd window of at most \(limit) bytes, found a larger one; "
        + "decompress it first: "
        + (path == "-" ? "… | zstd -dc --long=31 | …" : "zstd -d --long=31 \(shellPath(path))")
    case .expandsTooMuch(let path, let compressed, let expanded):
      "\(path): \(compressed) compressed bytes expand to more than \(expanded), "
        + "which text does not; decompress the file first if it is meant"
    }
  }
}

/// How a stream of bytes is compressed, told from its first bytes and never from its name.
public enum CompressionFormat: String, Sendable, Equatable {
  case none = "uncompressed"
  case gzip
  case zstd

  /// The number of bytes that `init(firstBytes:)` wants to see.
  public static let magicByteCount = 4

  /// The format that begins with these bytes; `.none` when no known one does.
  ///
  /// Source: RFC 1952 section 2.3.1; RFC 8878 sections 3.1.1 and 3.1.2 (skippable frames).
  public init(firstBytes bytes: some Collection<UInt8>) {
    let magic = Array(bytes.prefix(Self.magicByteCount))
    if magic.starts(with: [0x1f, 0x8b]) {
      self = .gzip
    } else if magic == [0x28, 0xb5, 0x2f, 0xfd] {
      self = .zstd
    } else if magic.count == 4, magic[0] & 0xf0 == 0x50, magic[1...] == [0x2a, 0x4d, 0x18] {
      self = .zstd
    } else {
      self = .none
    }
  }
}
