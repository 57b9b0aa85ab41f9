import Glibc

/// Reads a file, a pipe or the standard input from front to back in bounded pieces.
@safe public final class ByteStream {
  /// Names the stream in errors.
  public let path: String
  /// Size in bytes of a regular file when it was opened; nil for a pipe, whose size is not known.
  public let byteCount: Int?
  /// Number of bytes read so far.
  public private(set) var offset = 0
  private let descriptor: Int32
  private let isOwned: Bool

  /// Opens the file, pipe or device at `path`.
  ///
  /// - Throws: `FileError` when it is missing, a folder or not readable.
  public init(path: String) throws(FileError) {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw errno == ENOENT || errno == ENOTDIR
        ? .missing(path: path) : .unreadable(path: path, errno: errno)
    }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT != S_IFDIR else {
      close(descriptor)
      throw .notRegular(path: path)
    }
    self.path = path
    self.byteCount = status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) : nil
    self.descriptor = descriptor
    self.isOwned = true
  }

  private init(descriptor: Int32, path: String) {
    self.path = path
    self.byteCount = nil
    self.descriptor = descriptor
    self.isOwned = false
  }

  /// The standard input of this process, named `-` in errors as on the command line.
  public static func standardInput() -> ByteStream { ByteStream(descriptor: 0, path: "-") }

  deinit { if isOwned { close(descriptor) } }

  /// Appends at most `limit` further bytes to `bytes`.
  ///
  /// - Returns: the number of bytes appended; 0 only at the end.
  /// - Throws: `FileError.unreadable`.
  public func read(upTo limit: Int, into bytes: inout [UInt8]) throws(FileError) -> Int {
    let start = bytes.count
    bytes.append(contentsOf: repeatElement(0, count: limit))
    while true {
      let result = unsafe bytes.withUnsafeMutableBytes { buffer in
        // Safety: the buffer has `limit` bytes from `start` on.
        unsafe Glibc.read(descriptor, buffer.baseAddress.map { unsafe $0 + start }, limit)
      }
      if result < 0 && errno == EINTR { continue }
      bytes.removeLast(limit - max(result, 0))
      guard result >= 0 else { throw .unreadable(path: path, errno: errno) }
      offset += result
      return result
    }
  }
}
