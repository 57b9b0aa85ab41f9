import Glibc

/// A block of bytes that workers fill at the same time, each its own rows, and that one thread then
/// writes to a file, or the other way round.
///
/// Who writes which bytes when is the caller's contract, as for `MatrixView`: closures that run at the
/// same time must have disjoint ranges, and nobody reads what another one writes.
@safe public final class StagingBuffer: @unchecked Sendable {
  // Safety of `@unchecked Sendable`: the pointer never changes; see the contract above.
  public let byteCount: Int
  private let base: UnsafeMutableRawPointer
  private let mappedCount: Int

  /// A block of zeros; it takes no memory until it is touched.
  public init(byteCount: Int) {
    precondition(byteCount >= 0, "a block has no negative size")
    self.byteCount = byteCount
    mappedCount = max(byteCount, 1)
    let mapped = unsafe mmap(
      nil, mappedCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let pointer = unsafe mapped, unsafe pointer != MAP_FAILED else {
      preconditionFailure("out of memory: \(byteCount) bytes for a staging buffer")
    }
    if byteCount >= 2 << 20 { unsafe madvise(pointer, mappedCount, MADV_HUGEPAGE) }
    unsafe base = pointer
  }

  deinit { unsafe munmap(base, mappedCount) }

  /// Calls `body` with some of the bytes, to be written.
  public func withMutableBytes<Result, Failure: Error>(
    _ range: Range<Int>, _ body: (inout MutableRawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    precondition(range.lowerBound >= 0 && range.upperBound <= byteCount, "bytes out of range")
    // Safety: the range was checked, and `self` lives until the end of the call.
    let buffer = unsafe UnsafeMutableRawBufferPointer(
      start: base + range.lowerBound, count: range.count)
    var span = unsafe buffer.mutableBytes
    defer { extendLifetime(self) }
    return try body(&span)
  }

  /// Calls `body` with some of the bytes, to be read.
  public func withBytes<Result, Failure: Error>(
    _ range: Range<Int>, _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    precondition(range.lowerBound >= 0 && range.upperBound <= byteCount, "bytes out of range")
    // Safety: as above.
    let buffer = unsafe UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count)
    defer { extendLifetime(self) }
    return try body(unsafe buffer.bytes)
  }

  /// Copies `elements` to the bytes from `offset` on.
  public func store<Element: HDF5Element>(_ elements: Span<Element>, at offset: Int) {
    unsafe elements.withUnsafeBytes { source in
      let target = unsafe pointer(at: offset, count: source.count)
      // Safety: the range was checked; a span never overlaps a buffer that is being written.
      if let base = source.baseAddress { unsafe memcpy(target, base, source.count) }
    }
    extendLifetime(self)
  }

  /// The address of a byte; valid while the buffer lives.
  func pointer(at offset: Int, count: Int) -> UnsafeMutableRawPointer {
    precondition(offset >= 0 && count >= 0 && offset + count <= byteCount, "bytes out of range")
    return unsafe base + offset
  }
}
