import Glibc

/// A regular file, mapped read-only into memory for as long as this object lives.
///
/// Opening is the only step that can fail; afterwards the bytes are there. A file that another
/// process truncates while it is mapped would raise SIGBUS: `verifyUnchanged()` turns the cases that
/// can be seen into an error, and nobody should write to a checkpoint in use.
@safe public final class MappedFile: @unchecked Sendable {
  // Safety of `@unchecked Sendable`: nothing changes after init, and the mapping is read-only.
  public let path: String
  /// Size in bytes when the file was opened.
  public let count: Int
  private let base: UnsafeRawPointer?
  private let device: UInt64
  private let inode: UInt64

  /// Maps the file at `path`, following symbolic links.
  ///
  /// - Throws: `FileError` when it is missing, not regular, not readable or above `limit` bytes.
  public init(path: String, limit: Int = .max) throws(FileError) {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw errno == ENOENT || errno == ENOTDIR
        ? .missing(path: path) : .unreadable(path: path, errno: errno)
    }
    defer { close(descriptor) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else {
      throw .unreadable(path: path, errno: errno)
    }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .notRegular(path: path) }
    let size = Int(status.st_size)
    guard size <= limit else { throw .tooLarge(path: path, byteCount: size, limit: limit) }
    var mapped: UnsafeRawPointer?
    if size > 0 {
      guard let pointer = unsafe mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0),
        unsafe pointer != MAP_FAILED
      else { throw .unreadable(path: path, errno: errno) }
      unsafe mapped = UnsafeRawPointer(pointer)
    }
    self.path = path
    self.count = size
    unsafe self.base = mapped
    self.device = UInt64(status.st_dev)
    self.inode = UInt64(status.st_ino)
  }

  deinit {
    // Safety: `base` came from mmap with this length and is unmapped once.
    if let base = unsafe base { unsafe munmap(UnsafeMutableRawPointer(mutating: base), count) }
  }

  /// The mapped bytes; valid while this object lives.
  package var unsafeBytes: UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(start: base, count: count)
  }

  /// Calls `body` with the bytes of the whole file.
  public func withBytes<Result, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(unsafe unsafeBytes.bytes)
  }

  /// Calls `body` with one piece after the other, from front to back, and lets go of each: files
  /// larger than memory can be read so.
  ///
  /// - Parameter progress: called after each piece with its number of bytes.
  func readOnce(progress: (Int) -> Void, _ body: (RawSpan) -> Void) {
    let step = 16 << 20
    for start in stride(from: 0, to: count, by: step) {
      let end = min(start + step, count)
      withBytes { bytes in body(bytes.extracting(start..<end)) }
      release(start..<end)
      progress(end - start)
    }
  }

  /// A copy of the whole file.
  public func copyBytes() -> [UInt8] {
    unsafe [UInt8](unsafeBytes)
  }

  /// Tells the system that these bytes will not be needed soon, so that the resident memory of a
  /// sweep over a large checkpoint stays bounded.
  public func release(_ range: Range<Int>) {
    let page = 4096
    let lower = (range.lowerBound + page - 1) / page * page
    let upper = range.upperBound / page * page
    guard let base = unsafe base, lower < upper, lower >= 0, upper <= count else { return }
    // Safety: the range lies inside the mapping; a private read-only page is read again on demand.
    unsafe madvise(UnsafeMutableRawPointer(mutating: base + lower), upper - lower, MADV_DONTNEED)
  }

  /// - Throws: `FileError.changedWhileReading` when the file's size is no longer what it was.
  public func verifyUnchanged() throws(FileError) {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { throw .missing(path: path) }
    guard Int(status.st_size) == count, UInt64(status.st_ino) == inode,
      UInt64(status.st_dev) == device
    else {
      throw .changedWhileReading(path: path, before: count, after: Int(status.st_size))
    }
  }
}
