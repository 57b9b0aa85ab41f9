import Files

/// Cuts a stream into lines at each newline (0x0A), without keeping more than one.
///
/// A byte order mark before a line is dropped, since files that begin with one may have been put
/// together to one stream. A carriage return before the newline stays;
/// to JSON it is white space. The last line needs no newline.
final class LineReader {
  struct Line {
    /// 1-based.
    let number: Int
    /// The bytes without the newline; nil for a line longer than `limit`, which was passed over.
    let content: [UInt8]?
    /// The longest line allowed here, in bytes.
    let limit: Int
  }

  /// The longest line of a compressed file of F bytes is 16 MiB + 1.5·F: with the copies that
  /// reading makes, memory then stays within 64 MiB + 4·F whatever the bytes say.
  private static let compressedAllowance = 16 << 20

  private let stream: DecompressingReader
  private let limit: Int
  private var piece: [UInt8]
  private var position = 0
  private var lineNumber = 0
  private var hasEnded = false

  /// - Parameter first: bytes already read from `stream`.
  init(_ stream: DecompressingReader, startingWith first: [UInt8], limit: Int) {
    self.stream = stream
    piece = first
    if stream.format != .none, let count = stream.compressedByteCount {
      let (product, overflow) = count.multipliedReportingOverflow(by: 3)
      self.limit = overflow ? limit : min(limit, Self.compressedAllowance + product / 2)
    } else {
      self.limit = limit
    }
  }

  /// The next line, perhaps a blank one; nil at the end.
  func next() throws -> Line? {
    var content: [UInt8] = []
    var isTooLong = false
    skipBlankLines()
    while true {
      if position == piece.count {
        guard !hasEnded, let next = try stream.next() else {
          hasEnded = true
          guard isTooLong || !content.isEmpty else { return nil }
          return line(content, isTooLong: isTooLong)
        }
        piece = next
        position = 0
      }
      let rest = piece[position...]
      let newline = rest.firstIndex(of: 0x0a)
      let part = rest[..<(newline ?? rest.endIndex)]
      if isTooLong || part.count > limit - content.count {
        isTooLong = true
        content = []
      } else {
        grow(&content, by: part.count)
        content += part
      }
      position = newline.map { $0 + 1 } ?? piece.count
      if newline != nil { return line(content, isTooLong: isTooLong) }
    }
  }

  /// Counts blank lines without looking at each alone: a small compressed file may hold millions.
  private func skipBlankLines() {
    var index = position
    while index < piece.count, isBlank(piece[index]) {
      index += 1
      if piece[index - 1] == 0x0a {
        lineNumber += 1
        position = index
      }
    }
  }

  /// Grows by half, where an array would double, to keep long lines within the bound above.
  private func grow(_ content: inout [UInt8], by count: Int) {
    let needed = content.count + count
    if needed > content.capacity {
      content.reserveCapacity(content.isEmpty ? needed : max(needed, content.capacity / 2 * 3))
    }
  }

  private func line(_ content: [UInt8], isTooLong: Bool) -> Line {
    lineNumber += 1
    guard !isTooLong else { return Line(number: lineNumber, content: nil, limit: limit) }
    let hasMark = content.starts(with: byteOrderMark)
    return Line(
      number: lineNumber,
      content: hasMark ? Array(content.dropFirst(byteOrderMark.count)) : content, limit: limit)
  }
}

/// U+FEFF in UTF-8, which some programs put before a text.
let byteOrderMark: [UInt8] = [0xef, 0xbb, 0xbf]

/// Reads a whole text file as one document.
enum TextFileReader {
  /// The largest text: the offsets into a document must fit 32 bits.
  private static let byteLimit = Int(Int32.max)
  /// A compressed file of F bytes may hold a text of 32 MiB + 4·F, so that memory stays bounded
  /// by the file's size.
  private static let compressedAllowance = 32 << 20

  /// Everything that is left of `stream`, after the bytes `first` already read.
  ///
  /// - Throws: `CorpusError.documentTooLarge`, and what the stream throws.
  static func read(
    _ stream: DecompressingReader, startingWith first: [UInt8]
  ) throws -> [UInt8] {
    var limit = byteLimit
    var expected = 0
    if let count = stream.compressedByteCount {
      if stream.format == .none {
        expected = count
      } else {
        let (product, overflow) = count.multipliedReportingOverflow(by: 4)
        limit = overflow ? byteLimit : min(byteLimit, compressedAllowance + product)
        // Reading twice tells the size, and the text is then held once.
        expected = try expandedByteCount(path: stream.path, limit: limit)
      }
    }
    guard expected <= limit else {
      throw CorpusError.documentTooLarge(path: stream.path, limit: limit)
    }
    var text = first
    text.reserveCapacity(expected)
    while let piece = try stream.next() {
      guard piece.count <= limit - text.count else {
        throw CorpusError.documentTooLarge(path: stream.path, limit: limit)
      }
      text += piece
    }
    return text
  }

  private static func expandedByteCount(path: String, limit: Int) throws -> Int {
    let stream = try DecompressingReader(path: path)
    var count = 0
    while let piece = try stream.next() {
      count += piece.count
      guard count <= limit else {
        throw CorpusError.documentTooLarge(path: path, limit: limit)
      }
    }
    return count
  }
}
