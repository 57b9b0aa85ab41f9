import Files

/// A place in a mapped file: every read is checked against the bytes that remain, and gives nil
/// when they are too few.
package struct ByteCursor {
  package let file: MappedFile
  package private(set) var offset: Int
  /// One past the last byte that may be read.
  package let end: Int

  package init(_ file: MappedFile, range: Range<Int>? = nil) {
    let range = range ?? 0..<file.count
    precondition(range.lowerBound >= 0 && range.upperBound <= file.count, "range out of the file")
    self.file = file
    self.offset = range.lowerBound
    self.end = range.upperBound
  }

  package var remaining: Int { end - offset }

  /// The next byte, without moving on.
  package func peek() -> UInt8? {
    // Safety: offset < end ≤ file.count.
    offset < end ? unsafe file.unsafeBytes[offset] : nil
  }

  /// Moves over `count` bytes.
  package mutating func skip(_ count: Int) -> Bool {
    guard count >= 0, count <= remaining else { return false }
    offset += count
    return true
  }

  /// The next little-endian number.
  package mutating func number<Number: FixedWidthInteger & BitwiseCopyable>(
    _ type: Number.Type = Number.self
  ) -> Number? {
    let size = MemoryLayout<Number>.size
    guard size <= remaining else { return nil }
    // Safety: the bytes lie inside the mapping, and any pattern of bits is an integer.
    let value = unsafe file.unsafeBytes.loadUnaligned(fromByteOffset: offset, as: Number.self)
    offset += size
    return Number(littleEndian: value)
  }

  /// The next `count` bytes as text; nil when they are too few or no UTF-8.
  package mutating func text(byteCount count: Int) -> String? {
    let start = offset
    guard skip(count) else { return nil }
    return ByteCursor.text(of: file, start..<offset)
  }

  /// Some bytes of a file as text, or nil when they are no UTF-8.
  ///
  /// - Precondition: the range lies inside the file.
  package static func text(of file: MappedFile, _ range: Range<Int>) -> String? {
    precondition(range.lowerBound >= 0 && range.upperBound <= file.count, "range out of the file")
    // Safety: the range was checked, and the string copies the bytes.
    return unsafe String(
      validating: UnsafeRawBufferPointer(rebasing: file.unsafeBytes[range]), as: UTF8.self)
  }
}
