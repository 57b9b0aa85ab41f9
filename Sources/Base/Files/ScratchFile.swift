import Glibc

/// Numbers that do not fit in memory and that nobody keeps: a file without a name, gone with its last
/// reference or with the process.
public final class ScratchFile: Sendable {
  private let descriptor: Int32
  private let folder: String

  /// - Parameter folder: where there is room, such as the output folder.
  public init(folder: String) throws(FileError) {
    self.folder = folder
    var template = Array("\(folder)/.scratch-XXXXXX".utf8CString)
    // Safety: the template is zero-terminated and mkstemp keeps its length.
    descriptor = unsafe mkstemp(&template)
    guard descriptor >= 0 else { throw .cannotCreate(path: folder, errno: errno) }
    // Safety: mkstemp replaced the X's and left the rest.
    unsafe unlink(template)
  }

  deinit { close(descriptor) }

  /// Writes all of `numbers` at the byte `offset`.
  public func write(_ numbers: Span<Float>, at offset: Int) throws(FileError) {
    let byteCount = numbers.count * MemoryLayout<Float>.stride
    var done = 0
    while done < byteCount {
      // Safety: the remaining bytes lie in the span, which outlives the call.
      let count = unsafe numbers.withUnsafeBytes { buffer in
        guard let base = buffer.baseAddress else { return 0 }
        return unsafe pwrite(descriptor, base + done, byteCount - done, off_t(offset + done))
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw .writeFailed(path: folder, errno: errno) }
      done += count
    }
  }

  /// Fills `numbers` from the byte `offset`.
  public func read(into numbers: inout MutableSpan<Float>, at offset: Int) throws(FileError) {
    let byteCount = numbers.count * MemoryLayout<Float>.stride
    var done = 0
    while done < byteCount {
      // Safety: as above, and any bytes are a Float; the span is exclusively ours.
      let count = unsafe numbers.withUnsafeMutableBytes { buffer in
        guard let base = buffer.baseAddress else { return 0 }
        return unsafe pread(descriptor, base + done, byteCount - done, off_t(offset + done))
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw .unreadable(path: folder, errno: count == 0 ? EIO : errno) }
      done += count
    }
  }
}
