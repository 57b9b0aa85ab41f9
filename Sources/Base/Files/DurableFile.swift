import Glibc

/// Files that are either published whole or not at all:
/// write → fsync(file) → rename → fsync(folder).
public enum DurableFile {
  /// The name under which a file is written before it is published. It starts with a dot and
  /// lies in the same folder, so that the rename is atomic and globs do not see it.
  public static func temporaryPath(for path: String) -> String {
    let (folder, name) = split(path)
    return folder + "/." + name + ".partial"
  }

  /// Writes `bytes` under a temporary name and publishes the file at `path`.
  public static func write(_ bytes: [UInt8], to path: String) throws(FileError) {
    let temporary = temporaryPath(for: path)
    let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw .cannotCreate(path: path, errno: errno) }
    do throws(FileError) {
      try writeAll(bytes, to: descriptor, path: path)
    } catch {
      close(descriptor)
      unsafe unlink(temporary)
      throw error
    }
    guard close(descriptor) == 0 else { throw .writeFailed(path: path, errno: errno) }
    try publish(temporary, as: path)
  }

  /// Writes what `body` appends, piece by piece, and publishes the file at `path`.
  public static func write(
    to path: String, _ body: (_ append: ([UInt8]) throws -> Void) throws -> Void
  ) throws {
    let temporary = temporaryPath(for: path)
    let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw FileError.cannotCreate(path: path, errno: errno) }
    do {
      try body { try writeAll($0, to: descriptor, path: path) }
    } catch {
      close(descriptor)
      unsafe unlink(temporary)
      throw error
    }
    guard close(descriptor) == 0 else { throw FileError.writeFailed(path: path, errno: errno) }
    try publish(temporary, as: path)
  }

  /// Makes a finished temporary file durable and gives it its final name.
  ///
  /// - Throws: `FileError.writeFailed`; the temporary file is removed then, and nothing that was
  ///   published before is touched.
  public static func publish(_ temporary: String, as path: String) throws(FileError) {
    do throws(FileError) {
      try move(temporary, to: path)
    } catch {
      unsafe unlink(temporary)
      throw error
    }
  }

  /// Makes a file durable and gives it another name, in one step as others see it. After an error it
  /// has one of the two names.
  public static func move(_ old: String, to path: String) throws(FileError) {
    try synchronise(old, flags: O_RDONLY, reportedAs: path)
    guard unsafe rename(old, path) == 0 else { throw .writeFailed(path: path, errno: errno) }
    try synchronise(split(path).folder, flags: O_RDONLY | O_DIRECTORY, reportedAs: path)
  }

  /// The folder and the last component of a path; the folder of a bare name is ".".
  public static func split(_ path: String) -> (folder: String, name: String) {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return (".", path) }
    let folder = String(path[..<slash])
    return (folder.isEmpty ? "/" : folder, String(path[path.utf8.index(after: slash)...]))
  }

  private static func synchronise(
    _ path: String, flags: Int32, reportedAs published: String
  ) throws(FileError) {
    let descriptor = unsafe open(path, flags | O_CLOEXEC)
    guard descriptor >= 0 else { throw .writeFailed(path: published, errno: errno) }
    defer { close(descriptor) }
    while fsync(descriptor) != 0 {
      if errno == EINTR { continue }
      throw .writeFailed(path: published, errno: errno)
    }
  }

  private static func writeAll(
    _ bytes: [UInt8], to descriptor: Int32, path: String
  ) throws(FileError) {
    var written = 0
    while written < bytes.count {
      let result = unsafe bytes.withUnsafeBytes { buffer in
        unsafe Glibc.write(descriptor, buffer.baseAddress! + written, buffer.count - written)
      }
      if result < 0 && errno == EINTR { continue }
      guard result > 0 else { throw .writeFailed(path: path, errno: errno) }
      written += result
    }
  }
}
