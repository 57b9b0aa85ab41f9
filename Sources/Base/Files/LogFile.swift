import Glibc

/// A text that only grows: what happened when, beside results that must not say so.
public enum LogFile {
  /// Appends one line with one call of the system, so that two writers do not mix.
  public static func append(_ line: String, to path: String) throws(FileError) {
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw .cannotCreate(path: path, errno: errno) }
    defer { close(descriptor) }
    let bytes = Array((line + "\n").utf8)
    let written = unsafe bytes.withUnsafeBytes {
      unsafe write(descriptor, $0.baseAddress, $0.count)
    }
    guard written == bytes.count else { throw .writeFailed(path: path, errno: errno) }
  }

  /// Makes what was appended so far durable; a missing file is fine.
  public static func synchronise(_ path: String) throws(FileError) {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    while fsync(descriptor) != 0 {
      if errno == EINTR { continue }
      throw .writeFailed(path: path, errno: errno)
    }
  }
}
