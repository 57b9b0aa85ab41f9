/// What a file is, told from its first bytes: for a reader that expected something else.
///
/// Files arrive as something else than their name says far oftener than damaged: a Git LFS pointer
/// in place of weights, a web page in place of a download, a packed file in place of its contents. An
/// error that says so, and names the command that helps, is worth more than one about byte 0.
public struct ForeignFile: Sendable, Equatable {
  /// What can be told apart.
  public enum Kind: String, Sendable, CaseIterable {
    case empty, zeros
    case gitLFSPointer, gitAnnexPointer
    case webPage, xml, jsonObject, jsonArray, tiktoken, utf16, text
    case gzip, zstd, xz, bzip2, lz4, lzip, compress, snappy
    case zip, sevenZip, rar, tar
    case torchArchive, pickle, numpy, safetensors, gguf, ggml, sentencePiece
    case parquet, arrow, avro, orc, hdf5, sqlite
    case pdf, image, executable
  }

  public let kind: Kind
  /// What the bytes say beyond their kind: a pointer's size, a text's beginning, "of strings".
  let note: String?

  /// Bytes that `init` wants to see, if the file has so many.
  public static let sampleByteCount = 4096

  /// - Parameter bytes: the file's beginning, or all of it.
  /// - Returns: nil when the bytes begin like nothing that is known here.
  public init?(firstBytes bytes: some Collection<UInt8>) {
    let sample = Array(bytes.prefix(Self.sampleByteCount))
    // Text first: letters alone are a beginning ("GGUF", "ORC") that any sentence may have.
    guard let kind = Self.textKind(sample) ?? Self.binaryKind(sample) else { return nil }
    self.kind = kind
    switch kind {
    case .gitLFSPointer: note = Self.pointerSize(sample)
    case .text: note = Self.beginning(sample)
    case .jsonArray: note = Self.holdsStrings(sample) ? "of strings" : nil
    default: note = nil
    }
  }

  /// What a mapped file is.
  public init?(_ file: MappedFile) {
    // Safety: the array copies bytes of a mapping that lives until the call returns.
    self.init(firstBytes: unsafe Array(file.unsafeBytes.prefix(Self.sampleByteCount)))
  }

  // MARK: - Binary

  /// Beginnings that mean one thing. Longer ones stand before those they begin with.
  private static let beginnings: [(bytes: [UInt8], kind: Kind)] = [
    ([0x28, 0xb5, 0x2f, 0xfd], .zstd), ([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], .xz),
    ([0x1f, 0x8b], .gzip), ([0x1f, 0x9d], .compress), ([0x04, 0x22, 0x4d, 0x18], .lz4),
    (Array("LZIP\u{1}".utf8), .lzip), ([0xff, 0x06, 0x00, 0x00] + Array("sNaPpY".utf8), .snappy),
    ([0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c], .sevenZip), (Array("Rar!\u{1a}\u{7}".utf8), .rar),
    (Array("PAR1".utf8), .parquet), (Array("PARE".utf8), .parquet),
    (Array("ARROW1".utf8), .arrow), (Array("FEA1".utf8), .arrow),
    (Array("Obj\u{1}".utf8), .avro), (Array("ORC".utf8), .orc),
    ([0x89] + Array("HDF\r\n\u{1a}\n".utf8), .hdf5), (Array("SQLite format 3\u{0}".utf8), .sqlite),
    ([0x93] + Array("NUMPY".utf8), .numpy), (Array("GGUF".utf8), .gguf),
    // GGML's containers before GGUF, and GGUF of the other byte order is GGUF's own business.
    (Array("lmgg".utf8), .ggml), (Array("tjgg".utf8), .ggml), (Array("fmgg".utf8), .ggml),
    (Array("%PDF-".utf8), .pdf), ([0x89] + Array("PNG\r\n\u{1a}\n".utf8), .image),
    ([0xff, 0xd8, 0xff], .image), (Array("GIF8".utf8), .image),
    ([0x7f] + Array("ELF".utf8), .executable),
  ]

  private static func binaryKind(_ bytes: [UInt8]) -> Kind? {
    guard !bytes.isEmpty else { return .empty }
    // First, since a header's length may begin as anything else does.
    if bytes.count > 8, bytes[4..<8].allSatisfy({ $0 == 0 }), bytes[8] == UInt8(ascii: "{") {
      return .safetensors
    }
    if bytes.starts(with: "PK\u{3}\u{4}".utf8) || bytes.starts(with: "PK\u{5}\u{6}".utf8) {
      // The first member of what torch.save writes is NAME/data.pkl.
      return contains(bytes, "/data.pkl") ? .torchArchive : .zip
    }
    if bytes.count >= 10, bytes.starts(with: "BZh".utf8),
      (UInt8(ascii: "1")...UInt8(ascii: "9")).contains(bytes[3]),
      // A block, or the end of an empty stream.
      bytes[4..<10] == [0x31, 0x41, 0x59, 0x26, 0x53, 0x59]
        || bytes[4..<10] == [0x17, 0x72, 0x45, 0x38, 0x50, 0x90]
    {
      return .bzip2
    }
    // The opcode of a pickle's protocol, 2 to 5, and never UTF-8.
    if bytes.count > 2, bytes[0] == 0x80, (2...5).contains(bytes[1]) { return .pickle }
    if bytes.count >= 262, bytes[257..<262].elementsEqual("ustar".utf8) { return .tar }
    if let found = beginnings.first(where: { bytes.starts(with: $0.bytes) }) { return found.kind }
    if bytes.count >= 64, bytes.allSatisfy({ $0 == 0 }) { return .zeros }
    if isUTF16(bytes) { return .utf16 }
    return isSentencePiece(bytes) ? .sentencePiece : nil
  }

  /// With a byte order mark, or plain letters with a zero beside each.
  private static func isUTF16(_ bytes: [UInt8]) -> Bool {
    if bytes.starts(with: [0xff, 0xfe]) || bytes.starts(with: [0xfe, 0xff]) { return true }
    guard bytes.count >= 8 else { return false }
    let sides = (0..<2).map { side in
      stride(from: side, to: bytes.count, by: 2).map { bytes[$0] }
    }
    let isLetter: (UInt8) -> Bool = { (0x20..<0x7f).contains($0) || (0x09...0x0d).contains($0) }
    return (0..<2).contains { side in
      sides[side].allSatisfy { $0 == 0 } && sides[1 - side].allSatisfy(isLetter)
    }
  }

  /// A protocol buffer whose first field is a piece: a text and its score.
  ///
  /// Source: sentencepiece_model.proto (google/sentencepiece): `pieces = 1 { piece = 1, score = 2 }`.
  private static func isSentencePiece(_ bytes: [UInt8]) -> Bool {
    guard bytes.count > 4, bytes[0] == 0x0a, bytes[2] == 0x0a else { return false }
    let (piece, text) = (Int(bytes[1]), Int(bytes[3]))
    let score = 4 + text
    return text + 7 <= piece && piece < 0x80 && score < bytes.count && bytes[score] == 0x15
  }

  // MARK: - Text

  private static func textKind(_ bytes: [UInt8]) -> Kind? {
    guard let text = wholeText(bytes), !text.hasPrefix("%PDF-") else { return nil }
    let content = text.drop { $0.isWhitespace || $0 == "\u{feff}" }
    let start = content.prefix(64).lowercased()
    func begins(_ beginnings: [String]) -> Bool { beginnings.contains { start.hasPrefix($0) } }
    // The second and third are the specification's earlier addresses.
    if begins([
      "version https://git-lfs.github.com/", "version http://git-media.io/",
      "version https://hawser.github.com/",
    ]) {
      return .gitLFSPointer
    }
    if begins(["/annex/objects/"]) { return .gitAnnexPointer }
    if begins(["<!doctype html", "<html", "<head", "<body"]) { return .webPage }
    if begins(["<?xml"]) { return content.lowercased().contains("<html") ? .webPage : .xml }
    if begins(["{"]) { return .jsonObject }
    if isArray(content) { return .jsonArray }
    return isTiktoken(text) ? .tiktoken : .text
  }

  /// A JSON array of objects, of strings or of nothing; prose may begin with a bracket too.
  private static func isArray(_ text: Substring) -> Bool {
    guard text.first == "[" else { return false }
    let inner = text.dropFirst().drop(while: \.isWhitespace)
    switch inner.first {
    case "]": return inner.dropFirst().allSatisfy(\.isWhitespace)
    case "{":
      let next = inner.dropFirst().first { !$0.isWhitespace }
      return next == "\"" || next == "}"
    case "\"":
      var isEscaped = false
      let end = inner.dropFirst().firstIndex { character in
        defer { isEscaped = character == "\\" && !isEscaped }
        return character == "\"" && !isEscaped
      }
      guard let end else { return inner.utf8.count > 1024 }
      let next = inner[inner.index(after: end)...].first { !$0.isWhitespace }
      return next == "," || next == "]"
    default: return false
    }
  }

  private static func holdsStrings(_ bytes: [UInt8]) -> Bool {
    wholeText(bytes)?.drop { $0 != "[" }.dropFirst().first { !$0.isWhitespace } == "\""
  }

  /// Lines of a token in base64 and its rank.
  private static func isTiktoken(_ text: Substring) -> Bool {
    let lines = text.split(separator: "\n").prefix(3)
    return !lines.isEmpty
      && lines.dropLast(lines.count > 2 ? 1 : 0).allSatisfy { line in
        let words = line.split(separator: " ", omittingEmptySubsequences: false)
        return words.count == 2 && Int(words[1]) != nil && !words[0].isEmpty
          && words[0].utf8.count % 4 == 0
          && words[0].allSatisfy {
            $0.isASCII && ($0.isLetter || $0.isNumber || "+/=".contains($0))
          }
      }
  }

  /// The bytes as text; nil when they are not UTF-8 or hold what texts do not. The last character may
  /// be cut.
  private static func wholeText(_ bytes: [UInt8]) -> Substring? {
    // Where the sample ends before the file, so may a character: at most three of its bytes are here.
    for cut in 0..<(bytes.count == sampleByteCount ? 4 : 1) {
      guard cut == 0 || bytes[bytes.count - cut] >= 0xc0,
        let text = String(validating: bytes.dropLast(cut), as: UTF8.self)
      else { continue }
      let isText = text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f || (0x09...0x0d).contains($0) }
      return isText && !text.isEmpty ? text[...] : nil
    }
    return nil
  }

  /// The number in a Git LFS pointer's line `size N`.
  private static func pointerSize(_ bytes: [UInt8]) -> String? {
    wholeText(bytes)?.split(whereSeparator: \.isNewline).first { $0.hasPrefix("size ") }
      .flatMap { Int($0.dropFirst(5)) }.map { "\($0)" }
  }

  /// The first words of a text.
  private static func beginning(_ bytes: [UInt8]) -> String? {
    wholeText(bytes)?.split(whereSeparator: \.isNewline).first { !$0.allSatisfy(\.isWhitespace) }
      .map { $0.count > 40 ? $0.prefix(40) + "…" : String($0) }
  }

  private static func contains(_ bytes: [UInt8], _ text: String) -> Bool {
    let wanted = Array(text.utf8)
    return bytes.indices.contains { bytes[$0...].starts(with: wanted) }
  }
}
