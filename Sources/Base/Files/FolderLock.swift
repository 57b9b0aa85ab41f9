import Glibc

/// Keeps a second process from writing to the same folder, without leaving a file behind.
///
/// The lock is the system's (flock) on the folder itself: it goes with this object, and with the
/// process however that ends. A file system without locks gives no protection and no error.
public final class FolderLock: Sendable {
  private let descriptor: Int32

  /// Locks an existing folder, without waiting.
  ///
  /// - Throws: `FileError.locked` when another process, or another object, holds the lock.
  public init(_ path: String) throws(FileError) {
    descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .unreadable(path: path, errno: errno) }
    if flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK {
      close(descriptor)
      throw .locked(path: path)
    }
  }

  deinit {
    // Closing is not enough while a child that was forked just now still has a copy of the descriptor.
    flock(descriptor, LOCK_UN)
    close(descriptor)
  }
}
